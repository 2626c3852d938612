# SPDX-License-Identifier: MIT
"""The random compute programs of the instruction tests, without running those tests."""

from __future__ import annotations

import importlib

import fleet
import tap

_TESTS = ("activate", "elementwise", "gpsimd", "random", "reduce", "scan", "select", "statistics", "tensor", "top8")


class _Collector:
    """Stands in for a Fleet: notes what would be checked. Some generators look at the state of `machine`."""

    machine = None
    found: dict = {}

    def check(self, name: str, generate, _cases: int, _slow: int, versions=None) -> None:
        if versions is None:
            _Collector.found.setdefault(name, generate)


def collect() -> dict:
    """By instruction, what makes a program around it in a Scene."""
    cases = []
    real = fleet.Fleet, tap.case
    fleet.Fleet, tap.case = _Collector, lambda name: lambda function: cases.append(function) or function
    try:
        for name in _TESTS:
            importlib.import_module(f"{name}_test")
    finally:
        fleet.Fleet, tap.case = real
    for function in cases:
        try:
            function(None)
        except AttributeError:  # wants more of a fleet than check()
            pass
    return _Collector.found


def work_on(machine) -> None:
    """Programs from now on follow those that this Machine has run."""
    _Collector.machine = machine
