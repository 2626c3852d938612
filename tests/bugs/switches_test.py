#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The mistakes of kmod/neuron_bug.h are in the module that is built for them, and nothing of them in the ordinary one; each is made somewhere, and
tests/bugs says what is said of it."""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import tap
from tap import BUILD, TOP

SOURCES = TOP / "kmod"
ORDINARY = BUILD / "kmod/stock/neuron_accel.ko"
BUGS = BUILD / "kmod/bugs/neuron_accel.ko"


def names() -> dict[str, str]:
    """Switch to name."""
    found = dict(re.findall(r"\[NEURON_BUG_(\w+)\] = \"([\w-]+)\"", (SOURCES / "neuron_bug.c").read_text()))
    assert len(found) >= 12, found
    return found


def parameters(module: Path) -> list[str]:
    said = subprocess.run(["/sbin/modinfo", "-F", "parm", module], check=True, capture_output=True, text=True).stdout
    return [line.partition(":")[0] for line in said.splitlines()]


def symbols(module: Path) -> list[str]:
    said = subprocess.run(["nm", module], check=True, capture_output=True, text=True).stdout
    return [line.split()[-1] for line in said.splitlines()]


@tap.case("the ordinary module has no name, no symbol and no parameter of them; the other one has")
def _modules(_):
    plain, bugs = ORDINARY.read_bytes(), BUGS.read_bytes()
    for name in names().values():
        assert name.encode() not in plain, name
        assert name.encode() in bugs, name
    assert not any("_bug" in symbol for symbol in symbols(ORDINARY))
    assert "neuron_has_bug" in symbols(BUGS)
    assert "bug" not in parameters(ORDINARY)
    assert "bug" in parameters(BUGS)


@tap.case("each switch is named, and made in the driver")
def _made(_):
    listed = re.search(r"enum neuron_bug \{(.*?)\}", (SOURCES / "neuron_bug.h").read_text(), re.S)[1]
    declared = set(re.findall(r"NEURON_BUG_(\w+)", listed))
    text = "".join(file.read_text() for file in SOURCES.glob("*.c"))
    made = set(re.findall(r"NEURON_MISTAKE\((\w+)\)", text))
    assert declared == set(names()) == made, (declared, made)


@tap.case("the corpus has each of them")
def _told(_):
    told = (HERE / "driver_bugs.py").read_text()
    missing = [name for name in names().values() if f'"{name}"' not in told]
    assert not missing, missing


sys.exit(tap.main())
