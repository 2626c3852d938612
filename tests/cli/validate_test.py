#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl validate on the chip in the process."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import schema
from neuronctl import NEURONCTL, bad, ctl, good
from tap import case, contains, equal, main

SIM = ("--backend", "sim", "--sim-hbm", "1G")
ONLY_ON_DEVICES = {"submit-uring", "submit-ioctl", "submit-doorbell", "interrupts", "reset"}
SINCE_V3 = {"barrier", "send"}


def results(folder: Path, *words: object) -> dict:
    answer = good(folder, "--json", "validate", *words).json
    assert answer["failed"] == 0
    return {test["name"]: test for test in answer["tests"]}


@case("all tests pass on every chip and in both modes, or say why they cannot be tried")
def passes(folder):
    names = [test["name"] for test in good(folder, "--json", "validate", "--list").json["tests"]]
    for words, skipped in ((SIM, ONLY_ON_DEVICES), ((*SIM, "--sim-stepped", "--sim-seed", "3"), ONLY_ON_DEVICES),
                           ((*SIM, "--sim-profile", "inf2"), ONLY_ON_DEVICES | SINCE_V3),
                           ((*SIM, "--sim-profile", "trn3", "--sim-hazards"), ONLY_ON_DEVICES | {"scrub"})):
        found = results(folder, *words)
        equal(list(found), names)
        equal({name for name, test in found.items() if test["result"] == "skip"}, skipped, str(words))
        assert all(test["reason"] for test in found.values() if test["result"] == "skip")
        assert all(test["figures"] for test in found.values() if test["result"] == "pass"), found


@case("tests are chosen by name, and text has a line for each")
def chosen(folder):
    equal(set(results(folder, *SIM, "pe", "dma-up")), {"pe", "dma-up"})
    out = good(folder, "validate", *SIM, "pe", "dma-up").out.splitlines()
    equal([line.split()[:2] for line in out], [["pass", "dma-up"], ["pass", "pe"], ["OK:", "2"]])
    contains(good(folder, "validate", "--list").out, "semaphores")
    bad(folder, 2, "TEST", "validate", *SIM, "nonsense")
    bad(folder, 2, "unknown backend", "validate", "--backend", "gpu")
    bad(folder, 2, "--backend null does no work, so there is nothing that 'validate' could verify", "validate", "--backend", "null")


@case("a test that fails is named, the others go on, and the exit code is 3")
def fails(folder):
    # HBM too small for a transfer's buffers; the rest does not need it.
    words = ("validate", "--backend", "sim", "--sim-hbm", "8M", "facts", "dma-host", "dma-hbm", "recovery")
    run = subprocess.run([NEURONCTL, *words], capture_output=True, text=True, check=False)
    equal((run.returncode, run.stderr), (3, "neuronctl: error: 1 of 4 self tests failed: dma-hbm\n"))
    equal([line.split()[0] for line in run.stdout.splitlines()], ["pass", "pass", "FAIL", "pass"])
    answer = ctl(folder, "--json", *words)
    equal((answer.code, answer.json["ok"], answer.json["failed"], answer.json["error"]["code"]), (3, False, 1, "mismatch"))
    failed = [test for test in answer.json["tests"] if test["result"] == "fail"]
    equal([test["name"] for test in failed], ["dma-hbm"])
    contains(failed[0]["reason"], "hbm:0")
    schema.validate(json.loads(answer.out))


if __name__ == "__main__":
    sys.exit(main())
