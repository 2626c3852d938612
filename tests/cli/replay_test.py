#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tapes from the command line: a job is recorded and replays, what was changed in its tape is named, and an old tape replays."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from copies import copy_kernel
from neuronctl import NEURONCTL, bad, ctl, good
from tap import BUILD, case, equal, main
from tapes import EVENT, SIM, events, recorded, spec, with_byte

MISMATCH, USAGE = 3, 2
OLD = Path(__file__).resolve().parent / "tapes" / "guest.tape"


@case("a job that was recorded replays with the same results")
def same(folder):
    recorded(folder)
    assert (np.load(folder / "y.npy") == np.load(folder / "x.npy")).all()
    result = good(folder, "replay", "job.tape")
    assert result.out.startswith("OK: ") and result.out.endswith(": same results bit for bit\n"), result.out
    answer = good(folder, "--json", "replay", "job.tape").json
    assert answer["complete"] and answer["steps"] > 20 and answer["dma_reads"] > 5 and not answer["reports"], answer


@case("NEURON_RECORD records any program's chips, a file each")
def environment(folder):
    env = {**os.environ, "NEURON_RECORD": str(folder / "e.tape")}
    kernel = copy_kernel(folder, 100)
    good(folder, *SIM, "--sim-chips", "2", kernel, "--in", "X=x.npy", "--out", "Y=y{chip}.npy", env=env)
    for name in ("e.tape", "e.tape.1"):
        assert "bit for bit" in good(folder, "replay", name).out


@case("a result that differs is the exit status, and the error names the event, the access and the byte")
def differs(folder):
    tape = recorded(folder)
    writes = [(n, at, head) for n, (at, head) in enumerate(events(tape)) if head["kind"] == spec.TapeKind.DMA_WRITE and head["bytes"] > 3]
    number, at, head = writes[-1]
    was = tape[at + EVENT + 3]
    (folder / "other.tape").write_bytes(with_byte(tape, at, 3, was ^ 0x10))
    bad(folder, MISMATCH, f"diverges at event {number} (step {head['step']}): DMA write to {head['addr']:#x} ({head['value']} bytes): "
        f"byte 3 is {was:#04x}, the tape has {was ^ 0x10:#04x}", "replay", "other.tape")


@case("--list prints the events by name, as text and as JSON")
def listed(folder):
    tape = recorded(folder)
    text = good(folder, "replay", "job.tape", "--list").out
    assert "read of GLOBAL.VERSION (4 bytes): " in text and "doorbell: slot " in text and "interrupt, vector 1" in text, text
    answer = good(folder, "--json", "replay", "job.tape", "--list").json
    equal(len(answer["list"]), len(events(tape)))
    assert "packet 0 of queue 0: COPY flags=" in text and "  queue 0: DMA write to 0x" in text and "  end of packet 0 of queue 0\n" in text, text
    launch, = [event for event in answer["list"] if event.get("packet", {}).get("opcode") == "LAUNCH"]
    equal((launch["kind"], launch["packet"]["core_mask"], launch["packet"]["arg_count"]), ("PACKET", 1, 2))
    done, = [event for event in answer["list"] if event["kind"] == "RETIRED" and event["value"] == launch["value"]]
    assert {event["by"] for event in answer["list"] if event["kind"] == "IRQ"} == {"queue 0"}, answer["list"]
    between = [event["by"] for event in answer["list"] if launch["event"] < event["event"] < done["event"]]
    assert "queue 0" in between, between
    equal(answer["list"][-1]["kind"], "END")


@case("it stops where it is told to, and prints the last events")
def stops(folder):
    recorded(folder)
    answer = good(folder, "--json", "replay", "job.tape", "--until", "30").json
    equal((answer["events"], answer["complete"]), (30, False))
    equal(good(folder, "--json", "replay", "job.tape", "--until-step", "20").json["steps"], 20)
    text = good(folder, "replay", "job.tape", "--until", "30", "--last", "4").out
    equal([line.split()[0] for line in text.splitlines()[:-1]], ["26", "27", "28", "29"])
    assert text.endswith("; stopped as asked\n"), text
    all_of_it = good(folder, "--json", "replay", "job.tape").json
    equal(good(folder, "--json", "replay", "job.tape", "--until", all_of_it["events"]).json["events"], all_of_it["events"])
    for option, count in (("--until", all_of_it["events"]), ("--until-step", all_of_it["steps"])):
        bad(folder, USAGE, f"job.tape: {option} {count + 1000}: the tape ends before, after {all_of_it['events']} events and {all_of_it['steps']} steps",
            "replay", "job.tape", option, count + 1000)
        bad(folder, USAGE, option, "replay", "job.tape", option, "-1")


