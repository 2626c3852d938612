# SPDX-License-Identifier: MIT
"""The instruction set: engines, core versions, element types, and what operands may be."""

from __future__ import annotations

from .errors import Problems
from .model import CORE_VERSIONS, OPERAND_ACCESS, Instruction, Member, Spec

# Which kinds of operand a key belongs to.
KEY_KINDS = {
    "access": ("tile", "mem", "scalar"),
    "spaces": ("tile", "scalar"),
    "dtypes": ("tile", "mem", "scalar"),
}


def check(spec: Spec, problems: Problems) -> None:
    _Isa(spec, problems).run()


class _Isa:
    def __init__(self, spec: Spec, problems: Problems):
        self.spec = spec
        self.problems = problems
        self.file = ""
        self.names = {enum: {v.name for v in spec.enum(enum).values} for enum in ("engine", "space", "dtype", "fault")}

    def add(self, where: str, text: str) -> None:
        self.problems.add(self.file, where, text)

    def run(self) -> None:
        self.dtypes()
        for e in self.spec.enums:
            self.file = e.file
            if e.name not in ("packet_op", "opcode"):  # the latter says what the instructions say
                for v in e.values:
                    self.since(f"enum {e.name}, value {v.name}", "since", v.since)
        for i in self.spec.instructions:
            self.file = i.file
            where = f"instruction {i.name}"
            self.engines(where, i)
            self.versions(where, i)
            self.facts(where, i)
            for m in i.operands:
                self.operand(f"{where}, field {m.name}", m)

    def dtypes(self) -> None:
        enum = self.spec.enum("dtype")
        self.file = enum.file
        for v in enum.values:
            if v.bytes not in (1, 2, 4, 8):
                self.add(f"enum dtype, value {v.name}", "'bytes' must be 1, 2, 4 or 8")
            if not 1 <= v.value < 32:
                self.add(f"enum dtype, value {v.name}", f"{v.value} is outside 1..31, the bits of a set of types")
        for c in self.spec.dtype_classes:
            self.file = c.file
            self.members(f"dtype_class {c.name}", "dtype", c.dtypes)

    def members(self, where: str, enum: str, names: list[str]) -> None:
        """Names of values of `enum`: at least one, each known, none twice."""
        if not names:
            self.add(where, f"names no {enum}")
        for name in names:
            if name not in self.names[enum]:
                self.add(where, f"unknown {enum} '{name}'")
        if len(set(map(str, names))) != len(names):
            self.add(where, f"names {'an' if enum[0] in 'aeiou' else 'a'} {enum} twice")

    def since(self, where: str, key: str, version: int) -> None:
        if version not in CORE_VERSIONS:
            self.add(where, f"'{key}' {version} is no core version ({', '.join(map(str, CORE_VERSIONS))})")

    def engines(self, where: str, i: Instruction) -> None:
        self.members(where, "engine", i.engines)
        for key in ("engine_since", "engine_spaces"):
            for name in getattr(i, key):
                if name not in i.engines:
                    self.add(where, f"'{key}' names {name}, which does not run it")
        for name, spaces in i.engine_spaces.items():
            self.members(f"{where}, engine_spaces of {name}", "space", spaces)

    def versions(self, where: str, i: Instruction) -> None:
        self.since(where, "since", i.since)
        for name, version in i.engine_since.items():
            self.since(where, f"engine_since of {name}", version)
            if version <= i.since:
                self.add(where, f"'engine_since' of {name} is {version}, but the instruction is there since {i.since}")

    def facts(self, where: str, i: Instruction) -> None:
        if not i.meaning:
            self.add(where, "'meaning' has no step")
        if not i.cost.strip():
            self.add(where, "'cost' is empty")
        for text in i.errors:
            fault, colon, when = text.partition(":")
            if not colon or not when.strip():
                self.add(where, f"error {text!r} is not of the form 'FAULT: when'")
            elif fault not in self.names["fault"]:
                self.add(where, f"unknown fault '{fault}'")

    def operand(self, where: str, m: Member) -> None:
        for key, kinds in KEY_KINDS.items():
            if getattr(m, key) is not None and m.kind not in kinds:
                self.add(where, f"'{key}' does not belong to kind {m.kind}")
        if m.access is None and m.kind in KEY_KINDS["access"]:
            self.add(where, f"'access' is missing; kind {m.kind} needs it")
        if m.access is not None and m.access not in OPERAND_ACCESS:
            self.add(where, f"unknown access '{m.access}'")
        if m.spaces is not None:
            self.members(where, "space", m.spaces)
        if m.dtypes is not None and self.spec.dtype_class(m.dtypes) is None:
            self.add(where, f"unknown dtype class '{m.dtypes}'")
