#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The scripts that take a kernel's name say what they do not know, and end."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from tap import TOP, case, contains, equal, main  # noqa: E402


def refused(status, part, *words):
    run = subprocess.run([TOP / words[0], *words[1:]], capture_output=True, text=True, check=False, timeout=30)
    equal(run.returncode, status, f"status of {words}")
    equal(run.stdout, "")
    contains(run.stderr, part)


@case("guest/kernel.sh knows stock and debug")
def kernel(_folder):
    for name in ("base", "/tmp", "", "--oldest"):
        refused(1, f"there is no '{name}'", "guest/kernel.sh", name)
    refused(1, "there is no 'stocks'", "guest/kernel.sh", "debug", "stocks")


@case("guest/kernel/build.sh wants a configuration")
def build(_folder):
    refused(1, "usage: build.sh", "guest/kernel/build.sh", "debug")
    refused(1, "guest/kernel/none.config", "guest/kernel/build.sh", "none", "6.12.0")


@case("guest/run takes a folder only with a kernel in it")
def run(folder):
    refused(125, f"no kernel in '{folder}'", "guest/run", "--kernel", folder, "--no-module", "--", "true")
    refused(125, "no kernel in 'dbg'", "guest/run", "--kernel", "dbg", "--no-module", "--", "true")


@case("tools/build/module.sh names a folder that is none")
def module(folder):
    refused(1, f"no kernel folder {folder}/none", "tools/build/module.sh", f"{folder}/none")


@case("tools/build/newer-headers.sh wants one suite")
def headers(_folder):
    refused(1, "usage: newer-headers.sh", "tools/build/newer-headers.sh")
    refused(1, "usage: newer-headers.sh", "tools/build/newer-headers.sh", "forky", "trixie")


if __name__ == "__main__":
    sys.exit(main())
