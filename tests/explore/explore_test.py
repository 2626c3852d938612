#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl explore: a program under many seeds, what counts as a failure, and that a seed fails again; and the library's own tests under it."""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import NEURONCTL, assemble, bad, ctl, good
from tap import BUILD, case, contains, equal, main

PROGRAM = BUILD / "user/tests/explore/two_queues"
WITHIN = 30  # seeds, of which one finds the race of that program
LIBRARY = BUILD / "user/tests/hal"


def again(seed, *words):
    return subprocess.run([PROGRAM, *words], env={**os.environ, "NEURON_EXPLORE": str(seed)}, capture_output=True, text=True, timeout=60)


@case("a race is found, and its seed finds it again")
def finds(folder):
    result = ctl(folder, "explore", "--seeds", WITHIN, "--", PROGRAM)
    equal(result.code, 3)
    found = re.match(r"seed (\d+): exit status 3: (two_queues: round \d took what round \d had made)\n  again: NEURON_EXPLORE=(\d+) (\S+)\n$", result.out)
    assert found, result.out
    seed, line, same, program = found.groups()
    equal((same, program), (seed, str(PROGRAM)))
    equal(result.err, f"neuronctl: error: explored {seed} {'seed' if seed == '1' else 'seeds'}, 1 failed\n")
    for _ in range(2):
        run = again(seed)
        equal((run.returncode, run.stderr), (3, line + "\n"))
    replay = ctl(folder, "explore", "--seeds", f"{seed}..{seed}", "--", PROGRAM)
    equal((replay.code, replay.out), (3, result.out))


@case("the tape of a run that fails replays without the seed, and shows the race")
def keeps_tapes(folder):
    result = ctl(folder, "--json", "explore", "--seeds", WITHIN, "--record", "tapes", "--", PROGRAM)
    equal(result.code, 3)
    failure, = result.json["explore"]["failures"]
    tape = f"tapes/seed-{failure['seed']}.tape"
    equal((failure["tapes"], [str(path.relative_to(folder)) for path in (folder / "tapes").iterdir()]), ([tape], [tape]))
    wanted, got = re.fullmatch(r"two_queues: round (\d) took what round (\d) had made", failure["line"]).groups()
    equal(int(got), int(wanted) - 1)
    env = {name: value for name, value in os.environ.items() if not name.startswith("NEURON_EXPLORE")}
    contains(good(folder, "replay", tape, env=env).out, ": same results bit for bit\n")
    listed = good(folder, "--json", "replay", tape, "--list", env=env).json["list"]
    contains("\n".join(event["text"] for event in listed if event["kind"] == "PLAN"), f"explore seed={failure['seed']}")
    packets = [event for event in listed if event["kind"] == "PACKET"]
    fills = [event for event in packets if event["packet"]["opcode"] == "FILL"]
    copy = [event for event in packets if event["packet"]["opcode"] == "COPY"][int(wanted) - 1]
    for fill in fills[int(wanted) - 1:]:  # if it was begun at all
        ends = [event["event"] for event in listed if event["kind"] == "RETIRED" and (event["addr"], event["value"]) == (fill["addr"], fill["value"])]
        assert all(copy["event"] < end for end in ends), (copy, fill, ends)
    text = ctl(folder, "explore", "--seeds", WITHIN, "--record", "tapes", "--", PROGRAM)
    contains(text.out, f"\n  what the chip saw: neuronctl replay {tape}\n")


@case("nothing is found where the program waits, and a seed gives the same run to the step")
def stands(folder):
    equal(good(folder, "explore", "--seeds", 2 * WITHIN, "--jobs", 2, "--", PROGRAM, "wait").out, f"OK: explored {2 * WITHIN} seeds, 0 failed\n")
    runs = {again(seed, "wait").stdout for seed in (4, 4, 4)}
    equal(len(runs), 1)
    assert len({again(seed, "wait").stdout for seed in range(4, 8)}) > 1


@case("--keep-going goes on, and the JSON has all")
def keeps_going(folder):
    result = ctl(folder, "--json", "explore", "--seeds", f"1..{WITHIN}", "--keep-going", "--jobs", 2, "--", PROGRAM)
    equal(result.code, 3)
    answer = result.json["explore"]
    equal((answer["seeds"], answer["failed"]), (WITHIN, len(answer["failures"])))
    assert all(1 <= one["seed"] <= WITHIN and one["outcome"] == "exit status 3" for one in answer["failures"])
    equal(result.json["error"]["code"], "mismatch")


