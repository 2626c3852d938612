# SPDX-License-Identifier: MIT
"""Test cases as functions, results as TAP. A case fails by raising; its name says what it guards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NEURON_BUILD", TOP / "build"))
NEURONCTL = Path(os.environ.get("NEURONCTL", BUILD / "user/tools/neuronctl/neuronctl"))
KERNELS = TOP / "kernels"

_cases: list[tuple[str, Callable[[Path], None]]] = []


def case(name: str):
    """Registers a case. It is called with a fresh folder, which is also the working directory of the commands."""

    def register(function):
        _cases.append((name, function))
        return function

    return register


class Result:
    def __init__(self, process: subprocess.CompletedProcess):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def json(self):
        return json.loads(self.out)


def ctl(folder: Path, *words: object, **more) -> Result:
    """Runs neuronctl, whatever comes of it."""
    return Result(subprocess.run([NEURONCTL, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=120, **more))


def good(folder: Path, *words: object) -> Result:
    result = ctl(folder, *words)
    if result.code != 0:
        raise AssertionError(f"exit code {result.code}: {result.err}{result.out}")
    return result


def bad(folder: Path, code: int, part: str, *words: object) -> Result:
    """Must fail with this exit code and an error that says `part`; the JSON must say the same."""
    result = ctl(folder, *words)
    text = result.err
    if result.code != code or part not in text or result.out:
        raise AssertionError(f"exit code {result.code}, want {code} and {part!r} on stderr only, got: {text}{result.out}")
    if "--json" not in words:
        machine = ctl(folder, "--json", *words)
        answer = machine.json
        if machine.code != code or answer["ok"] or part.splitlines()[0] not in answer["error"]["message"] + machine.out:
            raise AssertionError(f"JSON disagrees: exit code {machine.code}, {machine.out}")
    return result


def main() -> int:
    print(f"TAP version 13\n1..{len(_cases)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(_cases, 1):
        try:
            with tempfile.TemporaryDirectory(prefix="neuron-cli-") as folder:
                function(Path(folder))
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # whatever a case raises is its verdict
            failed += 1
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            sys.stdout.flush()
    return 1 if failed else 0
