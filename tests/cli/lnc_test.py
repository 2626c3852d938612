#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl run --logical-core and --lnc: kernels on the NeuronCores that share an HBM stack."""

import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import pair_kernel
from neuronctl import assemble, bad, good
from tap import case, equal, main

SIM = ("--backend", "sim", "--sim-hbm", "1G")
TWO_TENSORS = """
    .param A, out, u8, 40, 1048576
    .param B, out, u8, 40, 1048576
    .engine sp
    end
"""


@case("a kernel for two cores runs on any logical core: barrier and transfers join 2i and 2i+1")
def every_pair(folder):
    pair_kernel.prepare(folder)
    for order in ((), ("--sim-stepped", "--sim-seed", "2")):
        for i in range(4):
            equal(pair_kernel.run(folder, *SIM, "--sim-hazards", *order, "--logical-core", i), [2 * i, 2 * i + 1])
    equal(pair_kernel.run(folder, *SIM, "--sim-profile", "trn3", "--logical-core", 1), [2, 3])


@case("--lnc 2 alone means the first pair, and so does a kernel that says .cores 2")
def first_pair(folder):
    pair_kernel.prepare(folder)
    equal(pair_kernel.run(folder, *SIM, "--lnc", 2), [0, 1])
    equal(pair_kernel.run(folder, *SIM), [0, 1])


@case("with --lnc 1 each NeuronCore is a logical core of its own, and before trn2 it always is")
def single_cores(folder):
    assemble(folder, ".param ID, out, u32, 1\n.engine sp\ncore_id r1\nmem_store ID.u32[0], r1\nend\n")
    words = ("k.nko", "--out", "ID=id.npy")
    for options, core in ((("--lnc", 1), 0), (("--lnc", 1, "--logical-core", 5), 5),
                          (("--sim-profile", "trn1", "--logical-core", 1), 1),
                          (("--sim-profile", "inf2", "--lnc", 1, "--logical-core", 1), 1)):
        good(folder, "run", *SIM, *options, *words)
        equal(np.load(folder / "id.npy").tolist(), [core])


@case("program and tensors lie in the stack of the logical core")
def stack(folder):
    assemble(folder, TWO_TENSORS)
    words = ("run", "--backend", "sim", "--sim-hbm", "256M", "k.nko", "--out", "A=a.npy", "--out", "B=b.npy")
    # The kernel writes nothing of what is read: the sanitizer would tell.
    unwatched = {"env": {**os.environ, "NEURON_SANITIZER": "0"}}
    good(folder, *words, **unwatched)
    for core in range(4):
        bad(folder, 1, "B: sim: no room for a buffer of 41943040 bytes in HBM", *words, "--logical-core", core)
    good(folder, *words, "--logical-core", "3", "--placement", "host", **unwatched)


@case("logical cores that are not there, and numbers of cores that none has, are refused")
def wrong(folder):
    pair_kernel.prepare(folder)
    words = ("run", *SIM, *pair_kernel.FILES)
    bad(folder, 2, "logical core 4: sim has 4 of 2 cores", *words, "--logical-core", "4")
    bad(folder, 2, "logical core 8: sim has 8 of 1 core", *words, "--logical-core", "8", "--lnc", "1")
    bad(folder, 2, "logical core 1: sim has 1 of 2 cores", *words, "--sim-cores", "3", "--logical-core", "1")
    bad(folder, 2, "logical core 0: sim has 0 of 2 cores", *words, "--sim-cores", "1", "--lnc", "2")
    bad(folder, 2, "LNC 3: logical cores of sim have 1 or 2 cores", *words, "--lnc", "3")
    bad(folder, 2, "LNC 2: logical cores of sim have 1 core", *words, "--sim-profile", "trn1", "--lnc", "2")
    bad(folder, 2, "--lnc: Value 0 not in range", *words, "--lnc", "0")
    bad(folder, 2, "--logical-core: Value 32 not in range", *words, "--logical-core", "32")
    bad(folder, 2, "--cores excludes --logical-core", *words, "--logical-core", "0", "--cores", "2")
    bad(folder, 2, "--cores excludes --lnc", *words, "--lnc", "2", "--cores", "2")
    assert not (folder / "y.npy").exists()


@case("a kernel for another number of cores than the logical core has is refused")
def wrong_kernel(folder):
    pair_kernel.prepare(folder)
    bad(folder, 1, "pair.nko: is for 2 cores, the launch names 1", "run", *SIM, "--lnc", "1", *pair_kernel.FILES)
    assemble(folder, ".cores 4\n.engine sp\nend\n", "four")
    bad(folder, 1, "four.nko: is for 4 cores, the launch names 2", "run", *SIM, "--logical-core", "1", "four.nko")


if __name__ == "__main__":
    sys.exit(main())
