# SPDX-License-Identifier: MIT
"""Devices that do wrong, by a fault plan (docs/reference/plan.md)."""

from __future__ import annotations

import contextlib
from pathlib import Path

from neuronctl import good


@contextlib.contextmanager
def planned(folder: Path, plan: str):
    """The device does wrong what the plan says."""
    good(folder, "fault", "set", plan)
    try:
        yield
    finally:
        good(folder, "fault", "clear")
