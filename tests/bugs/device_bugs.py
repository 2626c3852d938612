# SPDX-License-Identifier: MIT
"""Devices and firmware that do wrong, by fault plans; and wrong uses of memory that do not fault, which the sanitizer names."""

import contextlib

import numpy as np
from corpus import assembled, bug, explained, output, program, standing_still
from neuronctl import NEURONCTL, good

EXPLAIN = "neuronctl explain"
SANITIZE = "neuronctl run --sanitize"


@contextlib.contextmanager
def planned(folder, plan: str):
    """The device does wrong what the plan says."""
    good(folder, "fault", "set", plan)
    try:
        yield
    finally:
        good(folder, "fault", "clear")


@bug("lost-doorbell", "device", "A write to a doorbell register never arrives.", EXPLAIN, cause=r"has 1 packets in its ring, but the device was told of 0 only", job=r"queue \d+")
def _doorbell(folder):
    with planned(folder, "doorbell nth=1: drop"), standing_still(folder, "nop-and-stay"):
        return explained(folder, "told of 0 only")


@bug("hanging-packet", "device", "The device never ends a packet.", EXPLAIN, cause="stuck|does not end|no progress", job=r"queue \d+ is at packet 0")
def _hang(folder):
    with planned(folder, "packet nth=1: hang"), standing_still(folder, "nop-and-stay"):
        return explained(folder, "stuck")


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
