#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kernels/collectives from the command line: exact for any number of cores and chips, in any order, without hazards."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import bad, ctl, good
from ring import OPS, RING, Ring
from tap import case, main

SIM = ("--backend", "sim", "--sim-hbm", "1G")
ORDERS = [()] + [("--sim-stepped", "--sim-seed", str(seed)) for seed in range(3)]
SHAPES = [(1, 2, 24), (2, 2, 24), (3, 3, 7), (2, 4, 1)]  # cores, chips, columns


def run_all(folder, ring, orders=ORDERS):
    ring.assemble(folder)
    for order in orders:
        ring.run(folder, *SIM, "--sim-chips", ring.chips, "--sim-hazards", *order)


def on_cores(folder, op):
    for cores in (1, 2, 3, 8):
        run_all(folder, Ring(op, cores))


def on_chips(folder, op):
    for cores, chips, columns in SHAPES:
        run_all(folder, Ring(op, cores, chips, columns), ORDERS[:2])


@case("all-reduce is exact and without hazards, on 1 to 8 cores, in any order")
def all_reduce(folder):
    on_cores(folder, "all-reduce")


@case("reduce-scatter is")
def reduce_scatter(folder):
    on_cores(folder, "reduce-scatter")


@case("all-gather is")
def all_gather(folder):
    on_cores(folder, "all-gather")


@case("all-reduce is so on 2, 3 and 4 chips")
def all_reduce_chips(folder):
    on_chips(folder, "all-reduce")


@case("reduce-scatter is so on chips")
def reduce_scatter_chips(folder):
    on_chips(folder, "reduce-scatter")


@case("all-gather is so on chips")
def all_gather_chips(folder):
    on_chips(folder, "all-gather")


@case("bf16 and fp16 are summed with a rounding per step, on one chip and on several")
def dtypes(folder):
    for dtype in ("bf16", "f16"):
        for op in OPS:
            run_all(folder, Ring(op, 3, 1, 40, dtype), ORDERS[:1])
            run_all(folder, Ring(op, 2, 2, 40, dtype), ORDERS[1:2])


@case("a chunk that takes many steps to arrive is not announced before it has")
def large(folder):
    run_all(folder, Ring(cores=1, chips=2, columns=2048))


@case("several chips give the bits of one chip with as many cores")
def same_bits(folder):
    one, two = Ring(cores=4), Ring(cores=2, chips=2)
    two.assemble(folder)
    two.run(folder, *SIM, "--sim-chips", "2")
    want = np.concatenate([np.load(folder / f"y{chip}.npy") for chip in range(2)])
    one.assemble(folder)
    one.run(folder, *SIM)
    assert np.array_equal(np.load(folder / "y.npy").view(np.uint32), want.view(np.uint32))


@case("chips without transfers between cores can do it with one core each")
def older(folder):
    ring = Ring(cores=1, chips=3)
    ring.assemble(folder)
    for profile in ("inf2", "trn1"):
        ring.run(folder, *SIM, "--sim-chips", "3", "--sim-profile", profile)


@case("logical cores of several chips do it")
def logical(folder):
    ring = Ring(cores=2, chips=2)
    ring.assemble(folder)
    for core in (0, 3):
        ring.run(folder, *SIM, "--sim-chips", "2", "--logical-core", core)


@case("the checker names a wrong bit, and a wrong shape")
def checker(folder):
    for ring, last in ((Ring(), "y.npy"), (Ring(chips=2, dtype="bf16"), "y1.npy")):
        ring.assemble(folder)
        ring.run(folder, *SIM, "--sim-chips", ring.chips)
        y = np.load(folder / last)
        y.view(f"u{y.dtype.itemsize}")[1, 5, 7] ^= 1
        np.save(folder / last, y)
        result = ring.check(folder, "compare", ring.file("x"), ring.file("y"))
        at = f"({2 * ring.chips - 1}, 5, 7)"
        assert result.returncode == 1 and "1 of" in result.stdout and at in result.stdout, result.stdout
        np.save(folder / last, y[:1])
        assert ring.check(folder, "compare", ring.file("x"), ring.file("y")).returncode == 1
    assert replace(ring, chips=1).check(folder, "compare", "x0.npy", "y0.npy").returncode == 1
    assert "needs {chip}" in ring.check(folder, "compare", "x.npy", "y.npy").stderr


@case("impossible options are errors of the assembler, and too few cores one of the run")
def wrong(folder):
    for words, text in (
        (("CORES=0",), "CORES is not in 1..32"),
        (("CORES=33",), "CORES is not in 1..32"),
        (("CHIPS=0",), "CHIPS is not in 1..64"),
        (("CHIPS=65",), "CHIPS is not in 1..64"),
        (("COLUMNS=0",), "COLUMNS must be at least 1"),
        (("REDUCE=0", "GATHER=0"), "REDUCE, GATHER or both must be 1"),
        (("BF16=1", "F16=1"), "BF16 and F16 are both 1"),
        (("CHIPS=64", "CORES=1", "COLUMNS=1024"), "BOX would have 2 GiB or more"),
    ):
        options = [part for word in words for part in ("-D", word)]
        result = ctl(folder, "asm", RING, *options, "-o", "wrong.nko")
        assert result.code != 0 and text in result.err, (words, result.err)
    ring = Ring(cores=4)
    ring.assemble(folder)
    bad(folder, 1, "ring.nko: needs 4 cores, sim has 2", "run", *SIM, "--sim-cores", "2", *ring.words())
    bad(folder, 1, "ring.nko: is for 4 cores, the launch names 2", "run", *SIM, "--cores", "2", *ring.words())


@case("fewer chips than the kernel is for wait until --timeout, and no longer")
def missing_chip(folder):
    ring = Ring(chips=3)
    ring.assemble(folder)
    bad(folder, 1, "no end after 500 ms (--timeout): the kernel goes on", "run", *SIM, "--sim-chips", "2", "--timeout", "0.5", *ring.words())
    good(folder, "run", *SIM, "--sim-chips", "3", *ring.words())


if __name__ == "__main__":
    sys.exit(main())
