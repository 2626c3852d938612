#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How the runner starts programs, and how long it waits for them."""

import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from host import ends_within, hear_interrupts
from tap import case, equal, main


@case("who ends in time is waited for no longer")
def in_time(_folder):
    ended = threading.Event()
    ended.set()
    equal(ends_within(ended, 1000), True)


@case("who does not end in time is given up")
def late(_folder):
    equal(ends_within(threading.Event(), 0.05, tick=0.01), False)


@case("a machine that stands still uses up five ticks of the time at most")
def still(_folder):
    looks = itertools.count()
    equal(ends_within(threading.Event(), 1, tick=0.01, clock=lambda: 1000 * next(looks)), False)
    # The first look, and one for each twentieth of the second.
    equal(next(looks), 21)


@case("who ends after a machine has stood still is in time")
def after(_folder):
    ended = threading.Event()
    looks = itertools.count()

    def clock():
        look = next(looks)
        if look == 3:
            ended.set()
        return 1000 * look

    equal(ends_within(ended, 1, tick=0.01, clock=clock), True)


@case("programs may be interrupted, however the runner was started")
def interrupts(_folder):
    look = [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        equal(subprocess.check_output(look, text=True).strip(), "True")
        hear_interrupts()
        equal(subprocess.check_output(look, text=True).strip(), "False")
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
