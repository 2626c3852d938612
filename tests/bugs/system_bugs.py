# SPDX-License-Identifier: MIT
"""What goes wrong around the device: drivers, the system, people with root."""

import os
import subprocess
import time
from pathlib import Path

from corpus import BUG, KERNELS, assembled, bug, explained, output, standing_still
from driver import DRIVER, NOBODY, address
from neuronctl import NEURONCTL

EXPLAIN = "neuronctl explain"


@bug("bus-master-off", "driver", "Somebody has cleared Bus Master Enable.", EXPLAIN, cause="bus master", place="device|command register|configuration")
def _bus_master(folder):
    # Somebody has it open, so it does not sleep.
    with standing_still(folder, "nop-and-stay"), open(f"/sys/bus/pci/devices/{address()}/config", "r+b", buffering=0) as config:
        config.seek(4)
        old = config.read(2)
        try:
            config.seek(4)
            config.write(bytes([old[0] & ~4, old[1]]))
            return output(folder, NEURONCTL, "explain")
        finally:
            config.seek(4)
            config.write(old)


@bug("no-driver", "system", "The driver was unbound.", EXPLAIN, cause="no driver is bound to the device")
def _no_driver(folder):
    name = address()
    (DRIVER / "unbind").write_text(name)
    try:
        return output(folder, NEURONCTL, "explain")
    finally:
        (DRIVER / "bind").write_text(name)


@bug("no-permission", "system", "The user is not in the group of the node.", "neuronctl doctor", cause="permission|may not", place="/dev/accel/accel0|render")
def _permission(folder):
    folder.chmod(0o755)
    return output(folder, *NOBODY, NEURONCTL, "doctor")


@bug("reset-by-root", "system", "An administrator resets the device under a job.", "the program's error", cause="the device was reset or is gone", job="job 2")
def _reset(folder):
    process = subprocess.Popen([BUG, "waits-for-reset", assembled(folder, "endless")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "stuck\n"
    output(folder, NEURONCTL, "reset")
    return process.communicate(timeout=60)[1]


@bug("time-out-in-the-night", "kernel", "A job was stopped hours ago, and only the kernel's coredump is left.", f"{EXPLAIN} --dump --kernel", cause="endless|loop", job="queue 0|job 1",
     place=r"instruction 1 \(loop")
def _night(folder):
    dumps = Path("/sys/class/devcoredump")
    for old in dumps.glob("devcd*/data"):
        old.write_text("1")
    output(folder, BUG, "makes-no-progress", assembled(folder, "endless"))
    end = time.monotonic() + 20
    while not list(dumps.glob("devcd*/data")) and time.monotonic() < end:
        time.sleep(0.05)
    said = output(folder, NEURONCTL, "explain", "--dump", "--kernel", KERNELS / "endless.s")
    for old in dumps.glob("devcd*/data"):
        old.write_text("1")
    return said


@bug("whose-address", "driver", "A device of this machine writes to an address that nobody knows.", "neuronctl addr", cause="buffer", buffer="buffer \\d+", job="bug", place="byte 4097")
def _whose(folder):
    with standing_still(folder, "fill-and-stay") as process:
        return output(folder, NEURONCTL, "addr", hex(process.address + 4097))


@bug("whose-address-was-it", "driver", "A log has an address that is nobody's any more.", "neuronctl addr",
     cause=r"unbound [\d.]+ ms ago|freed [\d.]+ ms ago", buffer=r"buffer \d+ 'scratch'.*at tests/bugs/programs\.cpp:\d+,", job=r"by pid \d+",
     place=r"ms ago by pid \d+ at tests/bugs/programs\.cpp:\d+ \(bug\+0x[0-9a-f]+\)")
def _whose_was_it(folder):
    with standing_still(folder, "destroy-and-stay") as process:
        return output(folder, NEURONCTL, "addr", hex(process.address))


@bug("iommu-fault", "driver", "A ring was unmapped while the device still reads it.", "dmesg | neuronctl decode log", cause="the IOMMU refused", place=r"bus address 0x7de0000", job="HOST_BUS")
def _iommu(folder):
    line = f"[    3.0] DMAR: [DMA Read NO_PASID] Request device [{address()[5:]}] fault addr 0x7de0000 [fault reason 0x06] PTE Read access is not set\n"
    (folder / "log").write_text(line)
    return output(folder, NEURONCTL, "decode", "log", "log")
