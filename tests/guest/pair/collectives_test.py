#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One kernel on two devices behind an IOMMU: kernels/collectives through the driver, and what can go wrong."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from neuronctl import ONE_CHIP_FAULTS, assemble, bad, ctl, good
from ring import OPS, Ring
from tap import case, equal, main

# Their numbers are new ones when another test has bound the driver anew.
NODES = good(Path("/tmp"), "--json", "devices").json["devices"]
PAIR = tuple(word for node in NODES for word in ("--device", node["name"]))


@case("all-reduce, reduce-scatter and all-gather are exact, through io_uring and ioctls")
def operations(folder):
    for op in OPS:
        for cores in (1, 2):
            ring = Ring(op, cores, chips=2)
            ring.assemble(folder)
            for path in ("uring", "ioctl"):
                ring.run(folder, *PAIR, "--submit", path)


@case("chunks of half a MiB, other types, all eight cores, and tensors in host memory are exact")
def sizes(folder):
    for ring, options in ((Ring(cores=1, chips=2, columns=1024), ()),
                          (Ring("reduce-scatter", 3, 2, 40, "bf16"), ()),
                          (Ring("all-gather", 8, 2, 16, "f16"), ()),
                          (Ring(cores=2, chips=2), ("--placement", "host")),
                          (Ring(cores=2, chips=2), ("--logical-core", "3"))):
        ring.assemble(folder)
        ring.run(folder, *PAIR, *options)


@case("the order of the devices is that of the command line, by name or by address")
def naming(folder):
    ring = Ring(chips=2)
    ring.assemble(folder)
    answer = good(folder, "--json", "run", "--device", NODES[1]["address"], "--device", NODES[0]["path"],
                  *ring.words()).json
    equal([device["name"] for device in answer["devices"]], [NODES[1]["path"], NODES[0]["path"]])
    ring.must_check(folder, "compare", "x", "y")


@case("validate copies from the HBM of one device to that of the other, whichever is asked")
def validates(folder):
    for node in NODES:
        test, = good(folder, "--json", "validate", "devices", "--device", node["name"]).json["tests"]
        equal((test["result"], test["figures"][0]["value"]), ("pass", 1 << 20))


@case("a device that is named twice, or is not there, is refused")
def wrong_devices(folder):
    ring = Ring(chips=2)
    ring.assemble(folder)
    first, *_ = NODES
    bad(folder, 2, f"chip 1: {first['path']} is given twice", "run", "--device", first["name"], "--device", first["path"],
        *ring.words())
    bad(folder, 1, "chip 1: no device 'accel77' among 2", "run", "--device", first["name"], "--device", "accel77",
        *ring.words())
    bad(folder, 2, "--sim-chips needs --backend sim", "run", "--sim-chips", "2", *ring.words())


@case("a chip that waits in vain is given up after --timeout, and the devices are good for the next run")
def alone(folder):
    three, two = Ring(chips=3), Ring(chips=2)
    three.assemble(folder)
    bad(folder, 1, "no end after 500 ms (--timeout): the kernel goes on", "run", *PAIR, "--timeout", "0.5", *three.words())
    two.assemble(folder)
    two.run(folder, *PAIR)


@case("a fault of one device ends the run of both, and is that one's")
def fault(folder):
    assemble(folder, ONE_CHIP_FAULTS)
    words = ("run", *PAIR, "k.nko", "--scalar", "CHIP={chip}", "--share", "MAIL")
    bad(folder, 1, "PAGE_NOT_MAPPED", *words)
    error = ctl(folder, "--json", *words).json["error"]
    equal((error["code"], error["chip"]), ("device_fault", 1))


if __name__ == "__main__":
    sys.exit(main())
