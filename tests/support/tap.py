# SPDX-License-Identifier: MIT
"""Test cases as functions, results as TAP. A case fails by raising; its name says what it guards."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NEURON_BUILD", TOP / "build"))



class Skip(Exception):
    """What a case raises that cannot be tried here: why."""


_cases: list[tuple[str, Callable[[Path], None]]] = []


def case(name: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Registers a case. It is called with a fresh temporary folder."""

    def register(function: Callable[[Path], None]) -> Callable[[Path], None]:
        _cases.append((name, function))
        return function

    return register


def equal(got, want, what: str = "") -> None:
    if got != want:
        raise AssertionError(f"{what + ': ' if what else ''}got {got!r}, want {want!r}")


def contains(text: str, part: str) -> None:
    if part not in text:
        raise AssertionError(f"{part!r} is not in {text!r}")


def main() -> int:
    print(f"TAP version 13\n1..{len(_cases)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(_cases, 1):
        try:
            with tempfile.TemporaryDirectory(prefix="neuron-test-") as folder:
                function(Path(folder))
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:  # whatever a case raises is its verdict
            failed += 1
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            sys.stdout.flush()
    return 1 if failed else 0
