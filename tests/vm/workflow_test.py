#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The workflow that the documents offer: its steps run as they are written, on this checkout."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, case, contains, equal, main

WORKFLOW = yaml.safe_load((TOP / "docs/examples/module-ci.yml").read_text(encoding="utf-8"))
JOB = WORKFLOW["jobs"]["test"]
PREPARATION = ("tools", "build")  # what the tests of everything have done before


def steps() -> dict:
    return {step["name"]: step["run"] for step in JOB["steps"] if "run" in step}


@case("it tests pushes and requests on both kernels and keeps the results")
def shape(_folder):
    equal(WORKFLOW[True], ["push", "pull_request"])  # YAML takes the key for a truth value
    equal(JOB["strategy"]["matrix"]["kernel"], ["stock", "debug"])
    equal([name for name in steps() if name in PREPARATION], list(PREPARATION))
    upload = JOB["steps"][-1]
    equal((upload["if"], upload["with"]["path"]), ("always()", "build/ci"))


@case("its steps run on the stock kernel, and their results are where it uploads them from")
def stock(_folder):
    for name, script in steps().items():
        if name not in PREPARATION:
            result = subprocess.run(["bash", "-e", "-c", script], cwd=TOP, env={**os.environ, "KERNEL": "stock"}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            assert result.returncode == 0, f"{name}: status {result.returncode}: {result.stdout}{result.stderr}"
            out = script.split("--out ")[1].split()[0]
            contains((TOP / out / "result.json").read_text(encoding="utf-8"), '"problem": null')


if __name__ == "__main__":
    sys.exit(main())
