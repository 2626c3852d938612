# SPDX-License-Identifier: MIT
"""C++ tables for assembler, disassembler, decoders and debuggers."""

from __future__ import annotations

from .cpp_codec import structs
from .cpp_names import enum_class
from .example import example
from .faults import names as fault_names
from .limits import number_range
from .model import TILE_RULES, BitField, Enum, Instruction, Member, Packet, Range, Spec
from .text import c_string, camel


def tables(spec: Spec) -> str:
    parts = [_enum(e) for e in spec.enums]
    parts.append(
        "constexpr const EnumDesc *ENUMS[] = {" + ", ".join(f"&{_enum_name(e.name)}" for e in spec.enums) + "};"
    )
    for s in structs(spec):
        parts.append(
            _array(
                "FieldDesc", f"FIELDS_{s.name.upper()}", [_field(m) for m in sorted(s.members, key=lambda m: m.offset)]
            )
        )
        parts.append(
            f"constexpr StructDesc STRUCT_{s.name.upper()}{{{c_string(s.name)}, {s.size}, {c_string(s.doc)}, FIELDS_{s.name.upper()}}};"
        )
    parts.append(
        "constexpr const StructDesc *STRUCTS[] = {"
        + ", ".join(f"&STRUCT_{s.name.upper()}" for s in structs(spec))
        + "};"
    )
    parts += [_packet_fields(p) for p in spec.packets if p.members]
    parts.append(_array("PacketDesc", "PACKETS", [_packet(p) for p in spec.packets]))
    parts += [_operands(i, spec) for i in spec.instructions if i.operands]
    parts.append(_array("InsnDesc", "INSTRUCTIONS", [_instruction(i, spec) for i in spec.instructions]))
    parts += _registers(spec)
    parts += _words(spec)
    parts.append(
        _array(
            "ProfileDesc",
            "PROFILES",
            [
                f"{{{c_string(p.name)}, Profile::{p.id}, {c_string(p.doc)}, {', '.join(map(str, p.numbers))}}}"
                for p in spec.profiles
            ],
        )
    )
    return "\n\n".join(parts)


def enum_functions(spec: Spec) -> str:
    out = []
    for e in spec.enums:
        name, desc = enum_class(e), _enum_name(e.name)
        out.append(
            "\n".join(
                [
                    f"template <> const EnumDesc &enum_desc<{name}>() {{ return {desc}; }}",
                    f"template <> std::span<const {name}> values<{name}>() {{",
                    f"    static constexpr {name} LIST[] = {{{', '.join(f'{name}::{v.name}' for v in e.values)}}};",
                    "    return LIST;",
                    "}",
                    f"std::string_view name({name} value) {{",
                    f"    const EnumValueDesc *found = {desc}.find(std::uint64_t{{raw(value)}});",
                    '    return found != nullptr ? found->name : "?";',
                    "}",
                    f"std::string_view describe({name} value) {{",
                    f"    const EnumValueDesc *found = {desc}.find(std::uint64_t{{raw(value)}});",
                    "    return found != nullptr ? found->doc : std::string_view{};",
                    "}",
                ]
            )
        )
    return "\n\n".join(out)


def struct_functions(spec: Spec) -> str:
    return "\n".join(
        f"template <> const StructDesc &struct_desc<{camel(s.name)}>() {{ return STRUCT_{s.name.upper()}; }}"
        for s in structs(spec)
    )


def _array(kind: str, name: str, rows: list[str]) -> str:
    return "\n".join([f"constexpr {kind} {name}[] = {{"] + [f"    {row}," for row in rows] + ["};"])


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _enum_name(name: str | None) -> str:
    return f"ENUM_{name.upper()}" if name else "nullptr"


def _enum_pointer(name: str | None) -> str:
    return f"&{_enum_name(name)}" if name else "nullptr"


def _enum(e: Enum) -> str:
    up = e.name.upper()
    rows = [f"{{{c_string(v.name)}, {v.value}, {c_string(v.doc)}, {v.since}}}" for v in e.values]
    return "\n".join(
        [
            _array("EnumValueDesc", f"VALUES_{up}", rows),
            f"constexpr EnumDesc ENUM_{up}{{{c_string(e.name)}, EnumId::{up}, {_bool(e.flags)}, {c_string(e.doc)}, VALUES_{up}}};",
        ]
    )


def _field(m: Member) -> str:
    kind = "STRUCT" if m.struct else "CHAR" if m.type == "char" else "SIGNED" if m.signed else "UNSIGNED"
    struct = f"&STRUCT_{m.struct.name.upper()}" if m.struct else "nullptr"
    return (
        f"{{{c_string(m.name)}, {c_string(m.doc)}, {m.offset}, {m.element_size}, {m.count}, FieldType::{kind}, "
        f"{_bool(m.array is not None)}, {_bool(m.reserved)}, {_enum_pointer(m.enum)}, {struct}, {_range(m.range)}}}"
    )


def _packet_fields(p: Packet) -> str:
    return _array(
        "FieldDesc", f"FIELDS_PACKET_{p.name}", [_field(m) for m in sorted(p.members, key=lambda m: m.offset)]
    )


