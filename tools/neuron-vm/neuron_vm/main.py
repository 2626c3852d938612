# SPDX-License-Identifier: MIT
"""Prepares what the guest needs, starts it, and says what it left."""

import json
import os
import re
import signal
import subprocess
import sys

from . import kernel, layout, module, options
from .failure import USAGE, Failure, say


def device_text(choice):
    """QEMU's words for one device."""
    words = ["neuron"]
    for name in ("profile", "cores", "hbm"):
        value = getattr(choice, name)
        if value is not None:
            if not re.fullmatch(r"[A-Za-z0-9.]+", value):
                raise Failure(f"--{name}: '{value}' is not a value for the device", status=USAGE)
            words.append(f"{name}={value}")
    return ",".join(words + choice.property)


def guest_command(place, choice):
    """guest/run with all that was chosen."""
    folder = kernel.folder(place, choice.kernel)
    words = [os.path.join(place.home, "guest/run"), "--qemu", place.need_qemu()]
    words += ["--kernel", choice.kernel if choice.kernel in kernel.NAMED else folder]
    if choice.no_module:
        words += ["--no-module"]
    else:
        words += ["--module-dir", module.folder(place, choice, folder)]
    words += [f"--device={device_text(choice)}"] * choice.devices
    for name in ("fault-plan", "out", "smp", "mem", "accel", "timeout", "qmp"):
        if getattr(choice, name.replace("-", "_")) is not None:
            words += [f"--{name}={getattr(choice, name.replace('-', '_'))}"]
    for name in ("share", "env", "append", "module-arg", "qemu-arg"):
        words += [f"--{name}={value}" for value in getattr(choice, name.replace("-", "_"))]
    words += [f"--with={name}" for name in choice.extra]
    words += [f"--{name}" for name in ("iommu", "snapshot", "console", "gdb", "timing") if getattr(choice, name)]
    return words + (["--", *choice.command] if choice.command else [])


def guest_environment(place, choice):
    """What guest/run keeps for itself lies in the state folder; the tools come first on the guest's PATH."""
    path = ":".join([*place.path, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    choice.env = [f"PATH={path}", *choice.env]
    return {**os.environ, "NEURON_BUILD": place.state}


def report(out):
    """What there is to look at, when there is something."""
    try:
        with open(os.path.join(out, "result.json"), encoding="utf-8") as file:
            result = json.load(file)
    except FileNotFoundError:
        return
    crashes = [name for name in result["files"] if name.startswith(("core.", "devcoredump."))]
    for name in crashes:
        say(f"{'a device' if name.startswith('dev') else 'a program'} crashed: {os.path.join(out, name)}")
    if result["status"] and not result["problem"]:
        say(f"the command ended with status {result['status']}; the kernel's log is {os.path.join(out, 'dmesg.log')}")


def version(place):
    """Of the checkout or of the installation."""
    with open(os.path.join(place.home, "meson.build" if place.checkout else "VERSION"), encoding="utf-8") as file:
        found = re.search(r"(?:version: ')?(\d+\.\d+\.\d+)", file.read())
    return found.group(1)


def run_guest(words, environment):
    """Its exit status. guest/run ends its guest when it is told to end, so it is told what we are told."""
    with subprocess.Popen(words, env=environment) as guest:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: guest.send_signal(number))
        return guest.wait()


def run(arguments):
    """One command line."""
    choice = options.parser().parse_args(arguments)
    place = layout.find()
    if choice.version:
        print(f"neuron-vm {version(place)}")
        return 0
    os.makedirs(choice.out, exist_ok=True)
    environment = guest_environment(place, choice)
    if choice.gdb:
        say("the module's symbols: in gdb, 'lx-symbols', or add-symbol-file with the address in /sys/module/neuron_accel/sections/.text")
    status = run_guest(guest_command(place, choice), environment)
    report(choice.out)
    return status if status >= 0 else 128 - status


def main(arguments):
    """The exit status."""
    try:
        return run(arguments)
    except Failure as failure:
        print(f"neuron-vm: error: {failure}" + (f"; {failure.hint}" if failure.hint else ""), file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return 130