@case("the sanitizer looks at a tape that was recorded without it")
def sanitized(folder):
    recorded(folder, 104)
    plain = good(folder, "--json", "replay", "job.tape").json
    result = ctl(folder, "--json", "replay", "job.tape", "--sanitize")
    answer = result.json
    equal((plain["reports"], answer["steps"], answer["complete"], result.code), ([], plain["steps"], True, MISMATCH))
    assert len(answer["reports"]) == 1 and "past the end of buffer 'X'" in answer["reports"][0], answer["reports"]
    equal(answer["error"]["message"], "the sanitizer has 1 report")
    text = ctl(folder, "replay", "job.tape", "--sanitize")
    equal((text.code, text.err), (MISMATCH, "neuronctl: error: the sanitizer has 1 report\n"))
    assert text.out.startswith("sanitizer: out of buffer: ") and "OK" not in text.out, text.out


@case("so does the sanitizer of the chip that was recorded")
def sanitized_tape(folder):
    kernel = copy_kernel(folder, 104)
    equal(ctl(folder, *SIM, "--record", "job.tape", "--sanitize", kernel, "--in", "X=x.npy", "--out", "Y=y.npy").code, MISMATCH)
    result = ctl(folder, "--json", "replay", "job.tape")
    equal((result.code, result.json["complete"], len(result.json["reports"])), (MISMATCH, True, 1))


@case("a long report of the sanitizer is whole")
def long_report(folder):
    # Of a buffer with a name of 47 letters that is gone; its test looks at the same sentence.
    env = {**os.environ, "NEURON_RECORD": str(folder / "t.tape")}
    subprocess.run([BUILD / "user/tests/unit/hal_sanitizer_test"], env=env, capture_output=True, timeout=120, check=True)
    reports = [report for tape in sorted(folder.iterdir()) for report in ctl(folder, "--json", "replay", tape).json["reports"]]
    report, = [report for report in reports if 47 * "w" in report]
    assert len(report) > 312 and report.endswith("; it faulted"), report


@case("a tape that was cut off replays as far as it goes, and says so")
def cut(folder):
    tape = recorded(folder)
    (folder / "cut.tape").write_bytes(tape[:len(tape) // 2])
    assert "the tape was cut off there" in good(folder, "replay", "cut.tape").out


@case("what is no tape, or a damaged one, is refused with the place")
def damaged(folder):
    tape = recorded(folder)
    at = events(tape)[9][0]
    (folder / "bad.tape").write_bytes(tape[:at + 20] + bytes([tape[at + 20] ^ 1]) + tape[at + 21:])
    bad(folder, USAGE, f"bad.tape: the tape is damaged at byte {at}, event 9: its check sum is wrong", "replay", "bad.tape")
    (folder / "no.tape").write_bytes(b"hello")
    bad(folder, USAGE, "no.tape: not a tape", "replay", "no.tape")
    bad(folder, USAGE, "none.tape", "replay", "none.tape")
    bad(folder, USAGE, "--until", "replay", "job.tape", "--until", "0")
    bad(folder, USAGE, "--gdb", "replay", "job.tape", "--list", "--gdb")


@case("a tape needs the sim backend, and a place where it can be written")
def where(folder):
    bad(folder, USAGE, "--sim-record", "run", "--backend", "null", "--record", "f", "k.nko")
    kernel = copy_kernel(folder, 100)
    result = ctl(folder, *SIM, "--record", "no/f.tape", kernel, "--in", "X=x.npy", "--out", "Y=y.npy")
    assert result.code != 0 and "sim: tape 'no/f.tape': No such file or directory" in result.err, result.err


@case("a tape of an older build still replays")
def old(folder):
    result = ctl(folder, "replay", OLD)
    assert result.code == 0, f"{result.err}if the chip was meant to change: tests/cli/tapes/record.sh"
    assert "bit for bit" in result.out


@case("in gdb it stops at the event that it is told")
def in_gdb(folder):
    recorded(folder)
    run = subprocess.run([NEURONCTL, "replay", "job.tape", "--until", "30", "--gdb"],
                         cwd=folder, input="print event\nkill\nquit\n", capture_output=True, text=True, timeout=120, check=False)
    assert "neuron_chip_tape_at" in run.stdout and "$1 = 30" in run.stdout, run.stdout + run.stderr


@case("from there on the breakpoints are those of whoever debugs")
def on_in_gdb(folder):
    recorded(folder)
    words = ("set pagination off", "break neuron::chip::Queue::step", "continue", "delete", "break neuron_chip_tape_stop", "continue", "kill", "quit")
    run = subprocess.run([NEURONCTL, "replay", "job.tape", "--until", "30", "--gdb"], cwd=folder, input="\n".join(words) + "\n",
                         capture_output=True, text=True, timeout=120, check=False)
    stops = re.findall(r"reakpoint [\d.]+, (?:0x[0-9a-f]+ in )?(neuron[\w:]*)", run.stdout)
    equal(stops, ["neuron_chip_tape_at", "neuron::chip::Queue::step", "neuron_chip_tape_stop"])


if __name__ == "__main__":
    sys.exit(main())
