#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fault plans of a simulated chip, from the command line."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from copies import copy_kernel
from neuronctl import bad, ctl, good
from tap import case, equal, main

SIM = ("run", "--backend", "sim", "--sim-hbm", "1G")
IO = ("--in", "X=x.npy", "--out", "Y=y.npy")
USAGE = 2


def copied(folder):
    return (np.load(folder / "y.npy") == np.load(folder / "x.npy")).all()


@case("a fault that is made is told, and has its effect")
def dropped(folder):
    result = good(folder, *SIM, "--fault-plan", "transfer nth=2: drop", copy_kernel(folder, 100), *IO)
    equal(result.err, "neuronctl: fault plan: rule 1 (transfer nth=2: drop): event 2 at 0x0\n")
    assert not copied(folder)


@case("a plan that meets nothing changes nothing, and nothing is said")
def idle(folder):
    result = good(folder, *SIM, "--sim-fault-plan", "transfer core=7: drop", copy_kernel(folder, 100), *IO)
    assert copied(folder) and not result.err, result.err


@case("an instruction that hangs ends with the time limit, and explains itself")
def hangs(folder):
    result = ctl(folder, *SIM, "--timeout", "0.5", "--fault-plan", "instruction nth=1: hang", copy_kernel(folder, 100), *IO)
    equal(result.code, 1)
    assert "no end after 500 ms (--timeout)" in result.err and "(instruction nth=1: hang): event 1 at 0x0" in result.err, result.err


@case("a plan may stand in a file, or come from standard input")
def files(folder):
    kernel = copy_kernel(folder, 100)
    (folder / "plan").write_text("# nothing arrives\ntransfer: drop\n")
    for plan, text in (("@plan", None), ("-", "transfer: drop")):
        result = ctl(folder, *SIM, "--fault-plan", plan, kernel, *IO, input=text)
        assert result.code == 0 and result.err.count("(transfer: drop)") == 2, (result.code, result.err)


@case("what is no plan is named")
def wrong(folder):
    kernel = copy_kernel(folder, 100)
    bad(folder, USAGE, "fault plan: rule 1: 'bell': is no event", *SIM, "--fault-plan", "bell: drop", kernel, *IO)
    bad(folder, USAGE, "there is no PCIe function here", *SIM, "--fault-plan", "packet: sleep", kernel, *IO)
    bad(folder, USAGE, "gone: No such file or directory", *SIM, "--fault-plan", "@gone", kernel, *IO)
    bad(folder, USAGE, "--sim-fault-plan needs --backend sim", "run", "--backend", "null", "--fault-plan", "irq: drop", kernel, *IO)


if __name__ == "__main__":
    main()
