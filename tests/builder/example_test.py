#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The example of the builder computes what it says."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import BUILD, case, contains, equal, main  # noqa: E402

BACKEND = "accel" if Path("/dev/accel/accel0").exists() else "sim"


def run(*words: str) -> subprocess.CompletedProcess:
    program = BUILD / "user/examples/builder/example-scale"
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


@case(f"scale is right on {BACKEND}")
def scale(_):
    result = run(BACKEND)
    equal((result.returncode, result.stdout, result.stderr), (0, "scale: 131072 elements are right\n", ""))


@case("an unknown backend is an error of one line")
def unknown(_):
    result = run("none")
    equal((result.returncode, result.stdout), (1, ""))
    contains(result.stderr, "none")
    equal(result.stderr.count("\n"), 1)


if __name__ == "__main__":
    sys.exit(main())
