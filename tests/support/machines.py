# SPDX-License-Identifier: MIT
"""Virtual machines that run."""

import subprocess
import time
from pathlib import Path


def machines(out):
    """Processes of QEMU that have the folder in their words."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"qemu-system" in words[0] and any(str(out).encode() in word for word in words):
            found.append(process.parent.name)
    return found


def await_machine(run: subprocess.Popen, out: Path) -> None:
    """Until the launcher has started QEMU with the folder."""
    end = time.monotonic() + 60
    while not machines(out):
        assert run.poll() is None and time.monotonic() < end, run.returncode
        time.sleep(0.05)
