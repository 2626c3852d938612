#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl with --backend null: jobs are taken and nothing is done."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from neuronctl import assemble, bad, good
from tap import case, contains, equal, main

NULL = ("--backend", "null")
QUICK = ("--jobs", "100", "--batch", "10", "--repeat", "3", "--max", "16K")


@case("info says that it is the largest chip")
def info(folder):
    device = good(folder, "--json", "info", *NULL).json["device"]
    sims = [good(folder, "--json", "info", "--backend", "sim", "--sim-profile", name).json["device"] for name in ("inf2", "trn1", "trn2", "trn3")]
    equal((device["backend"], device["name"], device["cores"]), ("null", "null", max(sim["cores"] for sim in sims)))


@case("bench measures the library alone, polled and of each priority as well")
def benches(folder):
    for words in ((), ("--polled",), ("--priority", "low"), ("--priority", "high", "--polled")):
        answer = good(folder, "--json", "bench", *NULL, *QUICK, *words).json
        equal((answer["polled"], answer["priority"]), ("--polled" in words, words[1] if "--priority" in words else "normal"))
        equal([(row["bench"], row["path"], row["times"]["count"]) for row in answer["results"][:2]],
              [("latency", "null", 100), ("throughput", "null", 10)])
        assert len(answer["results"]) == 10 and all(row["bench"] == "copy" for row in answer["results"][2:])
    contains(good(folder, "bench", *NULL, *QUICK).out, "null")


@case("run takes a kernel, and no result comes of it")
def runs(folder):
    kernel = assemble(folder, ".param X, in, u32, 4\n.param Y, out, u32, 4\n.engine sp\nmem_load r1, X.u32[0]\nmem_store Y.u32[0], r1\nend\n")
    np.save(folder / "x.npy", np.full(4, 7, np.uint32))
    np.save(folder / "want.npy", np.full(4, 9, np.uint32))
    contains(good(folder, "run", *NULL, kernel, "--in", "X=x.npy", "--out", "Y=y.npy", "--repeat", "3", "--cores", "2").out, "ran on null")
    equal(np.load(folder / "y.npy").shape, (4,))
    bad(folder, 3, "Y", "run", *NULL, kernel, "--in", "X=x.npy", "--check", "Y=want.npy")


@case("commands that look at the work say that there is none, and options of other backends are refused")
def refused(folder):
    for words in (("validate",), ("dma", "copy", "--to", "hbm", "--bytes", "64"), ("dma", "fill", "--to", "hbm", "--bytes", "64"), ("dma", "test")):
        bad(folder, 2, "--backend null does no work", *words, *NULL)
    bad(folder, 2, "--device is for --backend accel; the null backend has no node", "info", *NULL, "--device", "accel0")
    bad(folder, 2, "--sim-cores needs --backend sim", "bench", *NULL, "--sim-cores", "2")
    bad(folder, 2, "--path", "bench", *NULL, "--path", "pigeon")


if __name__ == "__main__":
    sys.exit(main())
