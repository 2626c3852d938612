#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl bench on the real driver: every way in, polled and not, each priority."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from neuronctl import bad, good
from tap import case, contains, equal, main

QUICK = ("--jobs", "60", "--batch", "20", "--repeat", "2", "--max", "16K")
PATHS = ("uring", "ioctl", "doorbell")
WITHOUT_NICE = ("setpriv", "--inh-caps=-sys_nice", "--bounding-set=-sys_nice")


def jobs(answer: dict) -> dict:
    """Of each bench and path how many times were taken."""
    return {(row["bench"], row["path"]): row["times"]["count"] for row in answer["results"] if row["bench"] != "copy"}


def all_paths() -> dict:
    return {(bench, path): count for path in PATHS for bench, count in (("latency", 60), ("throughput", 3))}


@case("bench takes each way in by itself, and copies in all directions")
def every_path(folder):
    answer = good(folder, "--json", "bench", *QUICK).json
    equal(jobs(answer), all_paths())
    equal((answer["device"]["backend"], answer["priority"], answer["polled"]), ("accel", "normal", False))
    copies = [(row["direction"], row["bytes"]) for row in answer["results"] if row["bench"] == "copy"]
    equal(copies, [(way, size) for way in ("host -> hbm", "hbm -> host", "hbm -> hbm", "host -> host") for size in (4096, 16384)])
    assert all(row.get("jobs_per_second", row.get("bytes_per_second")) > 0 for row in answer["results"]), answer
    out = good(folder, "bench", *QUICK).out
    for path in PATHS:
        contains(out, path)


@case("one way in, several and the chosen one are measured as told")
def chosen(folder):
    for path in PATHS:
        equal(set(jobs(good(folder, "--json", "bench", *QUICK, "latency", "--path", path).json)), {("latency", path)})
    several = good(folder, "--json", "bench", *QUICK, "throughput", "--path", "doorbell", "--path", "ioctl").json
    equal(list(jobs(several)), [("throughput", "doorbell"), ("throughput", "ioctl")])
    equal(set(jobs(good(folder, "--json", "bench", *QUICK, "latency", "--path", "auto").json)), {("latency", "uring")})


@case("polled queues raise no interrupts, whichever way in")
def polled(folder):
    def interrupts() -> int:
        lines = [line.split() for line in Path("/proc/interrupts").read_text().splitlines() if "neuron-queues" in line]
        assert lines
        return sum(int(word) for line in lines for word in line[1:] if word.isdecimal())

    for path in PATHS:
        before = interrupts()
        answer = good(folder, "--json", "bench", *QUICK, "latency", "throughput", "--polled", "--path", path).json
        equal((answer["polled"], interrupts() - before, jobs(answer)),
              (True, 0, {("latency", path): 60, ("throughput", path): 3}), path)
    before = interrupts()
    good(folder, "bench", *QUICK, "latency", "--path", "ioctl")
    assert interrupts() > before


@case("queues of each priority are measured; the high one is for who may")
def priorities(folder):
    for priority in ("low", "normal", "high"):
        answer = good(folder, "--json", "bench", *QUICK, "latency", "throughput", "--priority", priority).json
        equal((answer["priority"], jobs(answer)), (priority, all_paths()))
    bad(folder, 1, "a queue of high priority needs CAP_SYS_NICE", "bench", *QUICK, "--priority", "high", before=WITHOUT_NICE)
    good(folder, "bench", *QUICK, "latency", "--priority", "low", before=WITHOUT_NICE)


@case("wrong arguments of bench are named, and so is a way in that is not there")
def wrong(folder):
    for words, part in ((("--priority", "urgent"), "--priority"), (("--path", "direct"), "--path"), (("--polled", "yes"), "BENCH"),
                        (("--jobs", "0"), "--jobs"), (("--min", "8K", "--max", "4K"), "--max 4K")):
        bad(folder, 2, part, "bench", *words)
    bad(folder, 1, "no device 'accel7'", "bench", "--device", "accel7")
    knob = Path("/proc/sys/kernel/io_uring_disabled")
    before = knob.read_text()
    knob.write_text("2")
    try:
        bad(folder, 1, "io_uring", "bench", "latency", "--path", "uring")
        equal(set(jobs(good(folder, "--json", "bench", *QUICK, "latency", "--path", "ioctl").json)), {("latency", "ioctl")})
    finally:
        knob.write_text(before)


if __name__ == "__main__":
    sys.exit(main())
