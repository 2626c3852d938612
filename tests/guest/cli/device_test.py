#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl devices and info on the real driver, and every way in which there is no device for the caller."""

import os
import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from driver import DRIVER, NOBODY
from neuronctl import assemble, bad, good
from tap import case, contains, equal, main

NODE = Path("/dev/accel/accel0")
NOTHING = ".engine sp\nend\n"


def address() -> str:
    return os.readlink("/sys/class/accel/accel0/device").rpartition("/")[2]


@contextmanager
def unbound():
    """The device without its driver; has it back afterwards."""
    device = address()
    (DRIVER / "unbind").write_text(device)
    try:
        yield device
    finally:
        (DRIVER / "bind").write_text(device)
        deadline = time.monotonic() + 10
        while not NODE.exists() and time.monotonic() < deadline:
            time.sleep(0.01)


def one_line(text: str) -> None:
    assert text.startswith("neuronctl: error: ") and text.count("\n") == 1 and text.endswith("\n"), text


def refused(folder: Path, part: str, *words: object, **more) -> None:
    """The device cannot be used: exit code 1 and a single line that names it."""
    one_line(bad(folder, 1, part, *words, **more).err)


@case("devices lists the device with its node, driver and bus address, and finds no problem")
def devices(folder):
    lines = good(folder, "devices").out.splitlines()
    equal([line.split() for line in lines],
          [["NAME", "PATH", "DRIVER", "ADDRESS", "STATE"], ["accel0", str(NODE), "neuron_accel", address(), "ok"]])
    equal(good(folder, "--json", "devices").json["devices"],
          [{"name": "accel0", "path": str(NODE), "driver": "neuron_accel", "address": address(), "problem": ""}])


@case("info shows the profile and geometry of the device, and JSON shows the same")
def info(folder):
    device = good(folder, "--json", "info").json["device"]
    sim = good(folder, "--json", "info", "--backend", "sim", "--sim-profile", device["profile"]).json["device"]
    equal((device["backend"], device["name"]), ("accel", str(NODE)))
    for key in ("profile", "spec_version", "cores", "sbuf_bytes", "psum_bytes", "hbm_banks"):
        equal(device[key], sim[key], key)
    equal(device["driver_spec_version"], device["spec_version"], "the driver's contract")
    assert 0 < device["aperture_bytes"] <= device["hbm_bytes"] and 0 < device["hbm_free"] <= device["hbm_bytes"], device
    text = good(folder, "info").out
    for pattern in (rf"device +{NODE} \(accel\)", rf"profile +{device['profile']}: ", rf"cores +{device['cores']}, ",
                    rf"contract +{device['spec_version']}, driver {device['driver_spec_version']}\n",
                    rf"queues +up to {device['max_queues']} per context"):
        assert re.search(pattern, text), (pattern, text)


@case("the device clock goes on between two calls of info")
def clock(folder):
    first, second = (good(folder, "--json", "info").json["device"]["clock_ns"] for _ in range(2))
    assert second > first, (first, second)


@case("a device is found by name, by path and by bus address")
def names(folder):
    for name in ("accel0", NODE, address()):
        equal(good(folder, "--json", "info", "--device", name).json["device"]["name"], str(NODE), str(name))


@case("an unknown device is named, and so is a node that is something else")
def unknown(folder):
    kernel = assemble(folder, NOTHING)
    for words in (("info",), ("run", kernel)):
        refused(folder, "no device 'accel77' among 1", *words, "--device", "accel77")
        refused(folder, "no device '0000:77:00.0' among 1", *words, "--device", "0000:77:00.0")
        refused(folder, "/dev/accel/accel77: no such device node", *words, "--device", "/dev/accel/accel77")
        refused(folder, "/dev/null: not a DRM device node", *words, "--device", "/dev/null")


@case("without permission on the node the error names it, its owner and mode, and a way out")
def no_permission(folder):
    folder.chmod(0o755)
    kernel = assemble(folder, NOTHING)
    for words in (("info",), ("run", kernel), ("info", "--device", "accel0"), ("info", "--device", NODE)):
        refused(folder, f"{NODE}: permission denied: owner root, group root, mode 0600; run as user 'root'", *words,
                before=NOBODY)
    listed = good(folder, "--json", "devices", before=NOBODY).json["devices"]
    equal([device["path"] for device in listed], [str(NODE)])
    contains(listed[0]["problem"], "permission denied")


@case("with permission an ordinary user needs no root")
def permission(folder):
    folder.chmod(0o755)
    kernel = assemble(folder, NOTHING)
    NODE.chmod(0o666)
    try:
        contains(good(folder, "run", kernel, before=NOBODY).out, "OK: k ran on /dev/accel/accel0")
    finally:
        NODE.chmod(0o600)


@case("without a device the error says what to look for, devices lists none, and the simulated chip still works")
def no_device(folder):
    kernel = assemble(folder, NOTHING)
    with unbound():
        assert not NODE.exists()
        for words in (("info",), ("run", kernel), ("info", "--device", "accel0")):
            refused(folder, "no neuron device: ", *words)
            contains(bad(folder, 1, "module neuron_accel loaded?", *words).err, "lspci -d ")
        refused(folder, f"{NODE}: no such device node", "info", "--device", NODE)
        equal(good(folder, "--json", "devices").json["devices"], [])
        contains(good(folder, "devices").out, "No accel devices (is the module neuron_accel loaded?)")
        good(folder, "run", "--backend", "sim", "--sim-hbm", "1G", kernel)
    good(folder, "run", kernel)


if __name__ == "__main__":
    sys.exit(main())
