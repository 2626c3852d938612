#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A replay with a chip that does something wrong names the first thing that is: the event, the step, the place, and both values."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from neuronctl import ctl, good  # noqa: E402
from tap import BUILD, case, equal, main  # noqa: E402
from tapes import EVENT, events, recorded, spec  # noqa: E402

CHIP = BUILD / "user/tests/tape/libbroken-chip.so"
MISMATCH = 3


def replay(folder, broken):
    return ctl(folder, "replay", "job.tape", env={**os.environ, "LD_PRELOAD": str(CHIP), "NEURON_BROKEN": broken})


def found(folder, broken, number, head, what):
    result = replay(folder, broken)
    equal((result.code, result.out, result.err),
          (MISMATCH, "", f"neuronctl: error: job.tape: diverges at event {number} (step {head['step']}): {what}\n"))


def of_kind(tape, kind):
    return [(number, at, head) for number, (at, head) in enumerate(events(tape)) if head["kind"] == kind]


@case("the same chip, built for being broken, replays while it is whole")
def whole(folder):
    recorded(folder)
    equal(replay(folder, "").out, good(folder, "replay", "job.tape").out)


@case("a chip that writes another byte")
def writes(folder):
    number, at, head = of_kind(tape := recorded(folder), spec.TapeKind.DMA_WRITE)[2]
    last = head["value"] - 1
    was = tape[at + EVENT + (0 if head["flags"] & spec.TapeFlag.SAME else last)]
    found(folder, "write:3", number, head,
          f"DMA write to {head['addr']:#x} ({head['value']} bytes): byte {last} is {was ^ 0x80:#04x}, the tape has {was:#04x}")


@case("a chip that reads from another address")
def reads(folder):
    number, _, head = of_kind(recorded(folder), spec.TapeKind.DMA_READ)[2]
    found(folder, "read:3", number, head,
          f"DMA read of {head['addr'] + 64:#x} ({head['value']} bytes), the tape has DMA read of {head['addr']:#x} ({head['value']} bytes)")


@case("a chip whose register has another value")
def reads_register(folder):
    number, _, head = of_kind(recorded(folder), spec.TapeKind.REG_READ)[0]
    found(folder, "register:1", number, head,
          f"read of GLOBAL.VERSION (4 bytes) gives {head['value'] ^ 1:#x}, the tape has {head['value']:#x}")


@case("a chip that loses an interrupt")
def loses_interrupt(folder):
    tape = recorded(folder)
    number, _, head = of_kind(tape, spec.TapeKind.IRQ)[0]
    result = replay(folder, "interrupt:1")
    equal(result.code, MISMATCH)
    # What comes next in its place depends on the job; the tape's side is the interrupt.
    assert result.err.startswith(f"neuronctl: error: job.tape: diverges at event {number} (step ") and f"the tape has interrupt, vector {head['value']}" in result.err, result.err


if __name__ == "__main__":
    sys.exit(main())
