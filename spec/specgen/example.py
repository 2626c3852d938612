# SPDX-License-Identifier: MIT
"""A line of assembly that shows how an instruction is written."""

from __future__ import annotations

from .model import Instruction, Member, Range, Spec

PREFERRED = ("BF16", "F32", "I32", "U32", "U16")


def example(i: Instruction, spec: Spec) -> str:
    """The contract's own line, or one with a plausible value for every operand."""
    if i.example:
        return i.example
    names = {m.name for m in i.operands}
    parts = []
    for m in i.operands:
        if m.name == "imm" and "rb" in names:
            continue  # written with rb
        if m.name == "rows" and m.kind == "imm":
            continue  # the rows of the blocks
        if m.kind == "mem":
            parts.append(_mem(i, names))
        else:
            parts.append("r3 + 4" if m.name == "rb" and "imm" in names else _operand(m, spec))
    return " ".join([i.name.lower(), ", ".join(part for part in parts if part)]).strip()


def _operand(m: Member, spec: Spec) -> str:
    if m.kind == "tile":
        space = (m.spaces or ["SBUF"])[0].lower()
        return f"{space}.{_dtype(m, spec)}[0:{_near(m.partitions, 32)}, 0, {_near(m.elements, 16)}]"
    if m.kind in ("enum", "flags"):
        return spec.enum(m.enum).values[0].name.lower()
    if m.kind == "array":
        return "[" + ", ".join("0" for _ in range(m.count)) + "]"
    fixed = {"reg": "r1", "imm": "0", "arg": "arg0", "bool": "", "label": "0"}
    return {**fixed, "scalar": "1.5", "f32": "1.5"}[m.kind]


def _near(r: Range | None, number: int) -> int:
    """The number, or what the range begins with."""
    return number if r is None or r.holds(number) else r.min or r.max


def _mem(i: Instruction, names: set[str]) -> str:
    """A block next to a tile takes its type from it; alone it names one, and has rows or is one element."""
    if any(m.kind == "tile" for m in i.operands):
        return "arg0[0, 32, 16]"
    return "arg0.f32[0, 32, 16]" if "rows" in names else "arg0.f32[0]"


def _dtype(m: Member, spec: Spec) -> str:
    allowed = spec.dtype_class(m.dtypes).dtypes if m.dtypes else PREFERRED
    return next((name for name in PREFERRED if name in allowed), allowed[0]).lower()
