#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl explain on a device that has lost a doorbell, which the debug kernel's fault injection can make it do."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]

from driver import address
from states import explained, finding, has, stuck
from tap import case, contains, equal, main


@case("a doorbell that is lost is named")
def doorbell(folder):
    knob = Path(f"/sys/kernel/debug/accel/{address()}/fail_doorbell")
    (knob / "probability").write_text("100")
    (knob / "times").write_text("1")
    with stuck("loop"):
        answer = explained(folder, has("doorbell_behind"))
        behind = finding(answer, "doorbell_behind")
        equal(behind["health"], "stuck")
        contains(behind["sentence"], "has 1 packets in its ring, but the device was told of 0 only: ")
    (knob / "probability").write_text("0")


sys.exit(main())
