#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Builds the fuzz targets, replays what they once found, and lets each look for more for a bounded time.

FUZZ_SECONDS (20) is the time for each target. A finding is written to build/test/fuzz; to keep it from coming back, put
it into tests/fuzz/regressions/TARGET/.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import fuzzing  # noqa: E402
from tap import Skip, case, main  # noqa: E402

SECONDS = int(os.environ.get("FUZZ_SECONDS", "20"))
FINDINGS = Path(os.environ.get("NEURON_TEST_LOGS", fuzzing.BUILD / "test")) / "fuzz"


@case("the targets build")
def _builds(_folder):
    fuzzing.build("fuzz")


# libFuzzer may count one more than the inputs that it is given.
def tries_all(target, inputs):
    runs = fuzzing.run(target, *inputs)
    if runs < len(inputs):
        raise AssertionError(f"only {runs} runs of {len(inputs)}")


def replays(target):
    @case(f"fuzz_{target}: what it found once stays mended")
    def _replays(_folder):
        inputs = [str(path) for path in fuzzing.regressions(target)]
        if not inputs:
            raise Skip("nothing yet")
        tries_all(target, inputs)


def explores(target):
    @case(f"fuzz_{target}: no finding in {SECONDS} s from the seeds on")
    def _explores(folder):
        FINDINGS.mkdir(parents=True, exist_ok=True)
        runs = fuzzing.run(
            target,
            "-seed=1",
            f"-max_total_time={SECONDS}",
            f"-artifact_prefix={FINDINGS}/{target}-",
            str(folder),
            str(fuzzing.seeds(target)),
        )
        least = len(list(fuzzing.seeds(target).iterdir()))
        print(f"# fuzz_{target}: {runs} runs")
        if runs < least:
            raise AssertionError(f"only {runs} runs: not even the {least} seeds")


def tries(target):
    @case(f"fuzz_{target}: no finding in the seeds")
    def _tries(_folder):
        if fuzzing.missing(target):
            raise Skip(f"the host lacks {fuzzing.missing(target)}")
        # What was found once is large, and slow in these; it is replayed in the ordinary one.
        inputs = sorted(fuzzing.seeds(target).iterdir())
        tries_all(target, [str(path) for path in inputs])


@case("damaged chip states do no harm that the sanitizers see")
def _damaged_states(_folder):
    program = fuzzing.BUILD / "fuzz/tests/unit/chip_state_damage_test"
    result = subprocess.run([program], check=False, capture_output=True, text=True)
    if result.returncode:
        raise AssertionError((result.stdout + result.stderr)[-4000:])


for name in fuzzing.TARGETS:
    replays(name)
    explores(name)
for name in fuzzing.OTHER_SIMD:
    tries(name)

sys.exit(main())
