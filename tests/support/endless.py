# SPDX-License-Identifier: MIT
"""A process that keeps a core of the device busy, for who looks at it meanwhile."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from neuronctl import NEURONCTL, assemble, good


@contextmanager
def endless(folder: Path, *words: object):
    """A process whose job goes on for ever: gives it, once the job is in the device. `words`: more for its command line."""
    kernel = assemble(folder, ".param X, out, u8, 8192\n.engine sp\nloop: jump loop\n", "endless")
    command = [NEURONCTL, "run", "--timeout", "300", *map(str, words), kernel, "--out", "X=x.npy"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not any(queue["submitted"] > queue["completed"] for queue in good(folder, "--json", "queue", "list").json["queues"]):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()
