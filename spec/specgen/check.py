# SPDX-License-Identifier: MIT
"""Judges the model: everything that would make wrong or uncompilable outputs, or a device that cannot be built."""

from __future__ import annotations

from . import c, check_isa, check_layout, check_names
from .errors import Problems
from .load import ISA_BASE
from .model import CORE_VERSIONS, Profile, Spec

# Entries that the templates and the derived constants build on.
NEEDED_CONSTANTS = (
    "PAGE_SIZE",
    "MAX_CONTEXTS",
    "MAX_QUEUES",
    "DOORBELL_STRIDE",
    "DOORBELL_SLOTS",
    "MSIX_VECTORS",
    "MSIX_TABLE_OFFSET",
    "MSIX_PBA_OFFSET",
    "MAX_CORES",
    "PSUM_BANKS",
    "PSUM_BANK_BYTES",
    "PARTITIONS",
    "SEQ_REGISTERS",
    "LAUNCH_ARGS",
)
NEEDED_ENUMS = {
    "dtype": ISA_BASE,
    "engine": ISA_BASE,
    "space": ISA_BASE,
    "scalar_kind": ISA_BASE,
    "profile": "registers.toml",
    "fault": "faults.toml",
}
NEEDED_STRUCTS = ("instruction_header", "tile", "mem", "scalar")
BAR_KINDS = ("mem32", "mem64", "mem64-prefetchable")


def check(spec: Spec) -> None:
    """Raises SpecError with every problem found."""
    problems = Problems()
    _needed(spec, problems)
    problems.stop_if_any()  # the rest relies on these
    check_names.check(spec, problems, c.names(spec))
    check_layout.check(spec, problems)
    _device(spec, problems)
    _bars(spec, problems)
    check_isa.check(spec, problems)
    _records(spec, problems)
    _profiles(spec, problems)
    problems.stop_if_any()


def _records(spec: Spec, problems: Problems) -> None:
    """A kind of the flight recorder is a struct of one size that begins with the head."""
    kinds = spec.enum("record_kind")
    size = next((s.size for s in spec.structs if s.name == "record_reset"), 0)
    for value in kinds.values if kinds else []:
        name = f"record_{value.name.lower()}"
        struct = next((s for s in spec.structs if s.name == name), None)
        if struct is None:
            problems.add("recorder.toml", f"enum record_kind, value {value.name}", f"there is no struct {name}")
        elif struct.size != size or struct.members[0].type != "record_head" or struct.members[0].offset != 0:
            problems.add("recorder.toml", f"struct {name}", f"is not {size} bytes that begin with a record_head")


def _needed(spec: Spec, problems: Problems) -> None:
    for name in NEEDED_CONSTANTS:
        if not spec.constant(name):
            problems.add("device.toml", f"constant {name}", "is missing")
    for name, file in NEEDED_ENUMS.items():
        if not spec.enum(name):
            problems.add(file, f"enum {name}", "is missing")
    for name in NEEDED_STRUCTS:
        if not spec.struct(name):
            problems.add(ISA_BASE, f"struct {name}", "is missing")
    for name in ("opcode", "flags"):
        if all(m.name != name for m in spec.packet_header.members):
            problems.add("packets.toml", "header", f"field '{name}' is missing")
    header = spec.struct("instruction_header")
    if header and all(m.name != "opcode" for m in header.members):
        problems.add(ISA_BASE, "struct instruction_header", "field 'opcode' is missing")


