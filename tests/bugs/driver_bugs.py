# SPDX-License-Identifier: MIT
"""Mistakes in the driver, made by a module that is built with NEURON_BUGS=1 (kmod/neuron_bug.h). The programs make none. Some harm nobody who could
notice: then the first command tells what the sanitizer has seen, or is a look at the device while nothing is wrong with it yet."""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
from pathlib import Path

from corpus import BUG, assembled, bug, explained, output, standing_still
from driver import DRIVER, address
from neuronctl import NEURONCTL, good
from tap import BUILD

PROGRAM = BUILD / "user/tests/bugs/driver-bug"
MODULE = BUILD / "kmod/bugs/neuron_accel.ko"
ORDINARY = BUILD / "kmod/stock/neuron_accel.ko"
PARAMETER = Path("/sys/module/neuron_accel/parameters/bug")

EXPLAIN = "neuronctl explain"
ERROR = "the program's error"
JOB = r"job \d+ \(packet \d+\) of queue \d+"
MADE = r"made at tests/bugs/driver_programs\.cpp:\d+"
MISTAKE = "a mistake of the driver"


def insmod(module: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(["busybox", "insmod", module, *words], capture_output=True, text=True)


def exchange(module: Path) -> None:
    subprocess.run(["busybox", "rmmod", "neuron_accel"], check=True)
    done = insmod(module)
    assert done.returncode == 0, done.stderr


def load_with_unknown() -> None:
    """Must fail."""
    subprocess.run(["busybox", "rmmod", "neuron_accel"], check=True)
    done = insmod(MODULE, "bug=ring-wrap,no-such-bug")
    back = insmod(ORDINARY)
    assert done.returncode != 0 and back.returncode == 0, (done, back)


def load() -> None:
    """The module with the mistakes, once; the ordinary one comes back in the end."""
    if not PARAMETER.exists():
        exchange(MODULE)
        atexit.register(exchange, ORDINARY)


@contextlib.contextmanager
def buggy(name: str):
    """A driver that makes this mistake, with a device that it has found anew."""
    load()
    where = address()
    (DRIVER / "unbind").write_text(where)
    (DRIVER / "bind").write_text(where)
    with open(node()), open(reports(), "w") as file:
        file.write("\n")  # forget what the bugs before have left
    PARAMETER.write_text(name)
    try:
        yield
    finally:
        PARAMETER.write_text("\n")


def node() -> Path:
    """Its number may be another one each time: what was there before keeps its own until the last reference is gone."""
    found, = Path(f"/sys/bus/pci/devices/{address()}/accel").iterdir()
    return Path("/dev/accel") / found.name


def reports() -> Path:
    return Path(f"/sys/kernel/debug/accel/{address()}/sanitizer")


def sanitized(name: str, story: str, *words: object, program: Path = PROGRAM, **names: str) -> None:
    """A mistake that the sanitizer tells of."""

    def act(folder):
        with buggy(name):
            output(folder, program, *words)
            return output(folder, NEURONCTL, "explain")

    bug(name, "driver", story, EXPLAIN, **names)(act)


def stands_still(name: str, story: str, program: str, want: str, kernel: str | None = None, binary: Path = PROGRAM, **names: str) -> None:
    """A mistake that is seen while a program is there."""

    def act(folder):
        with buggy(name), standing_still(folder, program, kernel, binary):
            return explained(folder, want)

    bug(name, "driver", story, EXPLAIN, **names)(act)


# ---- rings

sanitized("early-doorbell", "The doorbell is rung before the packet is written.", "one-job",
          cause="doorbell before its packet: packet 0 of queue 0 was announced, but its slot is empty", job="packet 0 of queue 0", place="packet 0")
sanitized("ring-wrap", "What does not fit before the end of the ring is not written.", "round-the-ring",
          cause="stale packet: packet 16 of queue 1 was announced, but its slot holds what was done a lap before", job="packet 16 of queue 1", place="packet 16")


@bug("ring-overrun", "driver", "A submitter does not look whether the ring has room.", ERROR, cause="DOORBELL_RANGE: A doorbell announced more packets than the ring holds", job=r"job \d+, packet \d+")
def _overrun(folder):
    with buggy("ring-overrun"):
        return output(folder, PROGRAM, "more-than-the-ring", assembled(folder, "endless"))


stands_still("doorbell-forgotten", "A job is in the ring, and the doorbell is left to somebody else.", "nop-by-ioctl", "has not rung",
             cause="the driver has not rung the doorbell", job="queue 1 has 1 packets in its ring, but the device was told of 0 only")

# ---- memory

sanitized("dma-unmapped-early", "The pages of a DMA job are unmapped as soon as the device knows their address.", program=BUILD / "user/tests/bugs/driver-bug-dma",
          cause=r"use after DMA unmap: .*was the device's until [\d.]+ ms earlier, when pid \d+ unmapped it", job=JOB, buffer="pages of a DMA job was the device's", place="reads 4096 bytes at 0x|reads \\d+ bytes at 0x")


@bug("entry-left", "driver", "The page table entry of a buffer is left behind when it is unbound.", "neuronctl --json explain",
     cause=r'"health": "failed",\s+"sentence": "use after free: .*it did not fault: its page table entry is still there"', job=JOB,
     buffer=rf"byte 0 of buffer 'scratch' \(#\d+, {MADE}\) at \[0x\w+, 0x\w+\), freed", place=r'a FILL(.|\n)*"kind": "USE_AFTER_FREE"')
def _entry_left(folder):
    with buggy("entry-left"):
        output(folder, PROGRAM, "after-destroy")
        return json.dumps(good(folder, "--json", "explain").json, indent=1)


sanitized("tlb-not-flushed", "The TLB is not flushed after an entry was removed.", "after-destroy",
          cause="use after free: .*it did not fault: its page table entry is gone, but the TLB was not flushed", job=JOB, buffer=rf"byte 0 of buffer 'scratch' \(#\d+, {MADE}\)", place="a FILL")
sanitized("read-only-ignored", "A buffer is bound for reading only, and its entries are writable.", "clear-read-only",
          cause="write to a read-only buffer: .*it did not fault: its page table entry is writable", job=JOB, buffer=rf"byte 128 of buffer 'weights' \(#\d+, {MADE}\)", place="a FILL")
sanitized("hbm-not-scrubbed", "HBM of one process is given to the next as it is.", "read-what-was-scrubbed",
          cause="bytes of another buffer: .*that memory was not scrubbed", job=JOB, buffer=rf"byte 0 of buffer '\w+' \(#(\d+), {MADE}\) .*last written for buffer #(?!\1:)\d+:", place="a COPY")
sanitized("address-truncated", "An offset in HBM is kept in 32 bits.", "two-banks",
          cause="bytes of another buffer: .*is two buffers' at once", job=JOB, buffer=rf"byte 0 of buffer '\w+' \(#(\d+), {MADE}\) .*last written for buffer #(?!\1:)\d+:", place="a COPY")


@bug("buffer-leaked", "driver", "A mapping's reference to its buffer is never given back.", EXPLAIN,
     cause=rf"is still there: the process has ended, and nothing uses it any more\n.*{MISTAKE}: a reference", buffer=r"buffer \d+ \(hbm, 4096 bytes\) of driver-bug \(\d+\)")
def _leaked(folder):
    with buggy("buffer-leaked"):
        output(folder, PROGRAM, "use-and-end")
        return output(folder, NEURONCTL, "explain")


# ---- completion

stands_still("fence-early", "A job is taken for done one packet too early.", "launch-and-stay", "too early", "endless", BUG,
             cause=rf"its fence has signalled too early\n.*{MISTAKE}", job=r"the driver has completed job \d+ of queue 0, up to packet \d+, but the device is at packet \d+ only")
stands_still("interrupt-ignored", "A queue is not on the list of its interrupt vector.", "nops-for-ever", "has not seen",
             cause="but the driver has not seen its interrupt", job=r"the device has done job \d+ of queue 0")
stands_still("wrong-vector", "All queues raise the first vector, whatever the driver listens to.", "nop-by-ioctl", "raises interrupt vector",
             cause=rf"raises interrupt vector 1, as the driver has told the device, but the driver listens to vector \d+ for it\n.*{MISTAKE}", job="queue 0", place=r"register QUEUE\.CFG")
stands_still("wrong-context", "A queue is set up for the first context instead of its own.", "second-context", "works in context",
             cause=rf"works in context 0, as the driver has told the device, but is one of context 1\n.*{MISTAKE}", job="queue 1", place=r"register QUEUE\.CFG")
stands_still("events-not-returned", "The device is not told how far the event ring has been read.", "fault-and-stay", "event records", "circle", BUG,
             cause=rf"the driver has handled 1 event records, but told the device of 0 only.*\n.*{MISTAKE}", place=r"register GLOBAL\.EVENT_HEAD")


@bug("reset-forgets-queue", "driver", "A queue without jobs is forgotten in a reset.", EXPLAIN, cause=rf"it has reset the device, or stopped the queue, and forgotten that\n.*{MISTAKE}",
     job="queue 0 is off in the device, but the driver still takes jobs for it")
def _forgotten(folder):
    with buggy("reset-forgets-queue"), standing_still(folder, "job-after-a-line", binary=PROGRAM) as process:
        good(folder, "reset")
        process.stdin.write("\n")
        process.stdin.flush()
        return explained(folder, "is off in the device")


# ---- power


@bug("never-sleeps", "driver", "A file that is closed does not give back what keeps the device awake.", f"{EXPLAIN} --watch 600",
     cause=rf"the device is awake, though nobody has had it open for \d+ ms, and it may sleep after 10 ms\n.*{MISTAKE}: a reference to runtime power management", place="the device")
def _sleepless(folder):
    with buggy("never-sleeps"):
        delay = Path(f"/sys/bus/pci/devices/{address()}/power/autosuspend_delay_ms")
        before = delay.read_text()
        delay.write_text("10")
        try:
            output(folder, PROGRAM, "use-and-end")
            return output(folder, NEURONCTL, "explain", "--watch", "600")
        finally:
            delay.write_text(before)