@case("a signal and a run without an end are failures")
def ends(folder):
    killed = ctl(folder, "explore", "--seeds", "7..7", "--", "sh", "-c", f"{PROGRAM} wait; echo off we go; kill -SEGV $$")
    equal(killed.code, 3)
    contains(killed.out, f"seed 7: signal 11 (Segmentation fault): off we go\n  again: NEURON_EXPLORE=7 sh -c '{PROGRAM} wait; echo off we go; kill -SEGV $$'\n")
    endless = ctl(folder, "explore", "--seeds", "1", "--timeout", "3", "--", "sh", "-c", f"{PROGRAM} wait; echo here >&2; sleep 1000 & wait")
    equal(endless.code, 3)
    contains(endless.out, "seed 1: no end after 3 s: here\n")


@case("a program that dies while its chip is there has made one")
def dies(folder):
    kernel = assemble(folder, ".param X, out, u8, 8192\n.engine sp\nloop: jump loop\n", "endless")
    result = ctl(folder, "explore", "--seeds", "1", "--", "timeout", "-s", "KILL", "3", NEURONCTL, "run", "--backend", "sim", kernel, "--out", "X=x.npy")
    equal(result.code, 3, result.err)
    contains(result.out, "seed 1: ")


@case("reports of the sanitizer count with --sanitize")
def sanitizes(folder):
    # It makes a chip, and says what a report says.
    command = ("sh", "-c", f"{PROGRAM} wait; echo sanitizer: something >&2")
    good(folder, "explore", "--seeds", 1, "--", *command)
    result = ctl(folder, "explore", "--seeds", 1, "--sanitize", "--", *command)
    equal(result.code, 3)
    contains(result.out, "seed 1: 1 report of the sanitizer: sanitizer: something\n  again: NEURON_SANITIZER=1 NEURON_EXPLORE=1 sh")


@case("wrong words are named")
def words(folder):
    for seeds in ("0", "5..4", "x", "1..", "..3", "-1", "18446744073709551615"):
        bad(folder, 2, f"--seeds {seeds}: is N or A..B", "explore", f"--seeds={seeds}", "--", PROGRAM)
    bad(folder, 2, "no-such-program: No such file or directory", "explore", "--", "no-such-program")
    bad(folder, 2, "true: has made no chip that could explore", "explore", "--", "true")
    bad(folder, 2, "sh: has made no chip that could explore (exit status 4: oh)", "explore", "--seeds", "3", "--", "sh", "-c", "echo oh; exit 4")
    bad(folder, 2, "--jobs: a device explores with one seed at a time", "explore", "--device", "accel0", "--jobs", "2", "--", "true")
    bad(folder, 2, "--sanitize: the sanitizer of a device is its property", "explore", "--device", "accel0", "--sanitize", "--", "true")
    bad(folder, 2, "--record none/deeper: No such file or directory", "explore", "--record", "none/deeper", "--", PROGRAM)
    bad(folder, 2, "--record: the tape of a device is its property 'record'", "explore", "--device", "accel0", "--record", ".", "--", "true")
    for option in (("--jobs", "0"), ("--jobs", "x"), ("--timeout", "0"), ("--timeout", "-1")):
        bad(folder, 2, option[0], "explore", *option, "--", "true")
    bad(folder, 2, "command is required", "explore")


@case("NEURON_EXPLORE takes aspects, and what is no seed is named")
def environment(_):
    equal(again("3 order interrupts", "wait").returncode, 0)
    for wish, why in (("x", "fault plan: 'seed=x': explore takes one seed=N"), ("1 time", "fault plan: 'time': explore takes seed=N, order")):
        run = again(wish, "wait")
        equal(run.returncode, 1)
        contains(run.stderr, f"sim: exploring with seed '{wish}': {why}")


@case("the library's own tests of queues, timelines and waiting hold")
def library(folder):
    for name, seeds in (("queue", 12), ("timeline", 20), ("async", 20)):
        contains(good(folder, "explore", "--seeds", seeds, "--jobs", 2, "--timeout", 60, "--", LIBRARY / f"hal_{name}_test", "sim").out, "0 failed")


if __name__ == "__main__":
    sys.exit(main())
