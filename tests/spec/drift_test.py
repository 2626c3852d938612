#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Nobody keeps a copy of the contract: numbers and names come from the generated headers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import tap
from places import SPEC
from tap import TOP, case, equal

from drift import Drift, sources
from specgen.load import load

FOLDERS = ("kmod", "qemu-device", "libneuron", "tools", "kernels", "guest")

DRIFT = Drift(load(SPEC))


def lines(name: str, text: str) -> list[int]:
    return [finding.line for finding in DRIFT.scan(name, text)]


def folder_case(name: str) -> None:
    @case(f"{name}/ keeps no copy of the contract")
    def scan(folder: Path) -> None:
        findings = [
            f
            for path in sources(TOP, (name,))
            for f in DRIFT.scan(str(path.relative_to(TOP)), path.read_text(errors="replace"))
        ]
        if findings:
            raise AssertionError("\n".join(map(str, findings)))


for _folder in FOLDERS:
    folder_case(_folder)

# What must be found: (case, file name, line of code).
FOUND = [
    ("a magic number", "a.c", "if (readl(bar) != 0x4e524e41)"),
    ("a magic number in decimal", "a.cpp", "if (word == 1314016833u)"),
    ("a magic number with separators", "a.cpp", "auto word = 0x4e52'4e41;"),
    ("a PCI id", "a.c", "{ PCI_DEVICE(0x1234, NRN_PCI_DEVICE) },"),
    ("PCI ids as lspci writes them", "a.sh", "lspci -d 1234:4e43"),
    ("PCI ids as a modalias", "a.py", 'alias = "pci:v00001234d00004E43"'),
    ("an MSI-X offset", "a.c", "msix_init(dev, 33, &bar, 0, 0xf0000, &bar, 0, pba);"),
    ("a register offset", "a.cpp", "write32(0x20014 + 128 * n, cfg);"),
    ("a block offset", "a.cpp", "constexpr auto queue_block = 0x20000;"),
    ("a BAR size", "a.c", 'memory_region_init(&regs, obj, "bar", 0x100000);'),
    ("a geometry", "a.py", "sbuf = bytearray(229376)"),
    ("the name of the note section", "a.cpp", 'find_section(".note.neuron");'),
    ("a number in assembly", "a.s", "move r1, 229376"),
    ("a second macro", "a.h", "#define NRN_MAX_QUEUES 128"),
    ("a second macro of a field", "a.h", "#define NRN_QUEUE_CFG_CTX 0xff"),
    ("a second constant", "a.hpp", "static constexpr std::size_t MAX_QUEUES = 128;"),
    ("a second constant in braces", "a.hpp", "inline constexpr unsigned LAUNCH_ARGS{32};"),
    ("a second constant in Python", "a.py", "MAX_QUEUES = 128"),
    ("a second constant in shell", "a.sh", "readonly MAX_QUEUES=128"),
    ("a second enumerator", "a.h", "\tNRN_FAULT_HOST_BUS = 5,"),
    ("a second C struct", "a.h", "struct nrn_packet_copy {"),
    ("a second C enum", "a.h", "enum nrn_fault {"),
    ("a second C++ enum", "a.hpp", "enum class Dtype : std::uint8_t {"),
    ("a waiver without a reason", "a.c", "x = 0x4e524e41; /* spec-ok: */"),
    ("a waiver further up", "a.c", "/* spec-ok: reason */\nint y;\nx = 0x4e524e41;"),
    ("code after a comment", "a.c", "/* note */ x = 0x4e524e41;"),
]

# What must pass.
PASSED = [
    (
        "generated names",
        "a.c",
        "writel(NRN_VERSION, bar + NRN_REG_QUEUE_CFG(n)); if (q == NRN_MAX_QUEUES) x = NRN_FAULT_NONE;",
    ),
    ("a power of two that is a buffer's size", "a.cpp", "std::vector<char> buffer(0x10000); auto n = 1048576;"),
    ("a small number", "a.cpp", "int n = 128, m = 33, k = 512;"),
    ("a number in a line comment", "a.cpp", "int n; // 0x4e524e41"),
    ("a number in a block comment", "a.c", "/*\n * 0x4e524e41\n */"),
    ("a number in a script's comment", "a.sh", "true # lspci -d 1234:4e43"),
    ("a number in an assembly comment", "a.s", "end // 229376"),
    ("digits within a name or a longer number", "a.c", "x0x1234y = 0x12345; z = 1234;"),
    ("a fraction", "a.cpp", "double x = 229376.5;"),
    ("a waiver on the line", "a.c", "x = 0x4e524e41; /* spec-ok: a test of a wrong byte order */"),
    ("a waiver above", "a.py", "# spec-ok: the reason\nx = 0x4e524e41"),
    ("an own macro of the driver", "a.h", "#define NRN_TIMEOUT_MS 5000"),
    ("a comparison with an enumerator", "a.c", "if (code\n    NRN_FAULT_HOST_BUS == code)"),
    ("a declaration of a generated type", "a.hpp", "enum class Dtype : std::uint8_t;\nstruct nrn_packet_copy;"),
    ("a local constant made from a generated one", "a.cpp", "constexpr auto half = MAX_QUEUES / 2;"),
]

for _name, _file, _text in FOUND:

    @case(f"found: {_name}")
    def found(folder: Path, file=_file, text=_text) -> None:
        equal(bool(lines(file, text)), True, text)


for _name, _file, _text in PASSED:

    @case(f"passed: {_name}")
    def passed(folder: Path, file=_file, text=_text) -> None:
        equal([str(f) for f in DRIFT.scan(file, text)], [], text)


@case("a finding names file and line")
def named(folder: Path) -> None:
    equal(
        str(DRIFT.scan("kmod/x.c", "int a;\n/* one\n * two */\nint b = 0x4e524e41;")[0]),
        "kmod/x.c:4: 0x4e524e41 is GLOBAL_MAGIC_RESET of the contract",
    )


@case("sources are files of known kinds and scripts")
def which(folder: Path) -> None:
    for name, text in {"a.c": "", "b.md": "", "run": "#!/bin/sh\n", "data": "x", "sub/c.hpp": "", "d.py": ""}.items():
        (folder / "kmod" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "kmod" / name).write_text(text)
    equal(sorted(p.name for p in sources(folder, ("kmod",))), ["a.c", "c.hpp", "d.py", "run"])


if __name__ == "__main__":
    sys.exit(tap.main())
