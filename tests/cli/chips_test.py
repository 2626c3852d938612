#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl run on several simulated chips: what they share, what each has of its own, and who is to blame."""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import ONE_CHIP_FAULTS, assemble, bad, ctl, good
from tap import case, contains, equal, main

SIM = ("run", "--backend", "sim", "--sim-hbm", "256M")
CHIP = ("--scalar", "CHIP={chip}")
# A token goes from chip to chip, LAPS times round; each adds what it has in X, and counts how often it looked.
TOKEN = """
    .option CHIPS, 2
    .equ LAPS, 3
    .param X, in, u32, 1
    .param LOOKS, out, u32, 1
    .param CHIP, scalar
    .param MAIL, inout, u32, 2                  ; whose turn it is, from 0, and the token
    .engine sp
    load_arg r1, CHIP
    mem_load r5, X.u32[0]
look: add r4, r4, 1
    mem_load r2, MAIL.u32[0]
    bne r2, r1, look
    mem_load r3, MAIL.u32[4]
    add r3, r3, r5
    mem_store MAIL.u32[4], r3
    mem_store LOOKS.u32[0], r4
    add r2, r2, 1
    mem_store MAIL.u32[0], r2
    add r1, r1, CHIPS
    blt r1, CHIPS * LAPS, look
    .if CHIPS == 1
    mem_store LOOKS.u32[0], r3
    .endif
    end
"""
FILES = ("token.nko", "--in", "X=x{chip}.npy", "--out", "LOOKS=looks{chip}.npy", *CHIP, "--share", "MAIL")
# Shows the token: chip 0 stores it when the others have gone.
SHOW = TOKEN.replace("    end\n", """
last: mem_load r2, MAIL.u32[0]
    bne r2, CHIPS * LAPS, last
    mem_load r3, MAIL.u32[4]
    mem_store LOOKS.u32[0], r3
    end
""")


def prepare(folder, chips, text=TOKEN):
    assemble(folder, text.replace(".option CHIPS, 2", f".option CHIPS, {chips}"), "token")
    for chip in range(chips):
        np.save(folder / f"x{chip}.npy", np.array([10 ** chip], np.uint32))


def looks(folder, chips):
    return [int(np.load(folder / f"looks{chip}.npy")[0]) for chip in range(chips)]


@case("2, 3 and 4 chips pass a word on through memory that they share, threaded and stepped")
def token(folder):
    for chips in (2, 3, 4):
        prepare(folder, chips, SHOW)
        want = sum(3 * 10 ** chip for chip in range(chips))
        for order in ((), ("--sim-threads", "1"), ("--sim-stepped",), ("--sim-stepped", "--sim-seed", "7")):
            good(folder, *SIM, "--sim-chips", chips, *order, *FILES)
            equal(looks(folder, chips), [want] * chips, str((chips, order)))


@case("stepped chips take turns that only the seed decides")
def turns(folder):
    prepare(folder, 3)

    def counts(seed):
        good(folder, *SIM, "--sim-chips", "3", "--sim-stepped", "--sim-seed", seed, *FILES)
        return looks(folder, 3)

    of_seeds = [counts(seed) for seed in range(4)]
    equal([counts(seed) for seed in range(4)], of_seeds)
    assert len({tuple(one) for one in of_seeds}) > 1, of_seeds


@case("one chip is chip 0, and shared memory is its own")
def single(folder):
    prepare(folder, 1)
    good(folder, *SIM, *FILES)
    equal(looks(folder, 1), [3])


@case("the report has a line for each chip, and the JSON a device")
def report(folder):
    prepare(folder, 2)
    out = good(folder, *SIM, "--sim-chips", "2", "--sim-profile", "trn3", *FILES).out
    equal(out.count("device   sim: trn3, 8 cores"), 2)
    contains(out, "shared by all chips")
    contains(out.splitlines()[-1], "OK: token ran on sim, sim in ")
    answer = good(folder, "--json", *SIM, "--sim-chips", "2", *FILES).json
    equal([device["backend"] for device in answer["devices"]], ["sim", "sim"])
    equal(answer["device"], answer["devices"][0])
    equal(answer["params"][3], {"name": "MAIL", "kind": "inout", "dtype": "u32", "shape": [2], "bytes": 8,
                                "shared": True})


