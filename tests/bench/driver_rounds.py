#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The part of driver_bench.py that runs in the guest: rounds in which each way to submit has its turn, then one in which the
machine's accesses to the devices are counted. It writes a line of JSON for each measurement."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

OUT = Path(os.environ["NEURON_OUT"])
PROGRAM = Path(os.environ["NEURON_BUILD"]) / "user/tests/bench/driver_bench"
TRACING = Path("/sys/kernel/tracing")
ROUNDS = 5  # odd, for the median
MS = 700

FIO = ["fio", "--name=nvme", "--ioengine=io_uring_cmd", "--cmd_type=nvme", "--filename=/dev/ng0n1", "--rw=randread", "--bs=512",
       "--size=64M", "--fixedbufs=1", "--registerfiles=1", "--time_based=1", "--norandommap=1", "--randrepeat=0", "--gtod_reduce=1",
       "--output-format=json"]
BATCHES = ["--iodepth_batch_submit=32", "--iodepth_batch_complete_min=32", "--iodepth_batch_complete_max=64"]
NVME = {"nvme-1": ["--iodepth=1"], "nvme-64": ["--iodepth=64"], "nvme-64-batched": ["--iodepth=64", *BATCHES]}
OURS = ("uring-1", "uring-64", "iopoll-1", "iopoll-64", "doorbell-1", "doorbell-64")
COPIES = ("copy-up", "copy-down")

# What QEMU traces of each kind of access, for both devices.
EVENTS = {
    "mmio": ("neuron_doorbell", "neuron_reg_read", "neuron_reg_write", "pci_nvme_mmio_doorbell_sq", "pci_nvme_mmio_doorbell_cq"),
    "interrupts": ("neuron_irq_deliver", "pci_nvme_irq_msix"),
}


def run(words) -> str:
    result = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=False, text=True)
    if result.returncode:
        raise SystemExit(f"{words}: status {result.returncode}: {result.stdout}")
    return result.stdout


def measure(way: str, milliseconds: int) -> dict:
    if way not in NVME:
        return json.loads(run([PROGRAM, way, milliseconds]))
    job = json.loads(run([*FIO, *NVME[way], f"--runtime={milliseconds}ms"]))["jobs"][0]
    if job["error"] or not job["read"]["total_ios"]:
        raise SystemExit(f"fio {way}: {job}")
    return {"way": way, "jobs": job["read"]["total_ios"], "all": job["read"]["total_ios"], "seconds": job["read"]["runtime"] / 1000, "bytes": 0}


class Monitor:
    """QEMU's monitor, to have it write its trace events to a file that the guest can read."""

    def __init__(self):
        self.port = os.open("/dev/neuron-qmp", os.O_RDWR)
        self.rest = b""
        self.call({"execute": "qmp_capabilities"})

    def call(self, command: dict) -> None:
        os.write(self.port, json.dumps(command).encode() + b"\n")
        while True:
            while b"\n" not in self.rest:
                self.rest += os.read(self.port, 4096)
            line, self.rest = self.rest.split(b"\n", 1)
            reply = json.loads(line)
            if "error" in reply:
                raise SystemExit(f"{command}: {reply}")
            if "return" in reply:
                if reply["return"]:
                    raise SystemExit(f"{command}: {reply['return']}")
                return

    def say(self, line: str) -> None:
        self.call({"execute": "human-monitor-command", "arguments": {"command-line": line}})

    def trace(self, on: bool) -> None:
        for names in EVENTS.values():
            for name in names:
                self.say(f"trace-event {name} {'on' if on else 'off'}")


def entered() -> int:
    """How often io_uring_enter has been called since the trigger was set."""
    text = (TRACING / "events/syscalls/sys_enter_io_uring_enter/hist").read_text(encoding="ascii")
    return int(re.search(r"Hits: (\d+)", text).group(1))


def count(way: str, monitor: Monitor) -> dict:
    """The same with everything counted. Writing it down makes it slow, so the time does not count."""
    log = OUT / f"trace-{way}.log"
    trigger = TRACING / "events/syscalls/sys_enter_io_uring_enter/trigger"
    monitor.say(f"logfile {log}")
    trigger.write_text("hist:keys=common_pid", encoding="ascii")
    monitor.trace(True)
    result = measure(way, 200)
    monitor.trace(False)
    calls = entered()
    trigger.write_text("!hist:keys=common_pid", encoding="ascii")
    text = log.read_text(encoding="ascii", errors="replace")
    lines = [line.split(" ", 1)[0].rsplit(":", 1)[-1] for line in text.splitlines()]
    # All of the program's life is in the log, set-up and warming included.
    counts = {kind: sum(line in names for line in lines) for kind, names in EVENTS.items()}
    return {"way": way, "counted": True, "jobs": result["all"], "syscalls": calls, **counts}


def main() -> None:
    for _ in range(100):
        if os.path.exists("/dev/ng0n1"):
            break
        time.sleep(0.1)
    for number in range(ROUNDS + 1):
        for way in (*NVME, *OURS, *COPIES):
            result = measure(way, MS if number else MS // 7)
            if number:  # the first one only warms
                print(json.dumps(result), flush=True)
    monitor = Monitor()
    for way in (*NVME, *OURS):
        print(json.dumps(count(way, monitor)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
