# SPDX-License-Identifier: MIT
"""neuron-vm as a user runs it, in a folder of the case's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, equal  # noqa: E402

NEURON_VM = TOP / "tools/neuron-vm/neuron-vm"
BAD_RUN, USAGE = 125, 2


def vm(folder: Path, *words, **environment) -> subprocess.CompletedProcess:
    """One run, in folder."""
    return subprocess.run(
        [NEURON_VM, *map(str, words)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def good(folder: Path, *words) -> str:
    """A run that must succeed. Its standard output."""
    result = vm(folder, *words)
    if result.returncode:
        raise AssertionError(f"{words}: status {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout


def bad(folder: Path, status: int, *words) -> str:
    """A run that must fail. Its standard error."""
    result = vm(folder, *words)
    equal(result.returncode, status, f"status of {words}, which says {result.stdout}{result.stderr}")
    return result.stderr


def result_of(folder: Path, out: str = "neuron-vm.out") -> dict:
    return json.loads((folder / out / "result.json").read_text(encoding="utf-8"))