def _device(spec: Spec, problems: Problems) -> None:
    value = lambda name: spec.constant(name).value  # noqa: E731
    for constant in spec.all_constants():
        if not 0 <= constant.value < 1 << 64:
            problems.add(constant.file, f"constant {constant.name}", "is not an unsigned 64-bit number")
        if constant.name.startswith("PCI_") and constant.value > 0xFFFF:
            problems.add(constant.file, "pci", f"{constant.name.removeprefix('PCI_').lower()} has more than 16 bits")
    if not (0 <= spec.major < 1 << 16 and 0 <= spec.minor < 1 << 16):
        problems.add("device.toml", "version", "major and minor have 16 bits each")
    if value("DOORBELL_SLOTS") * value("DOORBELL_STRIDE") > value("PAGE_SIZE"):
        problems.add("device.toml", "constant DOORBELL_SLOTS", "the slots do not fit in a page")
    doorbells = spec.constant("BAR_DOORBELLS_SIZE")
    if doorbells and value("MAX_CONTEXTS") * value("PAGE_SIZE") > doorbells.value:
        problems.add("device.toml", "bar DOORBELLS", "smaller than one page per context")
    if value("MMU_PAGE_SHIFT") + value("MMU_LEVELS") * value("MMU_INDEX_BITS") != value("MMU_VA_BITS"):
        problems.add("mmu.toml", "mmu", "page_shift + levels * index_bits is not va_bits")
    if 1 << value("MMU_PAGE_SHIFT") != value("PAGE_SIZE"):
        problems.add("mmu.toml", "mmu", "1 << page_shift is not PAGE_SIZE")


def _bars(spec: Spec, problems: Problems) -> None:
    slots: dict[int, str] = {}
    for bar in spec.bars:
        where = f"bar {bar.name}"
        if bar.kind not in BAR_KINDS:
            problems.add(bar.file, where, f"unknown kind '{bar.kind}'")
        used = (bar.index, bar.index + 1) if bar.kind.startswith("mem64") else (bar.index,)
        if not all(0 <= slot <= 5 for slot in used):
            problems.add(bar.file, where, f"index {bar.index} is outside 0..5 (a 64-bit BAR takes two)")
        for slot in used:
            if slot in slots:
                problems.add(bar.file, where, f"takes the same BAR slot {slot} as {slots[slot]}")
            slots[slot] = bar.name
        if bar.size is not None and (bar.size <= 0 or bar.size & (bar.size - 1)):
            problems.add(bar.file, where, f"size {bar.size:#x} is not a power of two")


def _list(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))


def _profiles(spec: Spec, problems: Problems) -> None:
    ids = {v.name for v in spec.enum("profile").values}
    seen: dict[str, str] = {}
    for p in spec.profiles:
        where = f"profile {p.name}"
        if p.id not in ids:
            problems.add(p.file, where, f"id '{p.id}' is not in enum profile")
        if p.id in seen:
            problems.add(p.file, where, f"has the id of {seen[p.id]}")
        seen[p.id] = p.file
        if p.file != f"profiles/{p.name}.toml":
            problems.add(p.file, where, "the file is not named like the profile")
        if p.core_version not in CORE_VERSIONS:
            problems.add(p.file, where, f"core_version {p.core_version} is not one of {_list(CORE_VERSIONS)}")
        if not 1 <= p.cores <= spec.constant("MAX_CORES").value:
            problems.add(p.file, where, f"cores {p.cores} is outside 1..MAX_CORES")
        if p.hbm_banks < 1 or p.hbm_bytes < 1 or p.hbm_bytes % (p.hbm_banks * spec.constant("PAGE_SIZE").value):
            problems.add(p.file, where, "hbm_bytes is not a number of pages per bank")
        for key in ("sbuf_bytes", "hbm_gb_per_s", "pe_mhz", "act_mhz", "dve_mhz", "pool_mhz"):
            if getattr(p, key) < 1:
                problems.add(p.file, where, f"{key} is not positive")
        # A core's DMA rings stand for its DMA engines.
        if p.dma_engines != p.cores * spec.constant("DMA_RINGS").value:
            problems.add(p.file, where, "dma_engines is not DMA_RINGS per core")
        if p.host_dma_engines < 1:
            problems.add(p.file, where, "host_dma_engines is not positive")
        for key, value in zip(Profile.SENSORS, p.sensors()):
            if not 1 <= value < 1 << 32:
                problems.add(p.file, where, f"{key} is not a positive number of 32 bits")
    for name in sorted(ids - seen.keys()):
        problems.add("registers.toml", f"enum profile, value {name}", "no file in profiles/ has this id")
