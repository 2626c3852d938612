# SPDX-License-Identifier: MIT
"""The faults of each instruction: those that follow from its engines, operands and header, and those that it names itself."""

from __future__ import annotations

from .model import CORE_VERSIONS, Instruction, Member, Spec

# What an access to memory may end with, and when. `{}` is the operand.
MEMORY = {
    "PAGE_NOT_MAPPED": "no page is mapped where {} lies; va holds the address",
    "PAGE_READ_ONLY": "{} lies in a page without WRITE; va holds the address",
    "BAD_ADDRESS": "the address of {} is below 0 or beyond the address bits",
    "PAGE_TABLE": "a page table on the way to {} is malformed or outside memory",
    "HOST_BUS": "the host refuses the access to {}; info holds the bus address",
    "HBM_RANGE": "a page of {} lies outside HBM",
}

# The order of a page; faults that are not here come last.
ORDER = (
    "ILLEGAL_INSTRUCTION",
    "UNSUPPORTED",
    "ILLEGAL_OPERAND",
    "UNSUPPORTED_OPERAND",
    "TILE_RANGE",
    "INDEX_RANGE",
    "PSUM_GROUP",
    *MEMORY,
    "PC_RANGE",
    "SEMAPHORE",
    "DEADLOCK",
    "HAZARD_ORDER",
    "HAZARD_UNWRITTEN",
)

LAST_OF_STREAM = "END"  # the one instruction that nothing needs to follow


def faults(i: Instruction, spec: Spec) -> list[tuple[str, str]]:
    """(fault, when), in the order of a page. A fault may occur more than once."""
    own = [(fault.strip(), when.strip()) for fault, _, when in (text.partition(":") for text in i.errors)]
    rows = _common(i, spec) + _operands(i, spec) + own
    place = {name: n for n, name in enumerate(ORDER)}
    return sorted(rows, key=lambda row: place.get(row[0], len(place)))


def names(i: Instruction, spec: Spec) -> list[str]:
    """The faults, each once."""
    return list(dict.fromkeys(name for name, _ in faults(i, spec)))


def joined(words: list[str], last: str = "and") -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def quoted(members: list[Member], last: str = "and") -> str:
    return joined([f"`{m.name}`" for m in members], last)


def _common(i: Instruction, spec: Spec) -> list[tuple[str, str]]:
    """What every instruction may end with."""
    rows = []
    others = [v.name for v in spec.enum("engine").values if v.name not in i.engines]
    if others:
        rows.append(("ILLEGAL_INSTRUCTION", f"in a stream of {joined(others, 'or')}; info holds the opcode"))
    if i.since > CORE_VERSIONS[0]:
        rows.append(("UNSUPPORTED", f"on a NeuronCore before v{i.since}; info holds the opcode"))
    for engine, version in i.engine_since.items():
        rows.append(("UNSUPPORTED", f"on {engine} of a NeuronCore before v{version}; info holds the opcode"))
    broken = "an operand is not as Operands and Limits say, " if i.operands else ""
    rows.append(("ILLEGAL_OPERAND", f"{broken}a reserved byte is not zero, or an operation of the header is unknown"))
    if i.name != LAST_OF_STREAM:
        rows.append(("PC_RANGE", "it is the last of its stream and goes on behind it; info holds the index"))
    rows.append(("SEMAPHORE", "its update would take the semaphore above 2^32-1 or below 0; info holds the semaphore"))
    rows.append(("DEADLOCK", "nothing in flight can end its wait; info holds the semaphore"))
    return rows


def _operands(i: Instruction, spec: Spec) -> list[tuple[str, str]]:
    rows = [("UNSUPPORTED_OPERAND", text) for text in _later_values(i, spec)]
    places = [m for m in i.operands if m.kind in ("tile", "scalar")]
    if places:
        names = [f"`{m.name}`" if m.kind == "tile" else f"a VECTOR `{m.name}`" for m in places]
        rows.append(("TILE_RANGE", f"{joined(names, 'or')} reaches outside its memory; info holds the operand's offset"))
        hazard = "with hazard detection only: no semaphore orders it and another access to the same bytes"
        rows.append(("HAZARD_ORDER", hazard))
        if any(m.access != "write" for m in places) or any(m.enum == "dma_op" for m in i.operands):
            rows.append(("HAZARD_UNWRITTEN", "with hazard detection only: it reads what nothing has written"))
    rows += [("INDEX_RANGE", f"an index in `{m.name}` is out of bounds") for m in i.operands if _bare_index(m, i)]
    memory = [m for m in i.operands if m.kind == "mem"]
    unit = "; unit is DMA" if i.name.startswith("DMA_") else ""
    for fault, when in MEMORY.items() if memory else ():
        named = [m for m in memory if fault != "PAGE_READ_ONLY" or m.access != "read"]
        if named:
            rows.append((fault, when.format(quoted(named, "or")) + unit))
    return rows


def _bare_index(m: Member, i: Instruction) -> bool:
    """Whether it holds indices and the instruction does not say itself what happens to wrong ones."""
    return m.index and not any(text.startswith("INDEX_RANGE") for text in i.errors)


def _later_values(i: Instruction, spec: Spec) -> list[str]:
    """Element types and values of operands that came after the first cores, by the version that brought them."""
    out = []
    for version in (v for v in CORE_VERSIONS if v > i.since):
        parts = []
        typed = [m for m in i.operands if m.kind in ("tile", "mem", "scalar")]
        for v in spec.enum("dtype").values:
            having = [m for m in typed if m.dtypes is None or v.name in spec.dtype_class(m.dtypes).dtypes]
            if v.since == version and having:
                parts.append(f"{quoted(having, 'or')} of type {v.name}")
        for m in i.operands:
            later = [v.name for v in spec.enum(m.enum).values if v.since == version] if m.enum else []
            if later:
                parts.append(f"`{m.name}` {joined(later, 'or')}")
        if parts:
            out.append(f"on a NeuronCore before v{version}: {', '.join(parts)}; info holds the operand's offset")
    return out
