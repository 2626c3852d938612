#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Builds the chip and the HAL with the thread sanitizer, and uses them from many threads."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fuzz"), str(HERE.parent / "support")]

import fuzzing  # noqa: E402
from tap import case, contains, main  # noqa: E402


def run(*words: str) -> str:
    """What the program said; raises with the first report of the sanitizer, or with what it said last."""
    done = subprocess.run(
        [*fuzzing.fixed_addresses(), str(fuzzing.BUILD / "tsan/tests/tsan" / words[0]), *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **fuzzing.SANITIZERS},
        check=False,
    )
    if done.returncode != 0:
        start = done.stdout.find("WARNING: ThreadSanitizer")
        raise AssertionError(f"exit status {done.returncode}\n{done.stdout[start:][:6000] if start >= 0 else done.stdout[-6000:]}")
    return done.stdout


@case("the programs build")
def _build(_folder):
    fuzzing.build("tsan")


@case("launches, faults, stops and resets from many threads: no data race, no lock inversion")
def _chip_is_clean(_folder):
    contains(run("stress"), "ok 3")


@case("what libneuron says that several threads may use, on the chip in the process: none either")
def _library_is_clean(_folder):
    contains(run("hal_threads", "sim"), "jobs_of_two_threads_meet_at_timelines (sim, stepped)")


@case("the same on the backend that does nothing, where nobody's locks hide the library's own")
def _library_alone_is_clean(_folder):
    contains(run("hal_threads", "null"), "jobs_of_two_threads_meet_at_timelines (null)")


sys.exit(main())
