# SPDX-License-Identifier: MIT
"""docs/reference/*.md: the contract as tables for people."""

from __future__ import annotations

from . import markdown_isa
from .markdown_parts import (
    bits,
    common,
    constants_table,
    enum_part,
    escape,
    member_rows,
    member_table,
    page,
    table,
    with_enum,
)
from .model import BitField, Block, Packet, Register, Spec

ACCESS = {"ro": "read", "rw": "read, write", "w1": "write 1 to act", "rw1c": "read, write 1 to clear", "wo": "write; reads 0"}


def emit(spec: Spec) -> dict[str, str]:
    return {
        "device.md": page(spec, "device.toml", "Device", _device(spec)),
        "registers.md": page(spec, "registers.toml", "Registers", _registers(spec)),
        "mmu.md": page(spec, "mmu.toml", "Context page tables", common(spec, "mmu.toml")),
        "packets.md": page(spec, "packets.toml", "Queue packets", _packets(spec)),
        **markdown_isa.emit(spec),
        "faults.md": page(spec, "faults.toml", "Events and faults", common(spec, "faults.toml")),
        "recorder.md": page(spec, "recorder.toml", "Flight recorder", common(spec, "recorder.toml")),
        "sanitizer.md": page(spec, "sanitizer.toml", "Sanitizer", common(spec, "sanitizer.toml")),
        "tape.md": page(spec, "tape.toml", "Tapes", common(spec, "tape.toml")),
        "plan.md": page(spec, "plan.toml", "Fault plans", common(spec, "plan.toml")),
        "object.md": page(spec, "object.toml", "Kernel files", common(spec, "object.toml")),
        "profiles.md": page(spec, "profiles/*.toml", "Chip profiles", _profiles(spec)),
    }


def _device(spec: Spec) -> list[str]:
    rows = [
        [str(b.index), f"`{b.name}`", b.kind, f"{b.size:#x}" if b.size is not None else "property", escape(b.doc)]
        for b in spec.bars
    ]
    declared = [c for c in spec.constants if c.file == "device.toml"]
    version = [["Major", str(spec.major)], ["Minor", str(spec.minor)]]
    pci = [c for c in spec.derived if c.name.startswith("PCI_")]
    return [
        "## Spec version",
        table(["Part", "Value"], version),
        "## PCI function",
        escape(spec.pci_doc),
        constants_table(pci),
        "## BARs",
        table(["Index", "Name", "Kind", "Size", "Meaning"], rows),
        "## Constants",
        constants_table(declared + [c for c in spec.derived if c.name == "PSUM_BYTES"]),
    ]


def _registers(spec: Spec) -> list[str]:
    parts = []
    for b in spec.blocks:
        parts += _block(b)
    parts += ["## Doorbells", escape(spec.doorbell_doc)]
    return parts + [p for e in spec.enums if e.file == "registers.toml" for p in enum_part(e)]


def _block(b: Block) -> list[str]:
    place = f"At {b.offset:#x}"
    if b.repeats:
        place += f", block n at {b.offset:#x} + n * {b.stride:#x}, n < {b.count}"
    rows = [
        [
            f"{b.offset + r.offset:#07x}",
            str(r.bits),
            f"`{r.name}`",
            ACCESS[r.access],
            f"{r.reset:#x}" if r.reset is not None else "",
            _register_doc(r),
        ]
        for r in b.registers
    ]
    parts = [
        f"## Block `{b.name}`",
        f"{escape(b.doc)} {escape(place)}.",
        table(["Offset", "Bits", "Name", "Access", "Reset", "Meaning"], rows),
    ]
    for r in b.registers:
        if r.fields:
            parts += [f"Fields of `{b.name}.{r.name}`:", _field_table(r.fields)]
    return parts


def _register_doc(r: Register) -> str:
    when = f" Written only while {r.when}." if r.when else ""
    return with_enum(r.doc + when, r.enum)


def _field_table(fields: list[BitField]) -> str:
    return table(
        ["Bits", "Name", "Meaning"], [[bits(f.lsb, f.bits), f"`{f.name}`", with_enum(f.doc, f.enum)] for f in fields]
    )


def _packets(spec: Spec) -> list[str]:
    head = spec.packet_header
    parts = ["## Header", escape(head.doc), member_table(head.members, 0, head.size)]
    for p in spec.packets:
        parts += _packet(p, spec)
    return parts + common(spec, "packets.toml")


def _packet(p: Packet, spec: Spec) -> list[str]:
    rows = member_rows(p.members, spec.packet_header.size, spec.packet_bytes)
    return [
        f"## Packet `{p.name}` (opcode {p.opcode:#04x})",
        escape(p.doc),
        table(["Byte", "Size", "Name", "Type", "Meaning"], rows),
    ]


def _profiles(spec: Spec) -> list[str]:
    gib = lambda n: f"{n} ({n / (1 << 30):g} GiB)"  # noqa: E731
    rows = [
        [
            f"`{p.name}`",
            str(p.core_version),
            str(p.cores),
            gib(p.hbm_bytes),
            str(p.hbm_banks),
            f"{p.sbuf_bytes} ({p.sbuf_bytes // 1024} KiB)",
            escape(p.doc),
        ]
        for p in spec.profiles_by_id
    ]
    head = ["Profile", "Core version", "Cores", "HBM bytes", "HBM stacks", "SBUF bytes per partition", "Meaning"]
    return [table(head, rows), "## Speeds", SPEEDS, _speeds(spec)] + _sensors(spec) + markdown_isa.matrix(spec)


SPEEDS = (
    "Of the chips that the profiles are shaped after. The cost of an instruction is in cycles of its engine. Each of a core's DMA "
    "rings stands for one of its DMA engines; queues stand for the host DMA engines, but any number of them runs at once. The "
    "model does not slow itself down to these figures."
)


def _speeds(spec: Spec) -> str:
    head = ["Profile", "HBM GB/s", "PE MHz", "ACT MHz", "DVE MHz", "POOL MHz", "DMA engines", "of them per core", "host DMA engines"]
    return table(
        head,
        [
            [
                f"`{p.name}`",
                *(str(n) for n in (p.hbm_gb_per_s, p.pe_mhz, p.act_mhz, p.dve_mhz, p.pool_mhz, p.dma_engines)),
                str(p.dma_engines // p.cores),
                str(p.host_dma_engines),
            ]
            for p in spec.profiles_by_id
        ],
    )


def _sensors(spec: Spec) -> list[str]:
    rows = [[f"`{p.name}`"] + [str(value) for value in p.sensors()] for p in spec.profiles_by_id]
    head = ["Profile", "Idle (mW)", "Busy core (mW)", "Byte moved (pJ)", "Ambient (m°C)"]
    head += ["Thermal resistance (mK/W)", "Time constant (ms)"]
    return [
        "## Sensors",
        "What TEMPERATURE, POWER\\_UW and ENERGY\\_UJ show is computed, by a model of this project and from these numbers. "
        "Energy is the idle power, plus that of each core for as long as it belongs to a launch, plus that of each byte "
        "which transfers and packets have delivered. Power is its rate, averaged with time constant SENSOR\\_AVERAGE\\_MS; "
        "the temperature follows power with the profile's time constant towards ambient plus thermal resistance times "
        "power. After a reset the device is as warm as an idle one becomes. Time is the device clock's: in "
        "stepped mode the same run shows the same values. Reading changes nothing.",
        table(head, rows),
    ]
