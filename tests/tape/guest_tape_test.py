#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What QEMU's device has seen, from the driver's probe on through a job, replays on the host with the same results."""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from neuronctl import NEURONCTL, good  # noqa: E402
from tap import BUILD, TOP, case, contains, equal, main  # noqa: E402

QEMU = BUILD / "qemu/qemu-system-x86_64"
HERE = Path(tempfile.mkdtemp(prefix="neuron-tape-", dir=BUILD))


def refused(device: str) -> str:
    run = subprocess.run([QEMU, "-M", "q35", "-nodefaults", "-display", "none", "-device", device], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    return run.stderr


@case("a guest's probe and job are recorded, and replay")
def recorded(folder):
    tape = HERE / "guest.tape"
    job = (NEURONCTL, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "8192")
    run = subprocess.run([TOP / "guest/run", "--timeout", "250", "--out", HERE, "--record", tape, "--", *job], capture_output=True, text=True, check=False)
    equal(run.returncode, 0, run.stderr)
    answer = good(folder, "--json", "replay", tape).json
    assert answer["complete"] and answer["interrupts"] > 0 and answer["dma_writes"] > 0 and answer["accesses"] > 50, answer
    contains(good(folder, "replay", tape).out, ": same results bit for bit\n")
    contains(good(folder, "replay", tape, "--list").out, "write of QUEUE[0].CTRL (4 bytes): ")
    equal(good(folder, "--json", "replay", tape, "--sanitize").json["steps"], answer["steps"])


@case("the property is refused without stepped mode, and where the file cannot be")
def property_refused(_folder):
    contains(refused(f"neuron,record={HERE}/x"), "property 'record' of neuron: only a device with stepped=on can be recorded")
    contains(refused("neuron,stepped=on,record=/none/x"), "property 'record' of neuron: Could not create '/none/x': No such file or directory")


if __name__ == "__main__":
    sys.exit(main())
