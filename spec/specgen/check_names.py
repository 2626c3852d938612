# SPDX-License-Identifier: MIT
"""Names: well formed, unique, and legal in C, C++ and Python."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from .errors import Problems
from .model import BitField, Member, Spec
from .text import camel

UPPER = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
LOWER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

# Words of C and C++ that a member could not be called; Python's come from `keyword`.
RESERVED_WORDS = set(
    """alignas alignof and asm auto bitand bitor bool break case catch char class compl const constexpr
continue default delete do double else enum explicit export extern false float for friend goto if inline int long mutable
namespace new noexcept not nullptr operator or private protected public register restrict return short signed sizeof static
struct switch template this throw true try typedef typeid typename union unsigned using virtual void volatile while xor
""".split()
)

# Types that spec.hpp has of its own.
CPP_TYPES = (
    "Field EnumId EnumValueDesc EnumDesc ReservedCheck FieldType FieldDesc StructDesc PacketDesc OperandKind OperandDesc "
    "InsnDesc OperandAccess RangeDesc Access RegisterFieldDesc RegisterDesc RegisterRef ProfileDesc"
).split()


def check(spec: Spec, problems: Problems, c_names: Iterable[tuple[str, str, str]]) -> None:
    _Names(spec, problems).run()
    _collisions(c_names, problems)
    _collisions(_cpp_types(spec), problems)
    _collisions(_c_structs(spec), problems)


def _collisions(names: Iterable[tuple[str, str, str]], problems: Problems) -> None:
    """Two different entries whose generated names are the same."""
    owner: dict[str, str] = {}
    for name, file, where in names:
        # Two entries of one name are told by _Names, in the words of the contract.
        if name in owner and owner[name] != where:
            problems.add(file, where, f"its generated name {name} is also that of {owner[name]}")
        owner.setdefault(name, where)


def _cpp_types(spec: Spec) -> list[tuple[str, str, str]]:
    out = [(name, "", "the C++ header") for name in CPP_TYPES]
    out += [(camel(e.name), e.file, f"enum {e.name}") for e in spec.enums]
    out += [(camel(s.name), s.file, f"struct {s.name}") for s in spec.structs + [spec.packet_header]]
    out += [(f"Packet{camel(p.name)}", p.file, f"packet {p.name}") for p in spec.packets]
    return out + [(f"Insn{camel(i.name)}", i.file, f"instruction {i.name}") for i in spec.instructions]


def _c_structs(spec: Spec) -> list[tuple[str, str, str]]:
    out = [(f"nrn_{s.name}", s.file, f"struct {s.name}") for s in spec.structs + [spec.packet_header]]
    return out + [(f"nrn_packet_{p.name.lower()}", p.file, f"packet {p.name}") for p in spec.packets]


class _Names:
    def __init__(self, spec: Spec, problems: Problems):
        self.spec = spec
        self.problems = problems

    def run(self) -> None:
        spec = self.spec
        self.group("constant", UPPER, [(c.file, c.name) for c in spec.constants])
        self.group("string", UPPER, [(s.file, s.name) for s in spec.strings])
        self.group("bar", UPPER, [(b.file, b.name) for b in spec.bars])
        self.group("block", UPPER, [(b.file, b.name) for b in spec.blocks])
        self.group("enum", LOWER, [(e.file, e.name) for e in spec.enums])
        self.group("dtype_class", UPPER, [(c.file, c.name) for c in spec.dtype_classes])
        self.group("struct", LOWER, [(s.file, s.name) for s in spec.structs])
        self.group("packet", UPPER, [(p.file, p.name) for p in spec.packets])
        self.group("instruction", UPPER, [(i.file, i.name) for i in spec.instructions])
        self.group("profile", LOWER, [(p.file, p.name) for p in spec.profiles])
        for e in spec.enums:
            if e.name not in ("packet_op", "opcode"):  # made from packets and instructions, which are judged above
                self.group(f"enum {e.name}, value", UPPER, [(e.file, v.name) for v in e.values])
        self.members()
        for b in spec.blocks:
            self.group(f"block {b.name}, register", UPPER, [(b.file, r.name) for r in b.registers])
            for r in b.registers:
                self.bits(b.file, f"block {b.name}, register {r.name}", r.fields)

    def members(self) -> None:
        spec = self.spec
        self.fields(spec.packet_header.file, "header", spec.packet_header.members)
        for s in spec.structs:
            self.fields(s.file, f"struct {s.name}", s.members)
            self.bits(s.file, f"struct {s.name}", s.bitfields)
        for p in spec.packets:
            self.fields(p.file, f"packet {p.name}", p.members, ("header", "flags"))
        for i in spec.instructions:
            self.fields(i.file, f"instruction {i.name}", i.operands, ("header",))

    def fields(self, file: str, where: str, members: list[Member], taken: tuple[str, ...] = ()) -> None:
        self.group(f"{where}, field", LOWER, [(file, m.name) for m in members])
        for m in members:
            if m.name in taken:
                self.problems.add(file, f"{where}, field {m.name}", "the name is taken by the header")
            if m.name in RESERVED_WORDS or keyword.iskeyword(m.name):
                self.problems.add(file, f"{where}, field {m.name}", "the name is a keyword of C, C++ or Python")

    def bits(self, file: str, where: str, fields: list[BitField]) -> None:
        self.group(f"{where}, field", UPPER, [(file, f.name) for f in fields])

    def group(self, kind: str, pattern: re.Pattern, names: list[tuple[str, str]]) -> None:
        seen: set[str] = set()
        for file, name in names:
            if not pattern.fullmatch(name):
                style = "UPPER_CASE" if pattern is UPPER else "lower_case"
                self.problems.add(file, f"{kind} {name}", f"the name is not {style}")
            if name in seen:
                self.problems.add(file, f"{kind} {name}", "the name is used twice")
            seen.add(name)
