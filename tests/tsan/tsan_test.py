#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Builds the chip with the thread sanitizer and puts it under stress from all sides."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fuzz"), str(HERE.parent / "support")]

import fuzzing  # noqa: E402
from tap import case, contains, main  # noqa: E402


@case("the stress program builds")
def _builds(_folder):
    fuzzing.build("tsan")


@case("launches, faults, stops and resets from many threads: no data race, no lock inversion")
def _is_clean(_folder):
    done = subprocess.run(
        [*fuzzing.fixed_addresses(), str(fuzzing.BUILD / "tsan/tests/tsan/stress")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **fuzzing.SANITIZERS},
        check=False,
    )
    if done.returncode != 0:
        start = max(done.stdout.find("WARNING: ThreadSanitizer"), 0)
        raise AssertionError(f"exit status {done.returncode}\n{done.stdout[start:][:6000]}")
    contains(done.stdout, "ok 3")


sys.exit(main())
