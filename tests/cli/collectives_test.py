#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kernels/collectives from the command line: exact for any number of cores, in any order, and without hazards."""

import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import KERNELS, bad, ctl, good
from tap import case, main

RING = KERNELS / "collectives/ring.s"
CHECK = KERNELS / "collectives/check.py"
SIM = ("run", "--backend", "sim", "--sim-hbm", "1G")
IO = ("--in", "X=x.npy", "--out", "Y=y.npy")
OPS = {"all-reduce": (), "reduce-scatter": ("-D", "GATHER=0"), "all-gather": ("-D", "REDUCE=0")}
COLUMNS = 24
ORDERS = [()] + [("--sim-stepped", "--sim-seed", str(seed)) for seed in range(3)]


def check(folder, verb, *files, op, cores):
    words = [sys.executable, CHECK, verb, *files, "--op", op, "--cores", str(cores), "--columns", str(COLUMNS)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def assemble(folder, op, cores):
    good(folder, "asm", RING, "-D", f"CORES={cores}", "-D", f"COLUMNS={COLUMNS}", *OPS[op], "-o", "ring.nko")
    assert check(folder, "make", "x.npy", op=op, cores=cores).returncode == 0


def run_all(folder, op):
    for cores in (1, 2, 3, 8):
        assemble(folder, op, cores)
        for order in ORDERS:
            good(folder, *SIM, "--sim-hazards", *order, "ring.nko", *IO)
            result = check(folder, "compare", "x.npy", "y.npy", op=op, cores=cores)
            assert result.returncode == 0, (op, cores, order, result.stdout, result.stderr)


@case("all-reduce is exact and without hazards, on 1 to 8 cores, in any order")
def all_reduce(folder):
    run_all(folder, "all-reduce")


@case("reduce-scatter is")
def reduce_scatter(folder):
    run_all(folder, "reduce-scatter")


@case("all-gather is")
def all_gather(folder):
    run_all(folder, "all-gather")


@case("the checker names a wrong bit, and a wrong shape")
def checker(folder):
    assemble(folder, "all-reduce", 2)
    good(folder, *SIM, "ring.nko", *IO)
    y = np.load(folder / "y.npy")
    y.view(np.uint32)[1, 5, 7] ^= 1
    np.save(folder / "y.npy", y)
    result = check(folder, "compare", "x.npy", "y.npy", op="all-reduce", cores=2)
    assert result.returncode == 1 and "1 of" in result.stdout and "(1, 5, 7)" in result.stdout, result.stdout
    np.save(folder / "y.npy", y[:1])
    assert check(folder, "compare", "x.npy", "y.npy", op="all-reduce", cores=2).returncode == 1


@case("impossible options are errors of the assembler, and too few cores one of the run")
def wrong(folder):
    for words, text in (
        (("CORES=0",), "CORES is not in 1..32"),
        (("CORES=33",), "CORES is not in 1..32"),
        (("COLUMNS=0",), "COLUMNS must be at least 1"),
        (("REDUCE=0", "GATHER=0"), "REDUCE, GATHER or both must be 1"),
    ):
        options = [part for word in words for part in ("-D", word)]
        result = ctl(folder, "asm", RING, *options, "-o", "wrong.nko")
        assert result.code != 0 and text in result.err, (words, result.err)
    assemble(folder, "all-reduce", 4)
    bad(folder, 1, "ring.nko: needs 4 cores, sim has 2", *SIM, "--sim-cores", "2", "ring.nko", *IO)
    bad(folder, 1, "ring.nko: is for 4 cores, the launch names 2", *SIM, "--cores", "2", "ring.nko", *IO)


if __name__ == "__main__":
    sys.exit(main())
