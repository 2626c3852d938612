#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kernels/matmul on the chip in the process, exact to the bit, at shapes with and without tails; and its checker."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from matmul import FILES, MATMUL, check, expect_pass, inputs, prepare, python
from neuronctl import good
from tap import case, main

SHAPES = {
    (128, 128, 128): "one whole tile",
    (512, 512, 512): "whole tiles",
    (96, 200, 72): "a single tile, not whole",
    (1, 1, 1): "one element",
    (130, 513, 257): "a tail of one or two along every dimension",
    (64, 48, 2000): "accumulating over many tiles of K",
    (300, 1100, 129): "more blocks than PSUM has banks",
    (33, 1, 1024): "one column",
    (256, 9000, 1): "multiplying is quicker than storing, so banks and buffers run out",
}


def compute(folder: Path, m: int, n: int, k: int, *options: str, definitions: tuple = ()) -> None:
    prepare(folder, m, n, k, definitions)
    good(folder, "run", "--backend", "sim", "--sim-hbm", "1G", *options, "matmul.nko", *FILES)


def register(shape: tuple, what: str) -> None:
    @case(f"matmul {'x'.join(map(str, shape))} is exact to the bit: {what}")
    def run(folder):
        compute(folder, *shape)
        expect_pass(folder)


for _shape, _what in SHAPES.items():
    register(_shape, _what)


@case("matmul with f32 output is exact to the bit")
def f32_output(folder):
    compute(folder, 130, 70, 300, definitions=("-D", "OUT_F32=1"))
    assert np.load(folder / "C.npy").dtype == np.float32
    expect_pass(folder)


@case("matmul with f32 inputs is exact to the bit, with and without tails")
def f32_inputs(folder):
    for shape, output in (((130, 513, 257), 1), ((128, 512, 256), 0), ((20, 30, 40), 1)):
        compute(folder, *shape, definitions=("-D", "IN_F32=1", "-D", f"OUT_F32={output}"))
        assert np.load(folder / "A.npy").dtype == np.float32
        expect_pass(folder)


@case("cores share the blocks out, whole ones and tails: any number of them gives the same bits")
def cores(folder):
    for count in (1, 2, 3, 8):
        compute(folder, 1030, 1500, 130, "--cores", str(count))
        expect_pass(folder)


@case("matmul is exact in stepped mode, whatever the seed")
def stepped(folder):
    for shape in ((130, 513, 257), (256, 9000, 1)):
        for seed in (0, 1, 2):
            compute(folder, *shape, "--sim-stepped", "--sim-seed", str(seed), "--cores", str(1 + seed))
            expect_pass(folder)


@case("the checker fails on a single wrong bit, naming the element")
def checker_sees_a_bit(folder):
    compute(folder, 20, 30, 40)
    c = np.load(folder / "C.npy").view("<u2").copy()
    c[3, 7] ^= 1
    np.save(folder / "C.npy", c.view("V2"))
    checked = check(folder)
    assert checked.returncode == 1 and "C[3, 7]" in checked.stdout.splitlines()[-1], checked.stdout
    assert checked.stdout.splitlines()[-1].startswith("check: FAIL: 1 of 600 elements differ")


@case("the checker fails on a wrong shape, a wrong type and a missing file")
def checker_sees_files(folder):
    compute(folder, 20, 30, 40)
    c = np.load(folder / "C.npy")
    for array, part in ((c[:10], "C is [10, 30]"), (c.view("<u2"), "holds uint16")):
        np.save(folder / "C.npy", array)
        assert check(folder).returncode == 1 and part in check(folder).stdout
    (folder / "C.npy").unlink()
    assert check(folder).returncode == 1 and "check: FAIL: C: " in check(folder).stdout


@case("the inputs depend on the seed alone")
def seeds(folder):
    inputs(folder, 8, 9, 10)
    first = (folder / "A.npy").read_bytes()
    inputs(folder, 8, 9, 10)
    assert (folder / "A.npy").read_bytes() == first
    assert "seed" in python(MATMUL / "make_inputs.py", "--out", folder).stdout
    assert (folder / "A.npy").read_bytes() != first


if __name__ == "__main__":
    sys.exit(main())