def _packet(p: Packet) -> str:
    fields = f"FIELDS_PACKET_{p.name}" if p.members else "{}"
    return f"{{{c_string(p.name)}, PacketOp::{p.name}, {c_string(p.doc)}, {fields}}}"


def _mask(spec: Spec, enum: str, names: list[str]) -> int:
    """The set of these values of `enum`, a bit for each."""
    bits = {v.name: v.value for v in spec.enum(enum).values}
    return sum(1 << bits[name] for name in names)


def _range(r: Range | None) -> str:
    if r is None:
        return "{}"
    low = "RangeDesc::LOWEST" if r.min in (None, -(1 << 63)) else str(r.min)
    high = "RangeDesc::HIGHEST" if r.max in (None, (1 << 63) - 1) else str(r.max)
    also = low if r.also is None else str(r.also)
    return f"{{{low}, {high}, {r.multiple}, {_bool(r.pow2)}, {also}}}"


def _operand(m: Member, spec: Spec) -> str:
    struct = f"&STRUCT_{m.struct.name.upper()}" if m.struct else "nullptr"
    dtypes = spec.dtype_class(m.dtypes).dtypes if m.dtypes else []
    return (
        f"{{{c_string(m.name)}, OperandKind::{m.kind.upper()}, {m.offset}, {m.size}, {_bool(m.signed)}, "
        f"EnumId::{m.enum.upper() if m.enum else 'NONE'}, {_enum_pointer(m.enum)}, {struct}, {c_string(m.doc)}, "
        f"OperandAccess::{(m.access or 'none').upper()}, {_mask(spec, 'space', m.spaces or []):#x}, "
        f"{_mask(spec, 'dtype', dtypes):#x}, {_mask(spec, 'scalar_kind', m.kinds or []):#x}, {m.count}, "
        f"{_range(number_range(m, spec))}, {_range(m.partitions)}, {_range(m.elements)}, {_bool(m.one_bank)}}}"
    )


def _group(i: Instruction, names: list[str]) -> int:
    """A bit for each of these operands."""
    return sum(1 << n for n, m in enumerate(i.operands) if m.name in names)


def _operands(i: Instruction, spec: Spec) -> str:
    return _array("OperandDesc", f"OPERANDS_{i.name}", [_operand(m, spec) for m in i.operands])


def _instruction(i: Instruction, spec: Spec) -> str:
    everywhere = [v.name for v in spec.enum("space").values]
    engines = {v.value: v.name for v in spec.enum("engine").values}
    since, reach = [], []
    for number in range(spec.constant("ENGINE_COUNT").value):
        name = engines.get(number, "")
        since.append(str(i.since_on(name)))
        spaces = i.engine_spaces.get(name, everywhere) if name in i.engines else []
        reach.append(hex(_mask(spec, "space", spaces)))
    operands = f"OPERANDS_{i.name}" if i.operands else "{}"
    return (
        f"{{{c_string(i.name)}, Opcode::{i.name}, {_mask(spec, 'engine', i.engines):#x}, {c_string(i.doc)}, {operands}, "
        f"{{{', '.join(since)}}}, {{{', '.join(reach)}}}, {c_string(i.cost)}, {c_string(example(i, spec))}, "
        f"{_mask(spec, 'fault', fault_names(i, spec)):#x}, "
        f"{', '.join(f'{_group(i, getattr(i, rule)):#x}' for rule in TILE_RULES)}}}"
    )


def _register_field(f: BitField) -> str:
    return f"{{{c_string(f.name)}, {f.lsb}, {f.bits}, {c_string(f.doc)}, {_enum_pointer(f.enum)}}}"


def _registers(spec: Spec) -> list[str]:
    parts, rows = [], []
    for b in spec.blocks:
        for r in b.registers:
            fields = "{}"
            if r.fields:
                fields = f"FIELDS_{b.name}_{r.name}_REGISTER"
                parts.append(_array("RegisterFieldDesc", fields, [_register_field(f) for f in r.fields]))
            rows.append(
                f"{{{c_string(b.name)}, {c_string(r.name)}, {b.offset + r.offset:#x}, {b.stride:#x}, {b.count}, {r.bits}, "
                f"Access::{r.access.upper()}, {r.reset or 0:#x}, {c_string(r.doc)}, {c_string(r.when or '')}, "
                f"{_enum_pointer(r.enum)}, {fields}}}"
            )
    return parts + [_array("RegisterDesc", "REGISTERS", rows)]


def _words(spec: Spec) -> list[str]:
    parts, rows = [], []
    for s in spec.structs:
        if s.bitfields:
            fields = f"FIELDS_{s.name.upper()}_WORD"
            parts.append(_array("RegisterFieldDesc", fields, [_register_field(f) for f in s.bitfields]))
            rows.append(f"{{{c_string(s.name)}, {s.size}, {c_string(s.doc)}, {fields}}}")
    return parts + [_array("WordDesc", "WORDS", rows)]
