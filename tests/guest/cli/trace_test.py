#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl trace: kernel, library and device on one timeline, and that their clocks agree."""

import json
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from driver import NOBODY, address
from neuronctl import NEURONCTL, bad, ctl, good
from tap import case, contains, equal, main

GOAL_NS = 10_000
ROUNDING_US = 1  # of the kernel's trace
INSTANCES = Path("/sys/kernel/tracing/instances")


def traced(folder: Path, *command: object) -> tuple[dict, dict]:
    """What trace says, and its timeline."""
    answer = good(folder, "--json", "trace", "--out", "t.json", "--", *command).out
    answer = json.loads(answer[answer.rindex('{\n  "schema"') :])["trace"]
    return answer, json.loads((folder / "t.json").read_text())


def of_process(timeline: dict, name: str) -> list[dict]:
    """The events of a group of rows."""
    events = timeline["traceEvents"]
    pid, = (event["pid"] for event in events if event["name"] == "process_name" and event["args"]["name"].endswith(name))
    return [event for event in events if event["pid"] == pid and event["ph"] != "M"]


def fields(event: dict) -> dict:
    return dict(word.split("=", 1) for word in event["args"]["what"].split() if "=" in word)


@case("jobs go from the driver to the device and back in this order, by one clock")
def order(folder):
    answer, timeline = traced(folder, NEURONCTL, "bench", "latency", "--path", "ioctl", "--jobs", "50")
    equal((answer["exit_status"], answer["lost"]), (0, 0))
    assert answer["clock_error_ns"] <= GOAL_NS, answer
    slack = answer["clock_error_ns"] / 1000 + ROUNDING_US
    driver, packets = of_process(timeline, "threads"), [event for event in of_process(timeline, " queues") if event["ph"] == "X"]
    assert len(packets) >= 50, len(packets)
    rung = {int(fields(event)["seqno"]): event["ts"] for event in driver if event["name"] == "neuron_job_doorbell"}
    retired = {int(fields(event)["seqno"]): event["ts"] for event in driver if event["name"] == "neuron_job_retire"}
    packets = {int(event["args"]["packet"]) + 1: event for event in packets}  # one for each job
    common = rung.keys() & retired.keys() & packets.keys()
    assert len(common) >= 50, (len(rung), len(retired), len(packets))
    for job in common:
        start, end = packets[job]["ts"], packets[job]["ts"] + packets[job]["dur"]
        # The event of the doorbell is written before it is rung.
        assert rung[job] <= start + slack, (job, rung[job], start)
        assert end <= retired[job] + slack, (job, end, retired[job])


@case("the library's spans, processors and interrupts are there")
def rows(folder):
    answer, timeline = traced(folder, NEURONCTL, "bench", "latency", "--path", "ioctl", "--jobs", "20")
    spans = [event for event in of_process(timeline, "threads") if event["ph"] == "X"]
    equal(len(spans), answer["library_spans"])
    names = {event["name"] for event in spans}
    assert {"make buffer", "submit", "wait"} <= names or {"submit", "wait"} <= names, names
    assert all(event["dur"] >= 0 for event in spans)
    assert any(event["name"].startswith("neuronctl") for event in of_process(timeline, "processors"))
    assert any(event["name"].startswith("neuron") for event in of_process(timeline, "interrupts"))


@case("the flight recorder is read by name, also of a device that sleeps, from the device and from its file")
def recorder(folder):
    good(folder, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
    status = Path(f"/sys/bus/pci/devices/{address()}/power/runtime_status")
    end = time.monotonic() + 20
    while status.read_text().strip() != "suspended":
        assert time.monotonic() < end, status.read_text()
        time.sleep(0.05)
    text = good(folder, "decode", "records").out
    for word in ("DOORBELL", "PACKET", "code=COPY", "MAPPING"):
        contains(text, word)
    last, = good(folder, "--json", "decode", "records", "--kind", "packet", "--last", "1").json["records"]
    equal(last["head"]["kind"], "PACKET")
    # Whoever has the node open keeps it awake, and the file gives whole records to who asks for many.
    node, = Path(f"/sys/bus/pci/devices/{address()}/accel").iterdir()
    with open(Path("/dev/accel", node.name), "rb"):
        shutil.copyfile(f"/sys/kernel/debug/accel/{address()}/recorder", folder / "recorder.bin")
    kept = good(folder, "--json", "decode", "records", "recorder.bin", "--kind", "packet").json["records"]
    assert last in kept, (last, kept[-1])
    bad(folder, 1, "root", "decode", "records", before=NOBODY)


@case("a command that fails is said to, and its trace is kept")
def failing(folder):
    result = ctl(folder, "trace", "--out", "t.json", "--", "sh", "-c", "exit 7")
    equal(result.code, 1)
    contains(result.err, "sh ended with 7; its trace is in t.json")
    json.loads((folder / "t.json").read_text())
    contains(ctl(folder, "trace", "--", "sh", "-c", "kill -9 $$").err, "sh ended with 137")


@case("what cannot be done is refused, and nothing is left behind")
def refusals(folder):
    folder.chmod(0o755)
    bad(folder, 2, "/nonexistent: No such file or directory", "trace", "--", "/nonexistent")
    bad(folder, 2, "no/such", "trace", "--out", "no/such/t.json", "--", "true")
    bad(folder, 2, "--buffer", "trace", "--buffer", "0", "--", "true")
    bad(folder, 2, "--buffer", "trace", "--buffer", "many", "--", "true")
    bad(folder, 2, "command is required", "trace")
    bad(folder, 1, "accel7: no such device", "trace", "--device", "accel7", "--", "true")
    result = ctl(folder, "trace", "--out", "/tmp/t.json", "--", "true", before=NOBODY)
    equal(result.code, 1)
    contains(result.err, "root")
    equal(list(INSTANCES.iterdir()), [])


sys.exit(main())
