# SPDX-License-Identifier: MIT
"""Layout: bytes of structs, packets and instructions, bits and places of registers, values of enums."""

from __future__ import annotations

from .errors import Problems
from .model import ACCESS, OPERAND_KINDS, BitField, Block, Enum, Member, Register, Spec

MSIX_ENTRY_BYTES = 16
KIND_TYPES = {
    "reg": ("u8",),
    "arg": ("u8",),
    "bool": ("u8",),
    "label": ("u32",),
    "tile": ("tile",),
    "mem": ("mem",),
    "scalar": ("scalar",),
    "f32": ("u32",),
}


def check(spec: Spec, problems: Problems) -> None:
    _Layout(spec, problems).run()


class _Layout:
    def __init__(self, spec: Spec, problems: Problems):
        self.spec = spec
        self.problems = problems
        self.file = ""

    def add(self, where: str, text: str) -> None:
        self.problems.add(self.file, where, text)

    def run(self) -> None:
        spec = self.spec
        for e in spec.enums:
            self.enum(e)
        self.file = spec.packet_header.file
        self.bytes("header", spec.packet_header.members, 0, spec.packet_header.size)
        for s in spec.structs:
            self.file = s.file
            if s.bitfields:
                self.word(f"struct {s.name}", s.bitfields, s.size)
                continue
            self.bytes(f"struct {s.name}", s.members, 0, s.size)
            if s.size % s.align:
                self.add(f"struct {s.name}", f"size {s.size} is not a multiple of its alignment {s.align}")
        for p in spec.packets:
            self.file = p.file
            self.bytes(f"packet {p.name}", p.members, spec.packet_header.size, spec.packet_bytes)
        for i in spec.instructions:
            self.file = i.file
            self.bytes(
                f"instruction {i.name}", i.operands, spec.struct("instruction_header").size, spec.instruction_bytes
            )
            for m in i.operands:
                self.operand(f"instruction {i.name}, field {m.name}", m)
        self.blocks()

    # ---- enums

    def enum(self, e: Enum) -> None:
        self.file = e.file
        made = {"packet_op": "packet", "opcode": "instruction"}.get(e.name)
        seen: dict[int, str] = {}
        if not e.values:
            self.add(f"enum {e.name}", "has no values")
        for v in e.values:
            where = f"{made} {v.name}" if made else f"enum {e.name}, value {v.name}"
            if not 0 <= v.value < 1 << 31:
                self.add(where, f"{v.value} is outside 0..2^31-1")
            elif e.flags and v.value.bit_count() != 1:
                self.add(where, f"{v.value} is a flag but not one bit")
            if v.value in seen:
                self.add(where, f"has the value {v.value} of {seen[v.value]}")
            seen.setdefault(v.value, v.name)

    def enum_fits(self, where: str, name: str | None, bits: int) -> None:
        if name is None:
            return
        enum = self.spec.enum(name)
        if enum is None:
            self.add(where, f"unknown enum '{name}'")
        elif any(v.value >> bits for v in enum.values if v.value >= 0):
            self.add(where, f"values of enum {name} do not fit in {bits} bits")

    # ---- bytes

    def bytes(self, where: str, members: list[Member], first: int, size: int) -> None:
        """Members between byte `first` and byte `size`, aligned, apart from each other."""
        for m in members:
            self.member(f"{where}, field {m.name}", m, first, size)
        ordered = sorted(members, key=lambda m: m.offset)
        for a, b in zip(ordered, ordered[1:]):
            if b.offset < a.end:
                self.add(f"{where}, field {b.name}", f"overlaps {a.name} at byte {b.offset}")

    def member(self, where: str, m: Member, first: int, size: int) -> None:
        if m.array is not None and m.array < 1:
            self.add(where, f"array of {m.array}")
        if m.offset < first:
            self.add(where, f"offset {m.offset} lies before byte {first}")
        if m.end > size:
            self.add(where, f"ends at byte {m.end}, beyond byte {size}")
        if m.offset % m.align:
            self.add(where, f"offset {m.offset} is not aligned to {m.align}")
        if m.enum and (m.struct or m.signed or m.type == "char" or m.array is not None):
            self.add(where, "an enum needs an unsigned integer")
        else:
            self.enum_fits(where, m.enum, 8 * m.element_size)
        if m.type == "char" and m.array is None:
            self.add(where, "char needs 'array'")

    def operand(self, where: str, m: Member) -> None:
        if m.kind not in OPERAND_KINDS:
            self.add(where, f"unknown kind '{m.kind}'")
            return
        if (m.kind == "array") != (m.array is not None):
            self.add(where, "'array' belongs to kind array, and it needs it")
        if m.kind in KIND_TYPES and m.type not in KIND_TYPES[m.kind]:
            self.add(where, f"kind {m.kind} needs type {KIND_TYPES[m.kind][0]}")
        if m.kind not in ("tile", "mem", "scalar") and (m.struct or m.type == "char"):
            self.add(where, f"kind {m.kind} cannot be of type {m.type}")
        if (m.kind in ("enum", "flags")) != (m.enum is not None):
            self.add(where, "'enum' belongs to kinds enum and flags, and they need it")
        enum = self.spec.enum(m.enum) if m.enum else None
        if enum and enum.flags != (m.kind == "flags"):
            self.add(where, f"enum {m.enum} {'has' if enum.flags else 'has no'} flags, kind is {m.kind}")

    # ---- bits

    def word(self, where: str, fields: list[BitField], size: int) -> None:
        if size not in (4, 8):
            self.add(where, f"bitfields need a size of 4 or 8 bytes, not {size}")
        self.bits(where, fields, 8 * size)

    def bits(self, where: str, fields: list[BitField], bits: int) -> None:
        for f in fields:
            at = f"{where}, field {f.name}"
            if f.lsb < 0 or f.bits < 1 or f.lsb + f.bits > bits:
                self.add(at, f"bits [{f.lsb + f.bits - 1}:{f.lsb}] are outside {bits} bits")
            self.enum_fits(at, f.enum, max(f.bits, 0))
        ordered = sorted(fields, key=lambda f: f.lsb)
        for a, b in zip(ordered, ordered[1:]):
            if b.lsb < a.lsb + a.bits:
                self.add(f"{where}, field {b.name}", f"overlaps {a.name} at bit {b.lsb}")

    # ---- registers

    def blocks(self) -> None:
        spans = []
        for b in self.spec.blocks:
            self.file = b.file
            end = self.block(b)
            spans.append((b.offset, end, b.file, f"block {b.name}"))
        value = lambda name: self.spec.constant(name).value  # noqa: E731
        vectors, table, pending = value("MSIX_VECTORS"), value("MSIX_TABLE_OFFSET"), value("MSIX_PBA_OFFSET")
        spans.append((table, table + vectors * MSIX_ENTRY_BYTES, "device.toml", "constant MSIX_TABLE_OFFSET"))
        spans.append((pending, pending + (vectors + 63) // 64 * 8, "device.toml", "constant MSIX_PBA_OFFSET"))
        size = self.spec.constant("BAR_REGS_SIZE")
        for first, end, file, where in spans:
            self.file = file
            if size and end > size.value:
                self.add(where, f"ends at {end:#x}, beyond BAR REGS")
        spans.sort()
        for (_, end, _, a), (first, _, file, b) in zip(spans, spans[1:]):
            if first < end:
                self.problems.add(file, b, f"overlaps {a} at {first:#x}")

    def block(self, b: Block) -> int:
        """Returns the first byte after the block and its repetitions."""
        where = f"block {b.name}"
        if b.offset < 0 or b.offset % 8 or b.stride < 0 or b.stride % 8:
            self.add(where, "offset and stride are multiples of 8")
        if b.count < 1:
            self.add(where, f"count {b.count} is not positive")
        for r in b.registers:
            self.register(f"{where}, register {r.name}", r)
        ordered = sorted(b.registers, key=lambda r: r.offset)
        for a, c in zip(ordered, ordered[1:]):
            if c.offset < a.offset + a.bits // 8:
                self.add(f"{where}, register {c.name}", f"overlaps {a.name} at {c.offset:#x}")
        size = max((r.offset + r.bits // 8 for r in b.registers), default=0)
        if b.repeats and size > b.stride:
            self.add(where, f"its registers end at {size:#x}, beyond the stride {b.stride:#x}")
        return b.offset + (b.stride * b.count if b.repeats else size)

    def register(self, where: str, r: Register) -> None:
        if r.bits not in (32, 64):
            self.add(where, f"{r.bits} bits; a register has 32 or 64")
            return
        if r.offset < 0 or r.offset % (r.bits // 8):
            self.add(where, f"offset {r.offset:#x} is not aligned to {r.bits // 8}")
        if r.access not in ACCESS:
            self.add(where, f"unknown access '{r.access}'")
        if r.reset is not None and not 0 <= r.reset < 1 << r.bits:
            self.add(where, f"reset {r.reset:#x} does not fit in {r.bits} bits")
        if r.when is not None and r.access == "ro":
            self.add(where, "'when' on a read-only register")
        self.enum_fits(where, r.enum, r.bits)
        self.bits(where, r.fields, r.bits)
