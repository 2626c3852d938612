#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl explore --device: a program that uses the device explores, and one that does not is an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from neuronctl import NEURONCTL, bad, good
from tap import case, contains, main

EXPLORE = ("explore", "--device", "accel0", "--seeds", "2", "--")


@case("a program that uses the device explores")
def uses(folder):
    contains(good(folder, *EXPLORE, NEURONCTL, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "65536").out, "explored 2 seeds, 0 failed")


@case("one that does not is an error, however it ends")
def idle(folder):
    bad(folder, 2, "sh: the program did not use the device accel0", *EXPLORE, "sh", "-c", "exit 0")
    bad(folder, 2, "sh: the program did not use the device accel0 (exit status 4: no)", *EXPLORE, "sh", "-c", "echo no; exit 4")


if __name__ == "__main__":
    sys.exit(main())
