#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A driver built for another version of the contract refuses the device, says why, and harms nothing."""

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
NEXT_MAJOR = f"{VERSION_MAJOR + 1}.{VERSION_MINOR}"
NEXT_MINOR = f"{VERSION_MAJOR}.{VERSION_MINOR + 1}"

# With the wrong driver first, then with the right one.
SCRIPT = f"""
dmesg | grep neuron_accel
ls /dev/accel 2>&1
{NEURONCTL} devices 2>&1
busybox rmmod neuron_accel && busybox insmod {BUILD}/kmod/stock/neuron_accel.ko && {NEURONCTL} info
"""


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    tap.equal(text.count(old), 1, f"places of {old!r} in {path.name}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def build_driver(folder: Path, in_spec: tuple[str, str, str] | None, in_driver: tuple[str, str, str] | None) -> Path:
    """The driver, from sources that differ in one text (file, old, new) of the contract or the driver."""
    spec = folder / "spec"
    shutil.copytree(TOP / "spec", spec)
    module = folder / "kmod"
    shutil.copytree(TOP / "kmod", module)
    for where, change in ((spec, in_spec), (module, in_driver)):
        if change:
            replace(where / change[0], change[1], change[2])

    headers = folder / "headers"
    subprocess.run(["/usr/bin/python3", spec / "generate.py", "--out", headers], check=True, capture_output=True)
    kernel = subprocess.run([TOP / "guest/kernel.sh"], check=True, capture_output=True, text=True).stdout.strip()
    make = ["make", "-C", f"{kernel}/headers", f"M={module}", f"NEURON_SPEC_DIR={headers}", "modules"]
    subprocess.run(make, check=True, capture_output=True)
    return module


def refuses(folder: Path, module: Path, message: str) -> None:
    guest = [TOP / "guest/run", "--module-dir", module, "--out", folder / "out", "--", "sh", "-c", SCRIPT]
    run = subprocess.run(guest, capture_output=True, text=True, check=False)
    tap.equal(run.returncode, 0, f"status of the guest, which said {run.stdout + run.stderr!r}")
    tap.contains(run.stdout, message)
    tap.contains(run.stdout, "cannot access '/dev/accel'")
    tap.contains(run.stdout, f"contract   {THIS}, driver {THIS}")


@tap.case("a driver for another major version refuses the device and names both versions; the right one then works")
def other_major(folder: Path) -> None:
    module = build_driver(folder, ("device.toml", "\nmajor = 1\n", "\nmajor = 2\n"), None)
    says = f"the device speaks spec version {THIS}, this driver {NEXT_MAJOR}: the major versions must be equal"
    refuses(folder, module, says)


@tap.case("a driver that needs a later minor version refuses the device and names it; the right one then works")
def later_minor(folder: Path) -> None:
    needs = "#define NEURON_SPEC_MINOR_NEEDED "
    source = (TOP / "kmod/neuron_hw.c").read_text(encoding="utf-8")
    line = next(line for line in source.splitlines() if line.startswith(needs))
    tap.equal(int(line.removeprefix(needs)) <= VERSION_MINOR, True, "whether the driver is content with the device")
    module = build_driver(folder, None, ("neuron_hw.c", line + "\n", f"{needs}{VERSION_MINOR + 1}\n"))
    says = f"the device speaks spec version {THIS}, this driver needs {NEXT_MINOR} or a later minor version"
    refuses(folder, module, says)


if __name__ == "__main__":
    sys.exit(tap.main())
