#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A driver built for another major version of the contract refuses the device, says why, and harms nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import tap  # noqa: E402

TOP = tap.TOP
BUILD = tap.BUILD
NEURONCTL = BUILD / "user/tools/neuronctl/neuronctl"

sys.path.insert(0, str(BUILD / "spec"))
from neuron_spec import VERSION_MAJOR, VERSION_MINOR  # noqa: E402

THIS = f"{VERSION_MAJOR}.{VERSION_MINOR}"
NEXT = f"{VERSION_MAJOR + 1}.{VERSION_MINOR}"

# With the wrong driver first, then with the right one.
SCRIPT = f"""
dmesg | grep neuron_accel
ls /dev/accel 2>&1
{NEURONCTL} devices 2>&1
busybox rmmod neuron_accel && busybox insmod {BUILD}/kmod/stock/neuron_accel.ko && {NEURONCTL} info
"""


def build_for_next_major(folder: Path) -> Path:
    """The driver, built for a contract that differs in nothing but its major version."""
    spec = folder / "spec"
    shutil.copytree(TOP / "spec", spec)
    device = spec / "device.toml"
    text = device.read_text(encoding="utf-8")
    device.write_text(text.replace("major = 1\n", "major = 2\n", 1), encoding="utf-8")
    headers = folder / "headers"
    subprocess.run(["/usr/bin/python3", spec / "generate.py", "--out", headers], check=True, capture_output=True)

    kernel = subprocess.run([TOP / "guest/kernel.sh"], check=True, capture_output=True, text=True).stdout.strip()
    module = folder / "kmod"
    shutil.copytree(TOP / "kmod", module)
    make = ["make", "-C", f"{kernel}/headers", f"M={module}", f"NEURON_SPEC_DIR={headers}", "modules"]
    subprocess.run(make, check=True, capture_output=True)
    return module


@tap.case("a driver for another major version refuses the device and names both versions; the right one then works")
def refuses(folder: Path) -> None:
    module = build_for_next_major(folder)
    guest = [TOP / "guest/run", "--module-dir", module, "--out", folder / "out", "--", "sh", "-c", SCRIPT]
    run = subprocess.run(guest, capture_output=True, text=True, check=False)
    tap.equal(run.returncode, 0, f"status of the guest, which said {run.stdout + run.stderr!r}")
    tap.contains(run.stdout, f"the device speaks spec version {THIS}, this driver {NEXT}: the major versions must be equal")
    tap.contains(run.stdout, "cannot access '/dev/accel'")
    tap.contains(run.stdout, f"contract   {THIS}, driver {THIS}")


if __name__ == "__main__":
    sys.exit(tap.main())
