# SPDX-License-Identifier: MIT
"""C++ packers, unpackers and reserved-byte checks."""

from __future__ import annotations

from .cpp_names import member_type
from .model import Member, Spec, Struct
from .text import camel


def structs(spec: Spec) -> list[Struct]:
    return [spec.packet_header] + spec.plain_structs


def _types(spec: Spec) -> list[tuple[str, int]]:
    out = [(camel(s.name), s.size) for s in structs(spec)]
    out += [(f"Packet{camel(p.name)}", spec.packet_bytes) for p in spec.packets]
    return out + [(f"Insn{camel(i.name)}", spec.instruction_bytes) for i in spec.instructions]


def pack_declarations(spec: Spec) -> str:
    lines = ["/// Writes every byte of `out`; those of no field become zero."]
    return "\n".join(
        lines
        + [f"void pack(const {name} &value, std::span<std::byte, {name}::BYTES> out);" for name, _ in _types(spec)]
    )


def unpack_declarations(spec: Spec) -> str:
    return "\n".join(
        f"template <> {name} unpack<{name}>(std::span<const std::byte, {name}::BYTES> in);" for name, _ in _types(spec)
    )


def reserved_declarations(spec: Spec) -> str:
    return "\n".join(
        f"template <> ReservedCheck reserved_clear<{camel(s.name)}>(std::span<const std::byte, {camel(s.name)}::BYTES> raw);"
        for s in structs(spec)
    )


def _store(m: Member) -> list[str]:
    place, value = f"out.data() + {m.offset}", f"value.{m.name}"
    if m.array is not None:
        place, value = f"{place} + {m.element_size} * i", f"{value}[i]"
    if m.struct:
        line = f"pack({value}, std::span<std::byte, {m.element_size}>({place}, {m.element_size}));"
    else:
        line = f"store<{m.element_size}>({place}, {value});"
    return _loop(m, line)


def _load(m: Member) -> list[str]:
    place, value = f"in.data() + {m.offset}", f"value.{m.name}"
    if m.array is not None:
        place, value = f"{place} + {m.element_size} * i", f"{value}[i]"
    kind = member_type(m)
    if m.struct:
        line = f"{value} = unpack<{kind}>(std::span<const std::byte, {m.element_size}>({place}, {m.element_size}));"
    else:
        line = f"{value} = load<{kind}, {m.element_size}>({place});"
    return _loop(m, line)


def _loop(m: Member, line: str) -> list[str]:
    if m.array is None:
        return [f"    {line}"]
    return [f"    for (std::size_t i = 0; i < {m.array}; ++i)", f"        {line}"]


# Bytes that no member covers are zero. `size` is None where a header comes first.
def _pair(name: str, size: int | None, head_store: list[str], head_load: list[str], members: list[Member]) -> str:
    used = [m for m in members if not m.reserved]
    lines = [f"void pack(const {name} &value, std::span<std::byte, {name}::BYTES> out) {{"]
    if sum(m.size for m in used) != size:
        lines += ["    std::ranges::fill(out, std::byte{0});"]
    lines += head_store
    for m in used:
        lines += _store(m)
    lines += [
        "}",
        "",
        f"template <> {name} unpack<{name}>(std::span<const std::byte, {name}::BYTES> in) {{",
        f"    {name} value;",
    ] + head_load
    for m in used:
        lines += _load(m)
    return "\n".join(lines + ["    return value;", "}"])


def definitions(spec: Spec) -> str:
    out = [_pair(camel(s.name), s.size, [], [], s.members) for s in structs(spec)]
    header = spec.packet_header.size
    for p in spec.packets:
        name = f"Packet{camel(p.name)}"
        out.append(
            _pair(
                name,
                None,
                [f"    pack(PacketHeader{{{name}::OPCODE, value.flags}}, out.first<{header}>());"],
                [f"    value.flags = unpack<PacketHeader>(in.first<{header}>()).flags;"],
                p.members,
            )
        )
    header = spec.struct("instruction_header").size
    for i in spec.instructions:
        name = f"Insn{camel(i.name)}"
        out.append(
            _pair(
                name,
                None,
                [
                    "    InstructionHeader header = value.header;",
                    f"    header.opcode = {name}::OPCODE;",
                    f"    pack(header, out.first<{header}>());",
                ],
                [f"    value.header = unpack<InstructionHeader>(in.first<{header}>());"],
                i.operands,
            )
        )
    return "\n\n".join(out)


def reserved_bytes(members: list[Member], size: int, base: int = 0) -> set[int]:
    """Offsets of the bytes that must be zero."""
    free = set(range(base, base + size))
    for m in members:
        if m.reserved:
            continue
        for i in range(m.count):
            at = base + m.offset + i * m.element_size
            free -= set(range(at, at + m.element_size))
            if m.struct:
                free |= reserved_bytes(m.struct.members, m.struct.size, at)
    return free


def _mask(free: set[int], size: int) -> str:
    """Little-endian words with ones in the bytes of `free`."""
    words = [sum(0xFF << 8 * (b - at) for b in free if at <= b < at + 8) for at in range(0, size, 8)]
    return "{" + ", ".join(f"{w:#x}" if w else "0" for w in words) + "}"


def _masks(spec: Spec) -> list[tuple[str, set[int], int]]:
    """(name of the mask, bytes that must be zero, size) of everything that can be checked."""
    out = [(f"RESERVED_{s.name.upper()}", reserved_bytes(s.members, s.size), s.size) for s in structs(spec)]
    head = [Member("header", 0, "struct packet_header", "", struct=spec.packet_header)]
    size = spec.packet_bytes
    out += [(f"RESERVED_PACKET_OP_{p.name}", reserved_bytes(head + p.members, size), size) for p in spec.packets]
    head = [Member("header", 0, "struct instruction_header", "", struct=spec.struct("instruction_header"))]
    size = spec.instruction_bytes
    return out + [
        (f"RESERVED_OPCODE_{i.name}", reserved_bytes(head + i.operands, size), size) for i in spec.instructions
    ]


def reserved_tables(spec: Spec) -> str:
    return "\n".join(
        f"constexpr std::array<std::uint64_t, {(size + 7) // 8}> {name}{_mask(free, size)};"
        for name, free, size in _masks(spec)
    )


def reserved_definitions(spec: Spec) -> str:
    out = []
    for s in structs(spec):
        name = camel(s.name)
        out.append(
            "\n".join(
                [
                    f"template <> ReservedCheck reserved_clear<{name}>(std::span<const std::byte, {name}::BYTES> raw) {{",
                    f"    return check_reserved(raw, RESERVED_{s.name.upper()});",
                    "}",
                ]
            )
        )
    out.append(_switch("PacketOp", "PACKET_OP", "PACKET_BYTES", [p.name for p in spec.packets]))
    out.append(_switch("Opcode", "OPCODE", "INSTRUCTION_BYTES", [i.name for i in spec.instructions]))
    return "\n\n".join(out)


def _switch(enum: str, prefix: str, size: str, names: list[str]) -> str:
    lines = [f"ReservedCheck reserved_clear({enum} op, std::span<const std::byte, {size}> raw) {{", "    switch (op) {"]
    lines += [f"    case {enum}::{name}: return check_reserved(raw, RESERVED_{prefix}_{name});" for name in names]
    return "\n".join(lines + ["    }", "    return {false, 0};", "}"])
