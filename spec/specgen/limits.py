# SPDX-License-Identifier: MIT
"""The limits of each instruction in words: those that it names itself, and those that follow from the tables."""

from __future__ import annotations

from .faults import joined, quoted
from .model import Instruction, Member, Range, Spec

TILE_RULE = (
    "Tiles and columns: up to 32 partitions start at 0, 32, 64 or 96, up to 64 at 0 or 64, more at 0; every element lies "
    "within the memory and at a multiple of its size; a walk has at most as many elements as fit into a partition."
)
MEM_RULE = "Memory: each num is at least 1, the shift at most 31; the sum of an address stays within the address bits."
SCALAR_RULE = "{}: an IMM or REG is of type {}; a VECTOR has one element in each partition of the instruction's data."
WORDS = ("F32", "I32", "U32")  # types of numbers and registers


def limits(i: Instruction, spec: Spec) -> list[str]:
    """One sentence each, in the order of a page. Empty: nothing can be wrong."""
    return [*i.limits, *_shapes(i), *_agreement(i), *_reach(i), *_numbers(i, spec), *_structs(i, spec)]


def number_range(m: Member, spec: Spec) -> Range | None:
    """The numbers that an operand, or each one of an array, may be; None: it is no number."""
    value = lambda name: spec.constant(name).value  # noqa: E731
    ends = {"reg": lambda: value("SEQ_REGISTERS"), "arg": lambda: value("LAUNCH_ARGS"), "bool": lambda: 2}
    if m.kind in ends:
        return Range(0, ends[m.kind]() - 1)
    if m.kind not in ("imm", "array", "label"):
        return None
    r = m.range or Range()
    low = m.numbers.min if r.min is None else r.min
    return Range(low, m.numbers.max if r.max is None else r.max, r.multiple, r.pow2, r.also)


def _shapes(i: Instruction) -> list[str]:
    groups: dict[str, list[Member]] = {}
    for m in i.operands:
        parts = [_count(r, noun) for r, noun in ((m.partitions, "partition"), (m.elements, _per(m))) if r]
        if parts:
            groups.setdefault(", ".join(parts), []).append(m)
    banks = [f"`{m.name}` lies within one PSUM bank in each partition." for m in i.operands if m.one_bank]
    return [f"{quoted(members)}: {text}." for text, members in groups.items()] + banks


def _per(m: Member) -> str:
    return "element per row" if m.kind == "mem" else "element per partition"


def _count(r: Range, noun: str) -> str:
    """1 partition; 8 to 16384 elements per partition; partitions a multiple of 16."""
    head, _, tail = noun.partition(" ")
    plural = noun if r.max == 1 else f"{head}s {tail}".strip()
    if r.multiple != 1 and r.max is None:
        return f"a multiple of {r.multiple} {plural}"
    text = r.text()
    bounds, comma, rest = text.partition(", ")
    return f"{bounds} {plural}{comma}{rest}"


def _agreement(i: Instruction) -> list[str]:
    """What tiles must have in common."""
    what = {"same_partitions": "partitions", "same_elements": "elements per partition"}
    groups: dict[tuple[str, ...], list[str]] = {}
    for rule, noun in what.items():
        if names := getattr(i, rule):
            groups.setdefault(tuple(names), []).append(noun)
    out = [f"{_names(names)} have the same number of {joined(nouns, 'and of')}." for names, nouns in groups.items()]
    if i.same_size:
        out.append(f"The element types of {_names(i.same_size)} have the same size.")
    if i.one_in_psum:
        out.append(f"Of {_names(i.one_in_psum)} at most one is in PSUM.")
    return out


def _names(names) -> str:
    return joined([f"`{name}`" for name in names])


def _reach(i: Instruction) -> list[str]:
    return [f"{engine} reaches {joined(spaces)} only." for engine, spaces in i.engine_spaces.items()]


def _numbers(i: Instruction, spec: Spec) -> list[str]:
    """Operands that are numbers, those of one range together."""
    groups: dict[str, list[Member]] = {}
    for m in i.operands:
        r = number_range(m, spec)
        if r is None:
            continue
        text = {"reg": f"r{r.min} to r{r.max}", "arg": f"arg{r.min} to arg{r.max}"}.get(m.kind, r.text())
        groups.setdefault(("each " if m.kind == "array" else "") + text, []).append(m)
    return [f"{quoted(members)}: {text}." for text, members in groups.items()]


def _structs(i: Instruction, spec: Spec) -> list[str]:
    out = []
    scalars = [m for m in i.operands if m.kind == "scalar"]
    for m in scalars:
        if m.kinds:
            out.append(f"`{m.name}`: a {joined(m.kinds, 'or')}.")
    groups: dict[str, list[Member]] = {}
    for m in (m for m in scalars if m.kinds is None):
        allowed = [name for name in WORDS if m.dtypes is None or name in spec.dtype_class(m.dtypes).dtypes]
        groups.setdefault(joined(allowed, "or"), []).append(m)
    out += [SCALAR_RULE.format(quoted(members), types) for types, members in groups.items()]
    if scalars or any(m.kind == "tile" for m in i.operands):
        out.append(TILE_RULE)
    if any(m.kind == "mem" for m in i.operands):
        out.append(MEM_RULE)
    return out
