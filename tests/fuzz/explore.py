#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""explore.py [TARGET [SECONDS]]: fuzz for long (default: every target, 600 s each), one process per CPU.

Keeps what it learns in build/fuzz/corpus/TARGET and writes findings to build/fuzz/findings/. To replay one:
build/fuzz/tests/fuzz/fuzz_TARGET FILE. Further targets, which are not among the default: programs-avx512, programs-scalar.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import fuzzing  # noqa: E402


def explore(target, seconds):
    corpus = fuzzing.BUILD / "fuzz/corpus" / target
    findings = fuzzing.BUILD / "fuzz/findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    workers = os.cpu_count() or 1
    command = fuzzing.command(
        target,
        f"-max_total_time={seconds}",
        f"-fork={workers}",
        "-ignore_crashes=0",
        f"-artifact_prefix={findings}/{target}-",
        str(corpus),
        str(fuzzing.seeds(target)),
    )
    return subprocess.run(command, env={**os.environ, **fuzzing.SANITIZERS}, check=False).returncode


def main(arguments):
    known = [*fuzzing.TARGETS, *fuzzing.OTHER_SIMD]
    targets = arguments[:1] or list(fuzzing.TARGETS)
    for target in targets:
        if target not in known:
            sys.exit(f"explore.py: no target '{target}'; there are {', '.join(known)}")
        if fuzzing.missing(target):
            sys.exit(f"explore.py: {target}: the host lacks {fuzzing.missing(target)}")
    seconds = arguments[1] if len(arguments) > 1 else "600"
    if not seconds.isdigit() or len(arguments) > 2:
        sys.exit("usage: explore.py [TARGET [SECONDS]]")
    try:
        fuzzing.build("fuzz")
    except AssertionError as error:
        sys.exit(f"explore.py: {error}")
    return max(explore(target, int(seconds)) for target in targets)


sys.exit(main(sys.argv[1:]))
