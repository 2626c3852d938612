# SPDX-License-Identifier: MIT
"""Devices and firmware that do wrong, by fault plans; and wrong uses of memory that do not fault, which the sanitizer names."""

import contextlib
import time
from pathlib import Path

import numpy as np
from corpus import assembled, bug, explained, output, program, standing_still
from driver import address
from neuronctl import NEURONCTL, good
from plans import planned

EXPLAIN = "neuronctl explain"
SANITIZE = "neuronctl run --sanitize"


@contextlib.contextmanager
def mended_by_reset(folder):
    """For what a reset puts right."""
    try:
        yield
    finally:
        good(folder, "reset")


@contextlib.contextmanager
def found_anew():
    """For what only a rescan of the bus puts right."""
    try:
        yield
    finally:
        (Path("/sys/bus/pci/devices") / address() / "remove").write_text("1")
        Path("/sys/bus/pci/rescan").write_text("1")
        end = time.monotonic() + 20
        while not list(Path("/dev/accel").glob("accel*")):
            assert time.monotonic() < end, "the device did not come back"
            time.sleep(0.05)


@bug("lost-doorbell", "device", "A write to a doorbell register never arrives.", EXPLAIN, cause=r"has 1 packets in its ring, but the device was told of 0 only", job=r"queue \d+")
def _doorbell(folder):
    with planned(folder, "doorbell nth=1: drop"), standing_still(folder, "nop-and-stay"):
        return explained(folder, "told of 0 only")


@bug("hanging-packet", "device", "The device never ends a packet.", EXPLAIN, cause="stuck|does not end|no progress", job=r"queue \d+ is at packet 0")
def _hang(folder):
    with planned(folder, "packet nth=1: hang"), standing_still(folder, "nop-and-stay"):
        return explained(folder, "stuck")


# A second later the watchdog has completed the job, which is another sentence.
@bug("lost-interrupt", "device", "An interrupt never arrives.", EXPLAIN,
     cause="the device has done .* but the driver has not seen its interrupt|no interrupt has told of .* when the watchdog completed it", job=r"job 1 of queue \d+")
def _interrupt(folder):
    with planned(folder, "irq: drop"), standing_still(folder, "nop-and-stay"):
        return explained(folder, "not seen|no interrupt has told")


@bug("falls-asleep", "firmware", "The function goes to D3 under its driver.", EXPLAIN, cause="the function is in D3, though the driver uses it")
def _asleep(folder):
    with mended_by_reset(folder), planned(folder, "packet nth=1: sleep"), standing_still(folder, "nop-and-stay"):
        return explained(folder, "D3")


@bug("fatal-link-error", "device", "The link reports a fatal error, and the kernel resets the device.", EXPLAIN, cause=r"fatal errors? of the PCIe link \(AER\)", job=r"queue \d+ was lost in a reset")
def _fatal(folder):
    with planned(folder, "packet nth=1: aer_fatal"), standing_still(folder, "nop-and-stay"):
        return explained(folder, "AER")


@bug("link-down", "device", "The link goes down for a moment.", EXPLAIN, cause="as if it had been pulled out; .* its link was down", job=r"queue \d+ was lost", place="its BARs have no addresses")
def _link(folder):
    with planned(folder, "packet nth=1: link_down us=300000"), found_anew(), standing_still(folder, "nop-and-stay"):
        return explained(folder, "BARs have no addresses")


@bug("reads-all-ones", "device", "Every register reads as ones.", EXPLAIN, cause="it read as all ones", job=r"queue \d+ was lost when the device stopped answering")
def _ones(folder):
    with mended_by_reset(folder), standing_still(folder, "nop-and-stay"), planned(folder, "reg_read: ones"):
        output(folder, NEURONCTL, "dma", "copy", "--from", "host", "--to", "hbm", "--bytes", "4096")
        return explained(folder, "all ones")


@bug("reset-never-ends", "firmware", "A reset of the device never ends.", f"neuronctl reset; {EXPLAIN}", cause="a reset of the device has failed", place="the driver does not use it any more")
def _stuck_reset(folder):
    with mended_by_reset(folder), planned(folder, "reset: hang"):
        output(folder, NEURONCTL, "reset")
        return output(folder, NEURONCTL, "explain")


@bug("refused-transfer", "device", "The bus refuses a read of the device.", "the program's error", cause="HOST_BUS.*bus address 0x", job="job 1", place=r"submitted at tests/bugs/programs\.cpp:\d+")
def _refused(folder):
    with planned(folder, "dma_read: fail"):
        return program(folder, "copies")


@bug("spoilt-hbm", "device", "An error spoils a byte of HBM that a job reads.", "the program's error", cause="HBM_ECC.*HBM offset 0x", job=r"job 1, packet 1 \(COPY\)",
     buffer="of buffer 'weights'", place=r"submitted at tests/bugs/programs\.cpp:\d+")
def _ecc(folder):
    with standing_still(folder, "reads-weights-later") as process:
        context, = good(folder, "--json", "vm", "list").json["contexts"]
        _, hbm, *_ = good(folder, "--json", "vm", "walk", context["context"], hex(process.address)).json["result"].split()
        with planned(folder, f"packet nth=1: ecc_uncorrected at={int(hbm, 16) + 128:#x}"):
            process.stdin.close()
            return process.stderr.read()


def sanitized(name: str, story: str, words: tuple = (), **names: str) -> None:
    def act(folder):
        np.save(folder / "x.npy", np.zeros((5, 5), np.uint32))
        return output(folder, NEURONCTL, "run", "--backend", "sim", "--sim-hbm", "1G", "--sanitize", assembled(folder, name.replace("-", "_")), *words)

    bug(name, "kernel", story, SANITIZE, **names)(act)


JOB = r"job \d+ \(packet \d+\) of queue \d+"
sanitized("past-a-small-tensor", "A load is longer than its tensor, but not than the page.", ("--in", "X=x.npy"), cause="out of buffer", job=JOB, buffer=r"0 bytes past the end of buffer 'X' ",
          place=r"instruction 0 \(DMA_LOAD\)")
sanitized("read-of-unwritten-hbm", "An output is read before anything was written there.", ("--out", "Y=y.npy"), cause="read of never-written memory", job=JOB, buffer="byte 0 of buffer 'Y' ", place=r"instruction \d+ \(DMA_LOAD\)")
sanitized("two-rings-write-the-same", "Two DMA rings store to the same rows at once.", ("--out", "Y=y.npy"), cause="race", job=JOB, buffer="byte 0 of buffer 'Y' ", place=r"ring \d+ of core 0 at instruction \d+ \(DMA_STORE\)")
