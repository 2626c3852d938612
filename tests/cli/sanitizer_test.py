#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The sanitizer from the command line: a program that leaves its tensor, one that does not, and the shipped kernels."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import matmul
from copies import copy_kernel
from neuronctl import KERNELS, ctl, good
from tap import case, main

SIM = ("run", "--backend", "sim", "--sim-hbm", "1G")
IO = ("--in", "X=x.npy", "--out", "Y=y.npy")
MISMATCH = 3


@case("a program that stays in its tensors runs, and nothing is said")
def right(folder):
    assert "sanitizer" not in good(folder, *SIM, "--sanitize", copy_kernel(folder, 100), *IO).err


@case("a read beyond a tensor is named, and is the exit status")
def beyond(folder):
    result = ctl(folder, *SIM, "--sanitize", copy_kernel(folder, 104), *IO)
    assert result.code == MISMATCH, (result.code, result.err)
    assert "neuronctl: warning: sanitizer: out of buffer: job " in result.err, result.err
    assert "DMA ring 0 of core 0 at instruction 0 (DMA_LOAD)" in result.err and " reads 4 bytes at " in result.err, result.err
    assert "0 bytes past the end of buffer 'X' (#" in result.err, result.err
    assert "neuronctl: error: the sanitizer has 1 report" in result.err, result.err
    assert (np.load(folder / "y.npy") == np.load(folder / "x.npy")).all()


@case("without --sanitize nobody looks")
def off(folder):
    good(folder, *SIM, copy_kernel(folder, 104), *IO)


@case("--sanitize needs the sim backend")
def only_sim(folder):
    result = ctl(folder, "run", "--backend", "accel", "--sanitize", "k.nko")
    assert result.code != 0 and "--sim-sanitizer needs --backend sim" in result.err, result.err


@case("hello gives no reason to report")
def hello(folder):
    good(folder, "asm", KERNELS / "hello/hello.s")
    np.save(folder / "x.npy", np.ones((128, 512), np.float32))
    good(folder, *SIM, "--sanitize", "hello.nko", *IO)


@case("matmul gives none either, on one core and on several, in any order")
def shipped_matmul(folder):
    matmul.prepare(folder, 300, 700, 500, ())
    for cores in ("1", "3"):
        for order in ((), ("--sim-stepped", "--sim-seed", "1"), ("--sim-stepped", "--sim-seed", "2")):
            good(folder, *SIM, "--sanitize", *order, "--cores", cores, "matmul.nko", *matmul.FILES)
    matmul.expect_pass(folder)


if __name__ == "__main__":
    sys.exit(main())
