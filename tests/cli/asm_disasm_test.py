#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl asm and disasm, and the kernel files they exchange."""

import os
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import KERNELS, bad, ctl, good
from tap import case, main

SHAPE = ("-D", "M=130", "-D", "N=513", "-D", "K=257")


@case("asm writes SOURCE.nko here, or what -o says, and sums up")
def outputs(folder):
    result = good(folder, "asm", KERNELS / "hello/hello.s")
    assert "hello.nko: 2 parameters" in result.out and (folder / "hello.nko").exists(), result.out
    good(folder, "asm", KERNELS / "hello/hello.s", "-o", "other.nko")
    assert (folder / "hello.nko").read_bytes() == (folder / "other.nko").read_bytes()
    summary = good(folder, "--json", "asm", KERNELS / "hello/hello.s").json
    assert summary["schema"] == "neuronctl/1" and summary["ok"] and summary["instructions"]["sp"] == 2, summary


@case("disassembly of the shipped kernels assembles to the same bytes")
def round_trip(folder):
    for name, definitions in (("hello", ()), ("matmul", ()), ("matmul", SHAPE), ("matmul", ("-D", "OUT_F32=1"))):
        good(folder, "asm", KERNELS / name / f"{name}.s", *definitions, "--no-lines", "-o", "a.nko")
        for options in ((), ("-a", "-b")):
            (folder / "b.s").write_text(good(folder, "disasm", *options, "a.nko").out)
            good(folder, "asm", "b.s", "--no-lines")
            assert (folder / "a.nko").read_bytes() == (folder / "b.nko").read_bytes(), (name, definitions, options)


@case("a kernel file has the lines of its source, unless --no-lines leaves them out")
def lines(folder):
    sources = [folder / "here" / "k.s", folder / "there" / "k.s"]
    for source in sources:
        source.parent.mkdir()
        source.write_text(".engine sp\n end\n")
    with_lines, without = (
        [(good(folder, "asm", source, "-o", "k.nko", *words), (folder / "k.nko").read_bytes())[1] for source in sources] for words in ((), ("--no-lines",)))
    assert str(sources[0]).encode() in with_lines[0] and b".linestr" in with_lines[0] and with_lines[0] != with_lines[1]
    assert without[0] == without[1] and b".line" not in without[0]


@case("disasm --json holds the streams and the text")
def disasm_json(folder):
    good(folder, "asm", KERNELS / "hello/hello.s")
    answer = good(folder, "--json", "disasm", "hello.nko").json
    assert answer["streams"]["sp"][1] == "end" and answer["streams"]["pe"] == [], answer
    assert answer["source"] == good(folder, "disasm", "hello.nko").out


@case("readelf and objdump read kernel files without a warning")
def elf_tools(folder):
    good(folder, "asm", KERNELS / "matmul/matmul.s", "-o", "m.nko")
    for command in (["readelf", "-a", "-W"], ["objdump", "-h"]):
        result = subprocess.run([*command, "m.nko"], cwd=folder, capture_output=True, text=True, check=True)
        assert result.stderr == "" and "arning" not in result.stdout, result.stderr
        assert ".text.pe" in result.stdout


@case("errors of a source are told with place, several at once, and no file is written")
def source_errors(folder):
    (folder / "x.s").write_text(".engine sp\nmove r64, 0\nfoo\n")
    result = bad(folder, 1, "x.s:2:6: error: there is no register r64", "asm", "x.s")
    assert "x.s:3:1: error: unknown instruction or macro 'foo'" in result.err
    diagnostics = ctl(folder, "--json", "asm", "x.s").json["error"]["diagnostics"]
    assert [(d["line"], d["column"]) for d in diagnostics] == [(2, 6), (3, 1)], diagnostics
    assert os.listdir(folder) == ["x.s"]


@case("-D of a name that the source does not have is refused")
def unknown_definition(folder):
    bad(folder, 1, "-D Q: the source has no .option Q", "asm", KERNELS / "matmul/matmul.s", "-D", "Q=1")
    bad(folder, 2, "-D =1: expected NAME=VALUE", "asm", KERNELS / "matmul/matmul.s", "-D", "=1")
    bad(folder, 1, "M, N and K must be at least 1", "asm", KERNELS / "matmul/matmul.s", "-D", "K=0")


@case("a missing source or an output without a folder is named")
def missing_files(folder):
    bad(folder, 2, "nope.s: cannot open: No such file or directory", "asm", "nope.s")
    bad(folder, 2, "no/x.nko: cannot write: No such file or directory", "asm", KERNELS / "hello/hello.s", "-o", "no/x.nko")
    bad(folder, 2, "nope.nko", "disasm", "nope.nko")


@case("disasm refuses what is no kernel file, naming the reason")
def not_a_kernel(folder):
    (folder / "x.nko").write_text("hello")
    bad(folder, 2, "x.nko: not an ELF file (wrong magic)", "disasm", "x.nko")
    good(folder, "asm", KERNELS / "hello/hello.s")
    image = bytearray((folder / "hello.nko").read_bytes())
    for name, offset, message in (("machine", 18, "made for machine"), ("class", 4, "ELF class")):
        broken = bytearray(image)
        broken[offset] ^= 1
        (folder / f"{name}.nko").write_bytes(broken)
        bad(folder, 2, message, "disasm", f"{name}.nko")
    (folder / "short.nko").write_bytes(image[:200])
    bad(folder, 2, "short.nko: truncated", "disasm", "short.nko")


@case("writing replaces a file at once, keeps its mode, follows links, and never replaces a device")
def atomic_write(folder):
    (folder / "real.nko").write_text("old")
    os.chmod(folder / "real.nko", 0o640)
    os.symlink("real.nko", folder / "link.nko")
    good(folder, "asm", KERNELS / "hello/hello.s", "-o", "link.nko")
    assert (folder / "link.nko").is_symlink() and (folder / "real.nko").read_bytes()[:4] == b"\x7fELF"
    assert stat.S_IMODE((folder / "real.nko").stat().st_mode) == 0o640
    good(folder, "asm", KERNELS / "hello/hello.s", "-o", "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert sorted(os.listdir(folder)) == ["link.nko", "real.nko"]


if __name__ == "__main__":
    sys.exit(main())
