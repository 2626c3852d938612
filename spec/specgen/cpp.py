# SPDX-License-Identifier: MIT
"""neuron/spec.hpp and neuron/spec.cpp."""

from __future__ import annotations

from pathlib import Path

from . import cpp_codec, cpp_tables
from .cpp_names import enum_class, member_type, uint
from .model import Block, Constant, Enum, Instruction, Member, Packet, Spec, Struct
from .text import c_string, camel, fill, number, wrap

TEMPLATES = Path(__file__).parent / "templates"


def emit(spec: Spec) -> dict[str, str]:
    flag_enums = [e for e in spec.enums if e.flags]
    header = fill(
        (TEMPLATES / "spec.hpp.in").read_text(),
        {
            "CONSTANTS": _constants(spec),
            "ENUMS": "\n\n".join(_enum(e) for e in spec.enums),
            "FLAG_OPERATORS": "\n\n".join(_flag_operators(e) for e in flag_enums),
            "ENUM_IDS": "\n".join(f"    {e.name.upper()}," for e in spec.enums),
            "ENUM_FUNCTIONS": "\n".join(_enum_functions(e) for e in spec.enums),
            "REGISTERS": "\n".join(_registers(b) for b in spec.blocks),
            "FIELDS": _fields(spec),
            "STRUCTS": "\n\n".join(_struct(s) for s in cpp_codec.structs(spec)),
            "PACKETS": "\n\n".join(_packet(p) for p in spec.packets),
            "INSTRUCTIONS": "\n\n".join(_instruction(i) for i in spec.instructions),
            "PACK": cpp_codec.pack_declarations(spec),
            "UNPACK": cpp_codec.unpack_declarations(spec),
            "RESERVED": cpp_codec.reserved_declarations(spec),
            "STRUCT_DESCS": "\n".join(
                f"template <> const StructDesc &struct_desc<{camel(s.name)}>();" for s in cpp_codec.structs(spec)
            ),
        },
    )
    source = fill(
        (TEMPLATES / "spec.cpp.in").read_text(),
        {
            "TABLES": cpp_tables.tables(spec) + "\n\n" + cpp_codec.reserved_tables(spec),
            "ENUM_FUNCTIONS": cpp_tables.enum_functions(spec),
            "ENUMS": "std::span<const EnumDesc *const> enums() { return ENUMS; }",
            "DTYPE_BYTES": "\n".join(f"    case Dtype::{v.name}: return {v.bytes};" for v in spec.enum("dtype").values),
            "CODECS": cpp_codec.definitions(spec),
            "RESERVED": cpp_codec.reserved_definitions(spec),
            "STRUCT_DESCS": cpp_tables.struct_functions(spec),
        },
    )
    return {"neuron/spec.hpp": header, "neuron/spec.cpp": source}


def _doc(doc: str, indent: str = "") -> list[str]:
    return wrap(doc, f"{indent}/// ", width=120)


def _constant(c: Constant) -> list[str]:
    kind = "std::uint32_t" if c.value <= 0xFFFFFFFF else "std::uint64_t"
    return _doc(c.doc) + [f"inline constexpr {kind} {c.name} = {number(c.value, c.hex)};"]


def _constants(spec: Spec) -> str:
    lines = [line for c in spec.all_constants() for line in _constant(c)]
    for s in spec.strings:
        lines += _doc(s.doc) + [f"inline constexpr std::string_view {s.name} = {c_string(s.value)};"]
    return "\n".join(lines)


def _enum(e: Enum) -> str:
    lines = _doc(e.doc) + [f"enum class {enum_class(e)} : {uint(e.width)} {{"]
    for v in e.values:
        lines += _doc(v.doc, "    ") + [f"    {v.name} = {v.value},"]
    return "\n".join(lines + ["};"])


def _flag_operators(e: Enum) -> str:
    name, kind = enum_class(e), uint(e.width)
    return "\n".join(
        [
            f"constexpr {kind} operator|({name} a, {name} b) {{ return static_cast<{kind}>(raw(a) | raw(b)); }}",
            f"constexpr {kind} operator|({kind} a, {name} b) {{ return static_cast<{kind}>(a | raw(b)); }}",
            "/// Whether flag `b` is set in `a`.",
            f"constexpr bool operator&({kind} a, {name} b) {{ return (static_cast<unsigned>(a) & raw(b)) != 0; }}",
        ]
    )


def _enum_functions(e: Enum) -> str:
    name = enum_class(e)
    return "\n".join(
        [
            f"template <> const EnumDesc &enum_desc<{name}>();",
            f"template <> std::span<const {name}> values<{name}>();",
            '/// Name in the contract, "?" for an unknown value.',
            f"std::string_view name({name} value);",
            "/// One line of documentation, empty for an unknown value.",
            f"std::string_view describe({name} value);",
        ]
    )


def _registers(block: Block) -> str:
    lines = []
    for r in block.registers:
        when = f" Written only while {r.when}." if r.when else ""
        lines += _doc(f"{r.bits} bits, {r.access}. {r.doc}{when}")
        name, offset = f"{block.name}_{r.name}", block.offset + r.offset
        if block.repeats:
            lines.append(
                f"constexpr std::uint32_t {name}(std::uint32_t n) {{ return {offset:#x} + n * {block.stride:#x}; }}"
            )
        else:
            lines.append(f"inline constexpr std::uint32_t {name} = {offset:#x};")
    return "\n".join(lines)


def _fields(spec: Spec) -> str:
    groups = [(f"{b.name}_{r.name}", r.bits, r.fields) for b in spec.blocks for r in b.registers]
    groups += [(s.name.upper(), 8 * s.size, s.bitfields) for s in spec.structs]
    lines = []
    for prefix, bits, fields in groups:
        for f in fields:
            lines += _doc(f.doc)
            lines.append(
                f"inline constexpr Field<{uint(bits // 8)}> {prefix}_{f.name}{{{f.lsb}, {f.bits}, {f.mask:#x}}};"
            )
    return "\n".join(lines)


def _member(m: Member) -> list[str]:
    kind = member_type(m)
    if m.array is not None:
        kind = f"std::array<{kind}, {m.array}>"
    return _doc(m.doc, "    ") + [f"    {kind} {m.name}{{}};"]


def _aggregate(name: str, doc: str, size: str, head: list[str], members: list[Member]) -> str:
    lines = _doc(doc) + [f"struct {name} {{", f"    static constexpr std::size_t BYTES = {size};"] + head
    for m in members:
        if not m.reserved:
            lines += _member(m)
    return "\n".join(lines + ["", f"    friend bool operator==(const {name} &, const {name} &) = default;", "};"])


def _struct(s: Struct) -> str:
    return _aggregate(camel(s.name), s.doc, str(s.size), [], s.members)


def _packet(p: Packet) -> str:
    head = [
        f"    static constexpr PacketOp OPCODE = PacketOp::{p.name};",
        "    /// PacketFlag bits.",
        "    std::uint8_t flags{};",
    ]
    return _aggregate(f"Packet{camel(p.name)}", p.doc, "PACKET_BYTES", head, p.members)


def _instruction(i: Instruction) -> str:
    head = [
        f"    static constexpr Opcode OPCODE = Opcode::{i.name};",
        "    /// Wait and update. pack() writes OPCODE whatever header.opcode says.",
        "    InstructionHeader header{.opcode = OPCODE};",
    ]
    return _aggregate(f"Insn{camel(i.name)}", i.doc, "INSTRUCTION_BYTES", head, i.operands)
