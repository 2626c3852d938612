#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Jobs through the driver beside the commands of QEMU's own emulated NVMe, driven by fio in the same guest and run, and
copies between host memory and HBM beside the host's memcpy.

The disk behind the NVMe is QEMU's null-co: a command costs what the controller and Linux cost. For the deep queue fio runs
with its defaults and with batches; the better one is the baseline."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from tap import BUILD, TOP, case, main

GUEST = [TOP / "guest/run", "--smp", "1", "--with", "nvme", "--timeout", "400"]
DISK = ["-blockdev", "null-co,node-name=null0,size=1073741824,read-zeroes=on", "-device", "nvme,serial=1,drive=null0"]
ROUNDS = Path(__file__).with_name("driver_rounds.py")
MEMCPY_MS = 700

DEEP = ("nvme-64", "nvme-64-batched")
WAYS = {
    "nvme-1": "NVMe, io_uring_cmd, 1 in flight",
    "nvme-64": "NVMe, io_uring_cmd, 64 in flight",
    "nvme-64-batched": "the same, 32 at a time",
    "uring-1": "SUBMIT_INLINE, 1 in flight",
    "iopoll-1": "the same, polled",
    "doorbell-1": "doorbell page, 1 in flight",
    "uring-64": "SUBMIT_INLINE, 64 in flight",
    "iopoll-64": "the same, polled",
    "doorbell-64": "doorbell page, 64 in flight",
}


def run(words, out: Path) -> str:
    result = subprocess.run([str(word) for word in words], capture_output=True, check=False, text=True)
    (out / "driver_bench.log").write_text(result.stdout + result.stderr, encoding="utf-8")
    if result.returncode:
        raise AssertionError(f"{words[0]}: status {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout


def measurements(folder: Path):
    """Jobs per second and bytes per second of each way, medians, and what was counted."""
    words = GUEST + [f"--qemu-arg={word}" for word in DISK] + ["--out", folder / "guest", "--", ROUNDS]
    lines = [json.loads(line) for line in run(words, folder).splitlines() if line.startswith("{")]
    rates, speeds, counts = {}, {}, {}
    for line in lines:
        if "counted" in line:
            counts[line["way"]] = line
            continue
        rates.setdefault(line["way"], []).append(line["jobs"] / line["seconds"])
        speeds.setdefault(line["way"], []).append(line["bytes"] / line["seconds"])
    return ({way: statistics.median(values) for way, values in rates.items()},
            {way: statistics.median(values) for way, values in speeds.items()}, counts)


def memcpy(folder: Path) -> float:
    result = json.loads(run([BUILD / "user/tests/bench/driver_bench", "memcpy", MEMCPY_MS], folder))
    return result["bytes"] / result["seconds"]


def figure(name, value, unit, baseline, goal, against, less=False):
    ratio = baseline / value if less else value / baseline
    print(json.dumps({"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio, "goal": goal,
                      "met": None if goal is None else ratio >= goal, "against": against}), flush=True)


def jobs(rates: dict) -> None:
    deep = max(DEEP, key=lambda way: rates[way])
    single = "QEMU's NVMe, fio io_uring_cmd, 1 in flight"
    # At most 0.3 times the time is at least 1 / 0.3 times better.
    for way in ("uring-1", "iopoll-1", "doorbell-1"):
        figure(f"driver/{way}", 1e6 / rates[way], "us/job", 1e6 / rates["nvme-1"], 1 / 0.3 if way == "uring-1" else None,
               single, less=True)
    for way, goal in (("uring-64", 5), ("iopoll-64", None), ("doorbell-64", 20)):
        figure(f"driver/{way}", rates[way], "jobs/s", rates[deep], goal, f"QEMU's NVMe, fio io_uring_cmd, {WAYS[deep]}")


def table(rates: dict, counts: dict) -> None:
    print(f"# {'':36} {'us/job':>8} {'jobs/s':>9}   per job: {'syscalls':>9} {'MMIO':>6} {'interrupts':>10}")
    for way, title in WAYS.items():
        count = counts[way]
        per_job = [count[kind] / count["jobs"] for kind in ("syscalls", "mmio", "interrupts")]
        print(f"# {title:36} {1e6 / rates[way]:8.1f} {rates[way]:9.0f}            {per_job[0]:9.3f} {per_job[1]:6.3f} {per_job[2]:10.3f}")


@case("jobs and copies through the driver succeed, beside NVMe and memcpy")
def driver(folder):
    before = memcpy(folder)
    rates, speeds, counts = measurements(folder)
    baseline = statistics.mean((before, memcpy(folder)))
    table(rates, counts)
    jobs(rates)
    for way in ("copy-up", "copy-down"):
        figure(f"driver/{way}", speeds[way] / 2**30, "GiB/s", baseline / 2**30, 0.8, "memcpy of 64 MiB, on the host")


if __name__ == "__main__":
    sys.exit(main())
