# SPDX-License-Identifier: MIT
"""Brings the device into states that are to be explained, and asks until the explanation is there."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from pathlib import Path

from neuronctl import good
from tap import BUILD

STUCK = BUILD / "user/tests/guest/explain/stuck"


@contextlib.contextmanager
def stuck(state: str):
    """The device is in the state; gives what the program said of it, and its number."""
    process = subprocess.Popen([STUCK, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line, f"{state}: exit status {process.wait()}"
        yield json.loads(line) | {"pid": process.pid}
    finally:
        process.stdin.close()
        process.wait(timeout=60)


def explained(folder: Path, want, *words: object) -> dict:
    """The answer, once it is what is wanted: a state comes about while one looks."""
    end = time.monotonic() + 30
    while True:
        answer = good(folder, "--json", "explain", *words).json
        if want(answer) or time.monotonic() > end:
            return answer


def rules(answer: dict) -> list[str]:
    return [finding["rule"] for finding in answer["findings"]]


def finding(answer: dict, rule: str) -> dict:
    for each in answer["findings"]:
        if each["rule"] == rule:
            return each
    raise AssertionError(f"no {rule} in {answer}")


def has(rule: str):
    return lambda answer: rule in rules(answer)
