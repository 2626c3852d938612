# SPDX-License-Identifier: MIT
"""The instruction set: engines, core versions, element types, and what operands may be."""

from __future__ import annotations

from dataclasses import replace

from .errors import Problems
from .model import CORE_VERSIONS, OPERAND_ACCESS, TILE_RULES, Instruction, Member, Range, Spec

NAMED_ENUMS = ("engine", "space", "dtype", "fault", "scalar_kind")

# Which kinds of operand a key belongs to.
KEY_KINDS = {
    "access": ("tile", "mem", "scalar"),
    "spaces": ("tile", "scalar"),
    "dtypes": ("tile", "mem", "scalar"),
    "kinds": ("scalar",),
    "range": ("imm", "array"),
    "partitions": ("tile",),
    "elements": ("tile", "mem"),
}


def check(spec: Spec, problems: Problems) -> None:
    _Isa(spec, problems).run()


class _Isa:
    def __init__(self, spec: Spec, problems: Problems):
        self.spec = spec
        self.problems = problems
        self.file = ""
        self.names = {enum: {v.name for v in spec.enum(enum).values} for enum in NAMED_ENUMS}

    def add(self, where: str, text: str) -> None:
        self.problems.add(self.file, where, text)

    def run(self) -> None:
        self.dtypes()
        for e in self.spec.enums:
            self.file = e.file
            if e.name not in ("packet_op", "opcode"):  # the latter says what the instructions say
                for v in e.values:
                    self.since(f"enum {e.name}, value {v.name}", "since", v.since)
        self.fields()
        for i in self.spec.instructions:
            self.file = i.file
            where = f"instruction {i.name}"
            self.engines(where, i)
            self.versions(where, i)
            self.facts(where, i)
            self.tile_rules(where, i)
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

    def tile_rules(self, where: str, i: Instruction) -> None:
        """Operands that must agree: at least two, tiles, but that a column may lie in PSUM too."""
        for rule in TILE_RULES:
            names = getattr(i, rule)
            kinds = ("tile", "scalar") if rule == "one_in_psum" else ("tile",)
            known = {m.name for m in i.operands if m.kind in kinds}
            for name in names:
                if name not in known:
                    self.add(where, f"'{rule}' names {name}, which is no {' or '.join(kinds)}")
            if len(names) == 1 or len(set(map(str, names))) != len(names):
                self.add(where, f"'{rule}' does not name several operands, each once")

    def fields(self) -> None:
        for s in self.spec.structs:
            self.file = s.file
            for m in s.members:
                where = f"struct {s.name}, field {m.name}"
                if m.range and (m.struct or m.enum or m.type in ("char", "u64")):
                    self.add(where, "a range belongs to a number")
                elif m.range:
                    self.range(where, m.range, m.numbers)

    def range(self, where: str, r: Range | None, room: Range | None) -> None:
        """What may be at most: `room`."""
        if r is None:
            return
        low = room.min if r.min is None else r.min
        high = room.max if r.max is None else r.max
        if low < room.min or (high is not None and (low > high or (room.max is not None and high > room.max))):
            self.add(where, f"{r.text()} is not within {room.text()}")
        elif r.multiple < 1 or not r.holds(low):
            self.add(where, f"'{r.text()}' does not begin with a number that it holds")
        elif r.also is not None and (replace(r, also=None).holds(r.also) or not room.holds(r.also)):
            self.add(where, f"{r.also} is no number of its own beside {r.text()}")

    def operand(self, where: str, m: Member) -> None:
        if m.index and (m.kind, m.access) != ("tile", "read"):
            self.add(where, "'index' belongs to a tile that is read")
        if m.one_bank and (m.kind, m.spaces) != ("tile", ["PSUM"]):
            self.add(where, "'one_bank' belongs to a tile that lies in PSUM")
        for key, kinds in KEY_KINDS.items():
            if getattr(m, key) is not None and m.kind not in kinds:
                self.add(where, f"'{key}' does not belong to kind {m.kind}")
        if m.access is None and m.kind in KEY_KINDS["access"]:
            self.add(where, f"'access' is missing; kind {m.kind} needs it")
        if m.access is not None and m.access not in OPERAND_ACCESS:
            self.add(where, f"unknown access '{m.access}'")
        if m.spaces is not None:
            self.members(where, "space", m.spaces)
        if m.kinds is not None:
            self.members(where, "scalar_kind", m.kinds)
        self.range(where, m.range, m.numbers if m.range else None)
        self.range(f"{where}, partitions", m.partitions, Range(1, self.spec.constant("PARTITIONS").value))
        self.range(f"{where}, elements", m.elements, Range(1))
        if m.dtypes is not None and self.spec.dtype_class(m.dtypes) is None:
            self.add(where, f"unknown dtype class '{m.dtypes}'")
