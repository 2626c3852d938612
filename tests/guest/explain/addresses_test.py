#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl addr on a device with buffers of every kind; what the bus calls them depends on the IOMMU."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]

from driver import address
from neuronctl import bad, good
from states import stuck
from tap import case, contains, equal, main


@case("addresses of every kind lead to the buffer, and from one to the others")
def addresses(folder):
    with stuck("buffers") as said:
        context, = good(folder, "--json", "vm", "list").json["contexts"]
        number = context["context"]
        inside = good(folder, "--json", "addr", hex(said["hbm"] + 4097)).json
        answer, = inside["answers"]
        equal((answer["space"], answer["offset"], answer["in"]["size"], answer["in"]["pid"]), (f"context {number}", 4097, 12288, said["pid"]))
        walk = good(folder, "--json", "vm", "walk", number, hex(said["hbm"] + 4097)).json["result"].split()
        hbm = good(folder, "--json", "addr", walk[1], "--space", "hbm").json["answers"][0]
        equal((hbm["in"]["buffer"], hbm["offset"], hbm["mappings"]), (answer["in"]["buffer"], 4097, [{"context": number, "va": said["hbm"] + 4097, "read_only": False}]))
        # Memory of the system: by the bus, and where it is.
        walk = good(folder, "--json", "vm", "walk", number, hex(said["host"] + 4096 + 5)).json["result"].split()
        bus = good(folder, "--json", "addr", walk[1], "--space", "bus").json["answers"][0]
        equal((bus["offset"], bus["mappings"][0]["read_only"]), (4096 + 5, True))
        line, = (line for line in Path(f"/sys/kernel/debug/accel/{address()}/dma").read_text().splitlines()
                 if f"buffer={bus['in']['buffer']} " in line and int(line.split()[0], 16) <= int(walk[1], 16) < int(line.split()[0], 16) + int(line.split()[1], 16))
        physical = int(line.split("phys=")[1].split()[0], 16) + int(walk[1], 16) - int(line.split()[0], 16)
        equal(good(folder, "--json", "addr", hex(physical), "--space", "physical").json["answers"][0]["in"]["buffer"], bus["in"]["buffer"])
        # The ring of the queue, registers and doorbells.
        ring = next(entry["value"] for entry in good(folder, "--json", "queue", "show", "0").json["queue"]["registers"] if entry["name"] == "RING_BASE")
        contains(good(folder, "addr", hex(ring + 64), "--space", "bus").out, "byte 64 of ring of queue 0")
        bars = [int(line.split()[0], 16) for line in Path(f"/sys/bus/pci/devices/{address()}/resource").read_text().splitlines()]
        contains(good(folder, "addr", hex(bars[0] + 0x2001C)).out, "QUEUE[0].STATUS")
        contains(good(folder, "addr", hex(bars[2] + 4096 * 3 + 16)).out, "doorbell 2 of context 3")
        contains(good(folder, "addr", hex(bars[4])).out, "HBM 0x0: ")
        # Nobody's.
        end = max(said["hbm"] + 12288, said["host"] + 8192)
        nobody = good(folder, "--json", "addr", hex(end + 8), "--context", number).json
        equal((nobody["found"], nobody["answers"][0]["below"]["distance"]), (False, 8))
        bad(folder, 1, "has no context 63", "addr", "0x200000", "--context", "63")
        bad(folder, 2, "--context and --space hbm exclude each other", "addr", "0x200000", "--context", number, "--space", "hbm")
        log = f"DMAR: [DMA Write NO_PASID] Request device [{address()[5:]}] fault addr {ring + 64:#x} [fault reason 0x05] PTE Write access is not set\n"
        (folder / "log").write_text(log)
        contains(good(folder, "decode", "log", "log").out, "now: byte 64 of ring of queue 0")
    # The process has gone, and so has all that it had.
    was, = good(folder, "--json", "addr", hex(hbm["in"]["start"] + 1), "--space", "hbm").json["answers"]
    equal((was["found"], was["history"][0]["relation"], was["history"][0]["buffer"]), (False, "FREED", hbm["in"]["buffer"]))
    equal((was["history"][0]["bound_pid"], was["history"][0]["bound_comm"]), (said["pid"], "stuck"))
    contains(good(folder, "addr", hex(hbm["in"]["start"] + 1), "--space", "hbm").out, f"was buffer {hbm['in']['buffer']} at [")
    told = Path(f"/sys/bus/pci/devices/{address()}/iommu_group").exists()
    text = good(folder, "decode", "log", "log").out
    equal("was: ring of a queue at [" in text and " ms ago by pid " in text, told)


if __name__ == "__main__":
    sys.exit(main())
