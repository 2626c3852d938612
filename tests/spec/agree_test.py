#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""C, C++ and Python say what the contract says: constants, offsets, masks, values, and the bytes of every struct."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import tap
from contract import Contract, image, pattern
from places import GENERATOR, SPEC
from tap import case, equal

CONTRACT = Contract(SPEC)
OUT = tempfile.TemporaryDirectory(prefix="neuron-spec-")
GENERATED = Path(OUT.name)
subprocess.run([sys.executable, str(GENERATOR), "--out", OUT.name], check=True)


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.lower().split("_"))


def run(
    compiler: str, flags: list[str], source: str, text: str, folder: Path, more: tuple[Path, ...] = ()
) -> dict[str, str]:
    """Compiles and runs a program that prints lines 'name value'."""
    (folder / source).write_text(text)
    command = [
        *shlex.split(compiler),
        *flags,
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        f"-I{GENERATED}",
        "-o",
        str(folder / "program"),
        str(folder / source),
        *map(str, more),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    equal(built.returncode, 0, built.stderr)
    lines = subprocess.run([folder / "program"], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def compare(got: dict[str, str], want: dict[str, str]) -> None:
    wrong = [f"{name}: got {got.get(name)}, want {value}" for name, value in want.items() if got.get(name) != value]
    equal(wrong, [])


def numbers(register, field, enum, constant) -> tuple[list[str], dict[str, str]]:
    """Expressions of the language, and the values that they should have."""
    want: dict[str, str] = {constant(name): str(value) for name, value in CONTRACT.constants.items()}
    for name, n, offset in CONTRACT.registers():
        want[register(name, n)] = str(offset)
    for name, lsb, mask in CONTRACT.fields():
        for expression, value in zip(field(name), (mask, lsb)):
            want[expression] = str(value)
    for name, values in CONTRACT.enums.items():
        for value, number in values.items():
            want[enum(name, value)] = str(number)
    return list(want), {re.sub(r"\s", "", key): value for key, value in want.items()}


def packet_leaves(name: str) -> list[tuple[str, int, str]]:
    return list(CONTRACT.leaves(CONTRACT.packets[name]["fields"]))


def packet_image(name: str) -> bytes:
    raw = bytearray(image(64, packet_leaves(name)))
    raw[0], raw[1] = CONTRACT.packets[name]["opcode"], 0x81
    return bytes(raw)


def instruction_leaves(name: str) -> list[tuple[str, int, str]]:
    header = CONTRACT.structs["instruction_header"]["fields"]
    rest = [("header." + path, at, kind) for path, at, kind in CONTRACT.leaves(header) if path != "opcode"]
    return rest + list(CONTRACT.leaves(CONTRACT.instructions[name]["operands"]))


def instruction_image(name: str) -> bytes:
    raw = bytearray(image(128, instruction_leaves(name)))
    raw[0] = CONTRACT.instructions[name]["opcode"]
    return bytes(raw)


@case("C: constants, registers, fields and enums")
def c_numbers(folder: Path) -> None:
    expressions, want = numbers(
        lambda name, n: f"NRN_REG_{name}" + ("" if n is None else f"({n})"),
        lambda name: (f"NRN_{name}", f"NRN_{name}_SHIFT"),
        lambda name, value: f"NRN_{name.upper()}_{value}",
        lambda name: f"NRN_{name}",
    )
    body = "\n".join(f'\tprintf("%s %llu\\n", "{e}", (unsigned long long)({e}));' for e in expressions)
    text = f'#include <stdio.h>\n#include "neuron_spec_names.h"\nint main(void)\n{{\n{body}\n\treturn 0;\n}}\n'
    compare(run(os.environ.get("CC", "cc"), ["-std=c11"], "n.c", text, folder), want)


@case("C: sizes and bytes of structs and packets")
def c_structs(folder: Path) -> None:
    store = {1: "", 2: "htole16", 4: "htole32", 8: "htole64"}
    blocks, want = [], {}

    def add(kind: str, raw: bytes, assignments: list[str]) -> None:
        body = "\n".join("\t\t" + a for a in assignments)
        blocks.append(
            f'\t{{\n\t\tstruct {kind} v;\n\t\tmemset(&v, 0, sizeof(v));\n{body}\n\t\tdump("{kind}", &v, sizeof(v));\n\t}}'
        )
        want[kind] = raw.hex()

    def assign(path: str, at: int, kind: str) -> str:
        size = len(image(64 + at, [("", at, kind)]).rstrip(b"\0")) - at
        return f"v.{path} = (__typeof__(v.{path})){store[size]}({pattern(at, kind):#x}ull);"

    for name, s in CONTRACT.structs.items():
        leaves = list(CONTRACT.leaves(s["fields"]))
        add(f"nrn_{name}", image(s["size"], leaves), [assign(*leaf) for leaf in leaves])
    for name, p in CONTRACT.packets.items():
        head = [f"v.header.opcode = NRN_PACKET_OP_{name};", "v.header.flags = 0x81;"]
        add(f"nrn_packet_{name.lower()}", packet_image(name), head + [assign(*leaf) for leaf in packet_leaves(name)])
    dump = (
        'static void dump(const char *name, const void *data, size_t size)\n{\n\tconst unsigned char *byte = data;\n\n\tprintf("%s ", name);\n'
        '\tfor (size_t i = 0; i < size; i++)\n\t\tprintf("%02x", byte[i]);\n\tputs("");\n}\n'
    )
    text = (
        '#include <endian.h>\n#include <stdio.h>\n#include <string.h>\n#include "neuron_spec.h"\n\n'
        + dump
        + "\nint main(void)\n{\n"
        + "\n".join(blocks)
        + "\n\treturn 0;\n}\n"
    )
    compare(run(os.environ.get("CC", "cc"), ["-std=gnu11", "-Wno-pedantic", "-Wpadded"], "s.c", text, folder), want)


@case("C: the names of enum values, and ? for an unknown one")
def c_names(folder: Path) -> None:
    flags = {e["name"] for e in CONTRACT.all("enum") if e.get("flags")}
    lines, want = [], {}
    for name, values in CONTRACT.enums.items():
        if name in flags:
            continue
        for value, number in [*values.items(), ("?", 0x7FFFFFFF)]:
            lines.append(f'\tprintf("{name}:{number} %s\\n", nrn_{name}_name({number}));')
            want[f"{name}:{number}"] = value
    text = (
        '#include <stdio.h>\n#include "neuron_spec_names.h"\nint main(void)\n{\n'
        + "\n".join(lines)
        + "\n\treturn 0;\n}\n"
    )
    compare(run(os.environ.get("CC", "cc"), ["-std=c11"], "e.c", text, folder), want)


@case("C++: constants, registers, fields and enums; bytes of structs, packets and instructions, there and back")
def cpp(folder: Path) -> None:
    expressions, want = numbers(
        lambda name, n: f"reg::{name}" + ("" if n is None else f"({n})"),
        lambda name: (f"field::{name}.mask", f"field::{name}.lsb"),
        lambda name, value: f"raw({camel(name)}::{value})",
        lambda name: name,
    )
    lines = [f'    std::printf("%s %llu\\n", "{e}", static_cast<unsigned long long>({e}));' for e in expressions]

    def add(kind: str, raw: bytes, leaves: list[tuple[str, int, str]], head: str = "") -> None:
        sets = " ".join(f"set(v.{path}, {pattern(at, kind):#x}ull);" for path, at, kind in leaves)
        lines.append(f'    {{ {kind} v; {head} {sets} dump("{kind}", v); }}')
        want[kind] = raw.hex() + " same"

    for name, s in CONTRACT.structs.items():
        leaves = list(CONTRACT.leaves(s["fields"]))
        add(camel(name), image(s["size"], leaves), leaves)
    for name in CONTRACT.packets:
        add(f"Packet{camel(name)}", packet_image(name), packet_leaves(name), "v.flags = 0x81;")
    for name in CONTRACT.instructions:
        add(f"Insn{camel(name)}", instruction_image(name), instruction_leaves(name))
    text = (
        '#include "neuron/spec.hpp"\n#include <cstdio>\nusing namespace neuron::spec;\n'
        "template <class T> void set(T &to, unsigned long long value) { to = static_cast<T>(value); }\n"
        "template <class T> void dump(const char *name, const T &value) {\n    const auto raw = packed(value);\n"
        '    std::printf("%s ", name);\n    for (std::byte b : raw)\n        std::printf("%02x", std::to_integer<unsigned>(b));\n'
        '    std::printf(" %s\\n", unpack<T>(raw) == value ? "same" : "different");\n}\n'
        "int main() {\n" + "\n".join(lines) + "\n}\n"
    )
    got = run(os.environ.get("CXX", "c++"), ["-std=c++20"], "p.cpp", text, folder, (GENERATED / "neuron/spec.cpp",))
    compare(got, want)


def python_module():
    loader = importlib.util.spec_from_file_location("neuron_spec", GENERATED / "neuron_spec.py")
    module = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    return module


def nested(leaves: list[tuple[str, int, str]]) -> dict:
    """Leaves as the dicts and lists that the Python packers take."""
    top: dict = {}
    for path, at, kind in leaves:
        value = pattern(at, kind)
        if kind.startswith("i"):
            value -= 1 << 8 * {"i8": 1, "i16": 2, "i32": 4, "i64": 8}[kind]  # the pattern has its top bit set
        place: object = top
        steps = re.findall(r"(\w+)(?:\[(\d+)\])?", path)
        for depth, (name, index) in enumerate(steps):
            last = depth == len(steps) - 1
            if index:
                row = place.setdefault(name, [])  # type: ignore[attr-defined]
                if int(index) == len(row):
                    row.append(value if last else {})
                place = row[int(index)]
            else:
                place = place.setdefault(name, value if last else {})  # type: ignore[attr-defined]
    return top


@case("Python: constants, registers, fields and enums")
def python_numbers(folder: Path) -> None:
    module = python_module()
    expressions, want = numbers(
        lambda name, n: f"REG_{name}" + ("" if n is None else f"({n})"),
        lambda name: (f"{name}.mask", f"{name}.lsb"),
        lambda name, value: f"{camel(name)}.{value}.value",
        lambda name: name,
    )
    compare({e: str(eval(e, vars(module))) for e in expressions}, want)


@case("Python: bytes of structs, packets and instructions, there and back")
def python_structs(folder: Path) -> None:
    module = python_module()

    def text_for_chars(values: dict) -> dict:
        return {k: bytes(v) if isinstance(v, list) and k == "name" else v for k, v in values.items()}

    for name, s in CONTRACT.structs.items():
        leaves = list(CONTRACT.leaves(s["fields"]))
        raw = module.pack_struct(name, **text_for_chars(nested(leaves)))
        equal(raw.hex(), image(s["size"], leaves).hex(), name)
        if all(kind != "char" for _, _, kind in leaves):
            equal(module.pack_struct(name, **module.unpack_struct(name, raw)), raw, name)
    for name in CONTRACT.packets:
        raw = module.pack_packet(name, flags=0x81, **nested(packet_leaves(name)))
        equal(raw.hex(), packet_image(name).hex(), name)
        kind, values = module.unpack_packet(raw)
        equal((kind, module.pack_packet(kind, **values)), (name, raw))
    for name in CONTRACT.instructions:
        raw = module.pack_insn(name, **nested(instruction_leaves(name)))
        equal(raw.hex(), instruction_image(name).hex(), name)
        kind, values = module.unpack_insn(raw)
        equal((kind, module.pack_insn(kind, **values)), (name, raw))


@case("Python: bad values are refused")
def python_refuses(folder: Path) -> None:
    module = python_module()
    refused = {
        "a field that is not there": lambda: module.pack_packet("COPY", source=1),
        "a number that is too large": lambda: module.pack_packet("LAUNCH", core_mask=1 << 32),
        "a negative unsigned number": lambda: module.pack_packet("COPY", bytes=-1),
        "too many elements": lambda: module.pack_packet("COPY_STRIDED", count=[1, 2, 3, 4]),
        "a name that is too long": lambda: module.pack_struct("note_param", name="x" * 33),
        "an unknown packet": lambda: module.unpack_packet(b"\xee" + bytes(63)),
        "a short struct": lambda: module.unpack_struct("tile", bytes(27)),
        "a field value that is too wide": lambda: module.QUEUE_CFG_CTX.set(256),
    }
    for name, call in refused.items():
        try:
            call()
        except (KeyError, ValueError, OverflowError):
            continue
        raise AssertionError(f"{name} was taken")


if __name__ == "__main__":
    sys.exit(tap.main())
