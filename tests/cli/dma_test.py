#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl dma copy, fill and test on the chip in the process."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import bad, good
from tap import case, contains, equal, main

SIM = ("--backend", "sim", "--sim-hbm", "1G")


@case("copy goes in every direction, at any alignment, and says how fast")
def copies(folder):
    for way in (("host", "hbm"), ("hbm", "host"), ("hbm:0", "hbm:3"), ("hbm:2", "hbm:2"), ("host", "host")):
        words = ("--from", way[0], "--to", way[1], "--bytes", "4097", "--from-offset", "3", "--to-offset", "61", "--repeat", "3")
        answer = good(folder, "--json", "dma", "copy", *SIM, *words).json
        equal((answer["from"], answer["to"], answer["bytes"]),
              ({"place": way[0], "offset": 3}, {"place": way[1], "offset": 61}, 4097))
        assert answer["times"]["count"] == 3 and answer["bytes_per_second"] > 0
        contains(good(folder, "dma", "copy", *SIM, *words).out, f"OK: {way[0]} -> {way[1]} on sim: 4.0 KiB in")


@case("copy knows patterns and seeds")
def patterns(folder):
    for pattern in ("random", "address", "count", "checker", "ones", "zeros"):
        answer = good(folder, "--json", "dma", "copy", *SIM, "--bytes", "1000", "--pattern", pattern, "--seed", "9").json
        equal((answer["pattern"], answer["seed"]), (pattern, 9))
    bad(folder, 2, "--pattern", "dma", "copy", *SIM, "--pattern", "plaid")
    bad(folder, 2, "--seed", "dma", "copy", *SIM, "--seed", "x")


@case("fill writes its value from any byte on")
def fills(folder):
    for place in ("host", "hbm", "hbm:1"):
        answer = good(folder, "--json", "dma", "fill", *SIM, "--to", place, "--to-offset", "5", "--bytes", "13",
                      "--value", "0x1122334455667788").json
        equal((answer["value"], answer["bytes"], answer["to"]["place"]), (0x1122334455667788, 13, place))
    for value in ("x", "-1", "0x1ffffffffffffffff", "1.5"):
        bad(folder, 2, f"--value {value}: expected 64 bits", "dma", "fill", *SIM, f"--value={value}")


@case("test tries every direction, as often as told, with the same transfers for the same seed")
def tests(folder):
    answer = good(folder, "--json", "dma", "test", *SIM, "--rounds", "2", "--max", "8K", "--seed", "5").json
    places = ["host", "hbm:0", "hbm:1", "hbm:2", "hbm:3"]
    equal([entry["direction"] for entry in answer["directions"]],
          [f"{a} -> {b}" for a in places for b in places] + [f"fill {a}" for a in places])
    assert all(entry["transfers"] == 2 and entry["bytes"] >= 2 for entry in answer["directions"])
    equal((answer["rounds"], answer["transfers"]), (2, 60))
    again = good(folder, "--json", "dma", "test", *SIM, "--rounds", "2", "--max", "8K", "--seed", "5").json
    sizes = [entry["bytes"] for entry in answer["directions"]]
    equal([entry["bytes"] for entry in again["directions"]], sizes)
    other = good(folder, "--json", "dma", "test", *SIM, "--rounds", "2", "--max", "8K", "--seed", "6").json
    assert [entry["bytes"] for entry in other["directions"]] != sizes
    contains(good(folder, "dma", "test", *SIM, "--time", "0.2", "--sim-profile", "inf2").out, "every byte right")


@case("a transfer that faults is an error that says where")
def fault(folder):
    # More than the stack has.
    bad(folder, 1, "hbm:1", "dma", "copy", *SIM, "--to", "hbm:1", "--bytes", "300M")


@case("wrong arguments are refused, each by its name")
def wrong(folder):
    for verb in ("copy", "fill"):
        for text in ("lots", "-1", "0", "2048G"):
            bad(folder, 2, f"--bytes {text}: expected bytes, not 0", "dma", verb, *SIM, f"--bytes={text}")
        for text in ("mars", "hbm:", "hbm:x", "hbm:1x", "host:0"):
            bad(folder, 2, f"--to {text}: expected host, hbm, or hbm:N", "dma", verb, *SIM, "--to", text)
        bad(folder, 2, "--to hbm:4: sim has HBM stacks 0 to 3", "dma", verb, *SIM, "--to", "hbm:4")
        bad(folder, 2, "--to-offset x: expected bytes", "dma", verb, *SIM, "--to-offset", "x")
        bad(folder, 2, "--repeat", "dma", verb, *SIM, "--repeat", "0")
    bad(folder, 2, "--from mars", "dma", "copy", *SIM, "--from", "mars")
    bad(folder, 2, "--from hbm:4: sim has", "dma", "copy", *SIM, "--from", "hbm:4")
    bad(folder, 2, "--from-offset -5", "dma", "copy", *SIM, "--from-offset=-5")
    bad(folder, 2, "--max 0: expected bytes", "dma", "test", *SIM, "--max", "0")
    bad(folder, 2, "--rounds", "dma", "test", *SIM, "--rounds", "0")
    bad(folder, 2, "--time", "dma", "test", *SIM, "--time", "0")
    bad(folder, 2, "A subcommand is required", "dma")
    bad(folder, 2, "unknown command 'move'", "dma", "move")


if __name__ == "__main__":
    sys.exit(main())
