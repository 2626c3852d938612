#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl fault: plans for the real device, from the command line, a file and a pipe."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from neuronctl import bad, ctl, good
from tap import case, contains, equal, main

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
RULE = "packet nth=2: ecc_corrected at=64"


def shown(folder) -> dict:
    return good(folder, "--json", "fault", "show").json


@case("a plan is set, shown with what has gone wrong by it, and cleared")
def plan(folder):
    contains(good(folder, "fault", "show").out, "no fault plan")
    answer = good(folder, "--json", "fault", "set", f"seed 9; {RULE}; irq vector=32: drop").json
    equal((answer["seed"], answer["rules"][0]), (9, {"matched": 0, "made": 0, "first": [], "rule": RULE}))
    good(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
    good(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
    first, second = shown(folder)["rules"]
    assert first["made"] == 1 and first["matched"] >= 2 and first["first"][0]["event"] == 2, first
    equal((second["made"], second["rule"]), (0, "irq vector=32: drop"))
    contains(good(folder, "fault", "show").out, RULE)
    contains(good(folder, "fault", "clear").out, "has no fault plan")
    equal(shown(folder)["rules"], [])


@case("a plan comes from a file or a pipe as well")
def sources(folder):
    (folder / "plan.txt").write_text(f"# two\nseed 1\n{RULE}\nirq vector=32: drop\n")
    try:
        equal(len(good(folder, "--json", "fault", "set", "@plan.txt").json["rules"]), 2)
        equal(len(good(folder, "--json", "fault", "set", "-", input=RULE).json["rules"]), 1)
        equal(len(good(folder, "--json", "fault", "set", input=f"{RULE};{RULE};{RULE}").json["rules"]), 3)
        equal(good(folder, "--json", "fault", "set", "").json["rules"], [])
    finally:
        good(folder, "fault", "clear")


@case("what is no plan is one error that names the rule and the word, and the plan of before stays")
def wrong(folder):
    good(folder, "fault", "set", RULE)
    try:
        bad(folder, 2, "fault plan: rule 2: 'explode': irq takes drop, duplicate, reorder, spurious", "fault", "set", "irq: drop; irq: explode")
        answer = shown(folder)
        equal((len(answer["rules"]), answer["rules"][0]["rule"]), (1, RULE))
        contains(answer["refused"], "rule 2: 'explode'")
        bad(folder, 2, "nowhere.txt: No such file or directory", "fault", "set", "@nowhere.txt")
        bad(folder, 2, "longer than the device takes", "fault", "set", "#" * 70000)
        bad(folder, 2, "subcommand is required", "fault")
        bad(folder, 1, "0000:77:00.0: no such device", "fault", "show", "--device", "0000:77:00.0")
    finally:
        good(folder, "fault", "clear")


@case("a job that hangs by the plan is timed out, and the next one runs")
def hang(folder):
    limit = Path("/sys/class/accel/accel0/device/watchdog/timeout_ms")
    before = limit.read_text()
    limit.write_text("300")
    good(folder, "fault", "set", "packet nth=1..2: hang")  # bad() tries twice
    try:
        bad(folder, 1, "stopped, because it made no progress", "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
        equal(shown(folder)["rules"][0]["made"], 2)
    finally:
        good(folder, "fault", "clear")
        limit.write_text(before)
    good(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")


@case("of a device that its plan has put to sleep the state is named, and what mends it")
def asleep(folder):
    good(folder, "fault", "set", "packet nth=1: sleep")
    try:
        ctl(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
        for words, more in ((("set", "irq: drop"), ""), (("show",), ", so it cannot give its report")):
            failed = bad(folder, 1, f"0000:01:00.0: the function is in D3, and reaches no memory{more}", "fault", *words)
            contains(failed.err, "; 'neuronctl reset' mends it")
        contains(good(folder, "fault", "clear").out, "has no fault plan\nbut the function is in D3, and reaches no memory; 'neuronctl reset' mends it\n")
        contains(good(folder, "--json", "fault", "clear").json["unusable"], "D3")
    finally:
        ctl(folder, "fault", "clear")
        good(folder, "reset")
    good(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
    assert "unusable" not in good(folder, "--json", "fault", "clear").json


@case("so is that of one that the driver has given up")
def given_up(folder):
    good(folder, "fault", "set", "reg_read: ones")
    try:
        ctl(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
        bad(folder, 1, "the device is gone: the driver has given it up, and lets it reach no memory, so it cannot give its report", "fault", "show")
        bad(folder, 1, "the device is gone: the driver has given it up, and lets it reach no memory", "fault", "set", "irq: drop")
    finally:
        contains(good(folder, "fault", "clear").out, "\nbut the device is gone: ")
        good(folder, "reset")
    good(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")


@case("only root sets, shows and clears")
def root_only(folder):
    folder.chmod(0o755)
    for words in (("set", "irq: drop"), ("show",), ("clear",)):
        contains(bad(folder, 1, "only root can look inside", "fault", *words, before=NOBODY).err, "; run as root, e.g. with sudo\n")


if __name__ == "__main__":
    sys.exit(main())