@case("a fault of one chip ends the run of all, and is that chip's")
def fault(folder):
    assemble(folder, ONE_CHIP_FAULTS)
    words = (*SIM, "--sim-chips", "3", "k.nko", *CHIP, "--share", "MAIL")
    start = time.monotonic()
    bad(folder, 1, "chip 1: job 2, packet 0 (LAUNCH): core 0 SP instruction 5 (k.s:10): PAGE_NOT_MAPPED", *words)
    error = ctl(folder, "--json", *words, "--sim-stepped").json["error"]
    equal((error["code"], error["chip"]), ("device_fault", 1))
    assert time.monotonic() - start < 30, "the others were waited for"


@case("a chip whose partner never comes is given up after --timeout")
def alone(folder):
    prepare(folder, 3)  # for three chips, of which two come
    for order in ((), ("--sim-stepped",)):
        bad(folder, 1, "no end after 400 ms (--timeout): the kernel goes on", *SIM, "--sim-chips", "2", "--timeout", "0.4", *order, *FILES)
    assert not (folder / "looks0.npy").exists()


@case("outputs of two chips must not be one file")
def outputs(folder):
    prepare(folder, 2)
    words = (*SIM, "--sim-chips", "2", "token.nko", "--in", "X=x0.npy", *CHIP, "--share", "MAIL", "--out")
    bad(folder, 2, "'LOOKS' of chip 0 and 'LOOKS' of chip 1 would both be written to y.npy: '{chip}'", *words,
        "LOOKS=y.npy")
    good(folder, *words, "LOOKS=y-{chip}-{chip}.npy")  # inputs may be one
    assert (folder / "y-1-1.npy").exists()
    bad(folder, 2, "X: x2.npy", *SIM, "--sim-chips", "3", *FILES)


@case("what cannot be shared is named")
def share(folder):
    prepare(folder, 2)
    words = (*SIM, "--sim-chips", "2", *FILES)
    bad(folder, 2, "--share NONE: kernel token has no parameter 'NONE'; it has X (in), LOOKS (out)", *words, "--share",
        "NONE")
    bad(folder, 2, "--share CHIP: 'CHIP' is a scalar of kernel token", *words, "--share", "CHIP")
    bad(folder, 2, "--share MAIL is given twice", *words, "--share", "MAIL")
    bad(folder, 2, "--in MAIL=x0.npy: 'MAIL' is shared (--share), which has no file", *words, "--in", "MAIL=x0.npy")
    bad(folder, 2, "--out MAIL=m.npy: 'MAIL' is shared (--share), which has no file", *words, "--out", "MAIL=m.npy")
    bad(folder, 2, "kernel token needs --in MAIL=FILE.npy", *words[:-2])


@case("numbers of chips that make no sense are refused")
def numbers(folder):
    prepare(folder, 2)
    for number in ("0", "65", "-1", "two"):
        bad(folder, 2, "--sim-chips", *SIM, "--sim-chips", number, *FILES)
    bad(folder, 2, "--sim-chips needs --backend sim", "run", "--sim-chips", "2", *FILES)
    bad(folder, 2, "--device is for --backend accel", *SIM, "--device", "accel0", "--device", "accel1", *FILES)
    bad(folder, 2, "not expected: 2 --sim-chips", "info", "--backend", "sim", "--sim-chips", "2")
    bad(folder, 2, "--device", "info", "--device", "accel0", "--device", "accel1")


@case("the kernel may stand anywhere among the options that can be given several times")
def order(folder):
    prepare(folder, 2)
    name, *files = FILES
    for at in (2, 4, 6, 8):
        good(folder, *SIM, "--sim-chips", "2", *files[:at], name, *files[at:])
    bad(folder, 2, "--device is for --backend accel", "run", "--device", "accel0", "--device", "accel1", name, *files,
        "--backend", "sim")


if __name__ == "__main__":
    sys.exit(main())
