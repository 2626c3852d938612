#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The driver's user ABI as compilers see it: no holes, the same for 32 and 64 bit, and what abi.txt has recorded.

abi.txt holds every structure with its members, and the value of every constant and ioctl. What programs were built with
must not change; what is new is recorded with `tests/uapi/layout_test.py --update`, where a review sees it.
"""

import functools
import re
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import tap
from tap import TOP, case, equal

HEADER = TOP / "kmod/uapi/drm/neuron_accel.h"
RECORD = Path(__file__).with_name("abi.txt")
TARGETS = {32: "i386-linux-gnu", 64: "x86_64-linux-gnu"}

TEXT = HEADER.read_text(encoding="utf-8")
STRUCTS = re.findall(r"^struct (drm_neuron_\w+) \{", TEXT, re.MULTILINE)
# Constants with a value of their own; the macros that only help to write others have parameters, or no value.
MACROS = re.findall(r"^#define ((?:DRM_NEURON|DRM_IOCTL_NEURON)_\w+)[ \t]+\S", TEXT, re.MULTILINE)
ENUMS = dict(re.findall(r"^enum (\w+) \{(.*?)^\};", TEXT, re.MULTILINE | re.DOTALL))
ENUMERATORS = {enum: re.findall(r"^\t(\w+)", body, re.MULTILINE) for enum, body in ENUMS.items()}
CONSTANTS = MACROS + [name for names in ENUMERATORS.values() for name in names]

MEMBER = re.compile(r"^\t(?P<type>\S.*?)\s+(?P<name>\w+(?:\[\d+\])?);\s+/\*\s+(?P<offset>\d+)\s+(?P<size>\d+) \*/")


def include_flags() -> list[str]:
    libdrm = subprocess.run(["pkg-config", "--cflags", "libdrm"], capture_output=True, text=True, check=True).stdout
    # Debian installs the 64-bit kernel headers only; they do for both.
    return ["-isystem", "/usr/include/x86_64-linux-gnu", f"-I{HEADER.parents[1]}", *libdrm.split()]


def compiled(bits: int, source: str, tool: list[str]) -> bytes:
    """What the tool says about the object."""
    with tempfile.TemporaryDirectory(prefix="neuron-test-") as folder:
        path = Path(folder, "uapi.c")
        path.write_text(f"#include <drm/neuron_accel.h>\n{source}", encoding="utf-8")
        to = path.with_suffix(".o")
        command = ["clang", f"--target={TARGETS[bits]}", "-std=gnu11", "-Wall", "-Werror", "-g", *include_flags()]
        subprocess.run([*command, "-c", path, "-o", to], check=True)
        return subprocess.run([*tool, to], capture_output=True, check=True).stdout


@dataclass
class Layout:
    """A structure as pahole shows it."""

    size: int = 0
    members: list[tuple[str, str, int, int]] = field(default_factory=list)  # name, type, offset, size
    complaints: list[str] = field(default_factory=list)


@functools.cache
def layouts(bits: int) -> dict[str, Layout]:
    text = compiled(bits, "".join(f"struct {name} v_{name};\n" for name in STRUCTS), ["pahole"]).decode()
    found = {}
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        layout = found[name] = Layout()
        for line in body.splitlines():
            if member := MEMBER.match(line):
                kind = " ".join(member["type"].split())
                layout.members.append((member["name"], kind, int(member["offset"]), int(member["size"])))
            elif size := re.search(r"/\* size: (\d+),", line):
                layout.size = int(size[1])
            if re.search(r"hole|padding|bit_", line):
                layout.complaints.append(line.strip())
    return {name: found[name] for name in STRUCTS}


@functools.cache
def values(bits: int) -> dict[str, int]:
    source = 'const unsigned int values[] __attribute__((section(".values"))) = {' + ", ".join(CONSTANTS) + "};\n"
    raw = compiled(bits, source, ["objcopy", "--dump-section", ".values=/dev/stdout"])
    return dict(zip(CONSTANTS, struct.unpack(f"<{len(CONSTANTS)}I", raw), strict=True))


def record() -> list[str]:
    lines = []
    for name, layout in layouts(64).items():
        lines += [f"struct {name} {member} {kind} offset {at} size {size}" for member, kind, at, size in layout.members]
        lines.append(f"struct {name} size {layout.size}")
    return lines + [f"{name} {value:#x}" for name, value in values(64).items()]


def struct_cases(name: str) -> None:
    @case(f"{name}: no holes, no padding, size a multiple of 8, the same for 32 and 64 bit")
    def check(_folder: Path) -> None:
        both = {bits: layouts(bits)[name] for bits in TARGETS}
        for bits, layout in both.items():
            equal(layout.complaints, [], f"{bits} bit")
            equal(layout.size % 8, 0, f"{bits} bit: size {layout.size} modulo 8")
            equal(sum(size for *_, size in layout.members), layout.size, f"{bits} bit: bytes of the members")
        equal(both[32], both[64], "32 bit against 64 bit")


for _name in STRUCTS:
    struct_cases(_name)


@case("members have types of a fixed size")
def fixed_types(_folder: Path) -> None:
    allowed = re.compile(r"__[us](8|16|32|64)|struct drm_neuron_\w+")
    members = [(name, *member) for name, layout in layouts(64).items() for member in layout.members]
    equal([f"{name}.{member}: {kind}" for name, member, kind, *_ in members if not allowed.fullmatch(kind)], [])


@case("constants and ioctls have the same values for 32 and 64 bit")
def same_values(_folder: Path) -> None:
    equal(values(32), values(64))


@case("nothing that was recorded has changed")
def recorded(_folder: Path) -> None:
    now = set(record())
    old = RECORD.read_text(encoding="utf-8").splitlines()
    # A structure may grow; programs that know the old size go on.
    old = [line for line in old if not re.fullmatch(r"struct \w+ size \d+|#.*", line)]
    equal([line for line in old if line not in now], [], "recorded, and not there any more")


@case("everything is recorded")
def complete(_folder: Path) -> None:
    old = set(RECORD.read_text(encoding="utf-8").splitlines())
    equal([line for line in record() if line not in old], [], "not recorded yet, see --update")


@case("the header stands alone in C and in C++, for old standards too")
def stands_alone(folder: Path) -> None:
    # libdrm's own headers are included as those of the system: what counts is ours.
    flags = [flag.replace("-I/usr", "-isystem/usr") for flag in include_flags()]
    for language, suffix, standards in (("c", "c", ("gnu90", "c99", "c17")), ("c++", "cpp", ("c++98", "c++20"))):
        source = folder / f"alone.{suffix}"
        source.write_text("#include <drm/neuron_accel.h>\n", encoding="utf-8")
        for standard in standards:
            command = ["gcc", "-fsyntax-only", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror"]
            subprocess.run([*command, *flags, source], check=True)


@case("every ioctl has the number of its place, and its structure")
def ioctls(_folder: Path) -> None:
    sizes = {name: layout.size for name, layout in layouts(64).items()}
    for number, name in enumerate(ENUMERATORS["drm_neuron_ioctl_id"]):
        short = name.removeprefix("DRM_NEURON_")
        request = values(64)[f"DRM_IOCTL_NEURON_{short}"]
        equal(values(64)[name], number, name)
        equal(request & 0xFF, 0x40 + number, f"number of {short}")
        equal(request >> 8 & 0xFF, ord("d"), f"type of {short}")
        equal(request >> 16 & 0x3FFF, sizes[f"drm_neuron_{short.lower()}"], f"size of {short}")


def update() -> None:
    head = "# SPDX-License-Identifier: MIT\n# The driver's user ABI. Written by layout_test.py --update.\n"
    RECORD.write_text(head + "\n".join(record()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(update() if "--update" in sys.argv else tap.main())
