#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The interface for C stays what it was. abi_test.py --write records a change that is meant."""

import difflib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import abi  # noqa: E402
from tap import BUILD, TOP, case, equal, main  # noqa: E402

LIBRARY = BUILD / "user/libneuron/libneuron.so.0"
HEADER = TOP / "libneuron/include/neuron/neuron.h"
RECORD = TOP / "libneuron/neuron.abi"


def differs(old: str, new: str) -> list[str]:
    return [line for line in difflib.unified_diff(old.splitlines(), new.splitlines(), "recorded", "now", n=0, lineterm="")]


@case("symbols, declarations and layouts are the recorded ones")
def same(_):
    difference = differs(RECORD.read_text(encoding="utf-8"), abi.interface(LIBRARY, HEADER))
    assert not difference, "\n".join(["the interface for C has changed:", *difference, "if that is meant: abi_test.py --write"])


@case("every function that the header declares is exported, and nothing else")
def complete(_):
    declared = {word.split("(")[0].split()[-1].lstrip("*") for word in abi.declarations(HEADER) if "(" in word and not word.startswith("typedef")}
    exported = abi.symbols(LIBRARY)
    equal({name.split("@@")[0] for name in exported}, declared)
    equal({name.split("@@")[1] for name in exported}, {"NEURON_0.1", "NEURON_0.2", "NEURON_0.3", "NEURON_0.4"})


def noticed(what: str, old: str, new: str) -> None:
    @case(f"noticed: {what}")
    def changed(folder: Path):
        text = HEADER.read_text(encoding="utf-8")
        assert old in text
        header = folder / "neuron.h"
        header.write_text(text.replace(old, new, 1), encoding="utf-8")
        assert differs(RECORD.read_text(encoding="utf-8"), abi.interface(LIBRARY, header)), "it is not"


noticed("a field of another type", "uint32_t ring_log2;", "uint64_t ring_log2;")
noticed("a field in the middle", "uint32_t placement;", "uint32_t newcomer;\n    uint32_t placement;")
noticed("another number of an enumerator", "NEURON_TIMEOUT = 8", "NEURON_TIMEOUT = 18")
noticed("another parameter", "neuron_kernel_load(const char *path,", "neuron_kernel_load(int flags, const char *path,")
noticed("another result", "void neuron_queue_destroy", "int neuron_queue_destroy")


@case("the header compiles by itself as C11 and as C++, without warnings")
def alone(_):
    for words in (["gcc", "-std=c11", "-x", "c"], ["g++", "-std=c++11", "-x", "c++"], ["clang", "-std=c11", "-x", "c"]):
        subprocess.run([*words, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", HEADER], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        RECORD.write_text(abi.interface(LIBRARY, HEADER), encoding="utf-8")
        sys.exit(0)
    sys.exit(main())
