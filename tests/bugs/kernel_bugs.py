# SPDX-License-Identifier: MIT
"""Mistakes in kernels. The first command is the assembler, or the run."""

import numpy as np
from corpus import KERNELS, assembled, bug, explained, output, standing_still
from neuronctl import NEURONCTL

RUN = "neuronctl run"
HAZARDS = f"{RUN} --sim-hazards"


def runs(name: str, kernel: str, story: str, *words: str, first: str = RUN, **names: str) -> None:
    def act(folder):
        np.save(folder / "x.npy", np.zeros((8, 512), np.uint32))
        return output(folder, NEURONCTL, "run", assembled(folder, kernel), "--timeout", "2", *words)

    bug(name, "kernel", story, first, **names)(act)


def refused(name: str, kernel: str, story: str, **names: str) -> None:
    bug(name, "kernel", story, "neuronctl asm", **names)(lambda folder: output(folder, NEURONCTL, "asm", KERNELS / f"{kernel}.s", "-o", folder / "k.nko"))


SIM = ("--backend", "sim", "--sim-hbm", "1G", "--sim-hazards")
X = ("--in", "X=x.npy")
Y = ("--out", "Y=y.npy")

refused("misspelt-instruction", "misspelt", "The name of an instruction is misspelt.", cause="unknown instruction or macro 'mempet'; did you mean 'memset'", place=r"misspelt\.s:5:9")
refused("tile-at-a-wrong-partition", "odd_partition", "48 partitions begin at partition 20.", cause="48 partitions may not start at 20", place=r"odd_partition\.s:4:25")

runs("deadlock", "circle", "Two engines wait for each other.", cause="DEADLOCK.*semaphore 5", job=r"packet 0 \(LAUNCH\)", place=r"ACT instruction 1 \(line \d+ of circle: nop wait s5>=1")
runs("semaphore-that-nobody-raises", "never_signalled", "The `then` of a transfer was forgotten.", *X, cause="DEADLOCK.*semaphore 3", job=r"packet 0 \(LAUNCH\)",
     place=r"ACT instruction 0 \(line \d+ of never_signalled: nop wait s3>=1")
runs("endless-loop", "endless", "The counter of a loop is never raised.", cause=r"no end after 2000 ms \(--timeout\): the kernel goes on", job="job 2")
runs("store-past-the-tensor", "store_past_end", "The second half of a tensor does not begin there.", *Y, cause="PAGE_(NOT_MAPPED|READ_ONLY).*writing address", job=r"packet 0 \(LAUNCH\)",
     buffer="0 bytes behind buffer 'Y' that ends at", place=r"SP instruction 1 \(line \d+ of store_past_end: dma_store")
runs("load-from-nowhere", "load_unmapped", "An offset is far behind the tensor.", *X, cause="PAGE_NOT_MAPPED.*reading address", job=r"packet 0 \(LAUNCH\)", place=r"SP instruction 1 \(line \d+ of load_unmapped: dma_load",
     buffer=r"dma_load sbuf.* X\[1099511627776,")
runs("no-end", "no_end", "The last instruction is missing.", cause="PC_RANGE.*target 2", job=r"packet 0 \(LAUNCH\)", place=r"DVE instruction 1 \(line \d+ of no_end: nop")
runs("data-among-instructions", "illegal", "Data lies where an instruction should be.", cause="ILLEGAL_INSTRUCTION.*opcode 0xff", job=r"packet 0 \(LAUNCH\)", place="SP instruction 1 ")
runs("matmul-without-weights", "no_weights", "Nothing was loaded into the array that it multiplies with.", cause="ILLEGAL_OPERAND", job=r"packet 0 \(LAUNCH\)",
     place=r"PE instruction 0 \(line \d+ of no_weights: matmul")
runs("tile-past-sbuf", "past_sbuf", "A tile begins inside SBUF and ends outside.", cause=r"needs 229424 SBUF bytes per partition, /dev/accel/accel0 has 229376", place="past_sbuf")
runs("semaphore-below-zero", "underflow", "It gives back more than there is.", cause="SEMAPHORE.*semaphore 4", job=r"packet 0 \(LAUNCH\)", place=r"SP instruction 0 \(line \d+ of underflow: nop then s4-=1")
runs("race-of-two-engines", "race", "POOL does not wait until DVE has written.", *SIM, "--sim-stepped", first=HAZARDS, cause="HAZARD_ORDER.*no semaphore orders the two", job=r"packet 0 \(LAUNCH\)",
     place=r"(DVE|POOL) instruction \d+ \([\w/]*race\.s:\d+\).*(DVE|POOL) instruction \d+ \([\w/]*race\.s:\d+\).*memset", buffer="SBUF of core 0, partition 0, byte 32")
runs("read-of-unwritten-sbuf", "unwritten", "It reads behind what was written.", *SIM, first=HAZARDS, cause="HAZARD_UNWRITTEN.*which nothing has written", job=r"packet 0 \(LAUNCH\)",
     buffer="SBUF of core 0, partition 0, byte 64", place=r"DVE instruction 1 \(line \d+ of unwritten: copy")
runs("too-few-cores", "two_cores", "The launch names one core, the kernel is for two.", "--cores", "1", cause="is for 2 cores", place="two_cores")
runs("input-forgotten", "never_signalled", "A tensor has no file.", cause=r"needs --in X=FILE\.npy, u32 \[8, 512\]", place="never_signalled")


@bug("wrong-shape", "kernel", "The array has not the shape of the tensor.", RUN, cause=r"\[4, 512\]", buffer="X", place="x.npy|never_signalled")
def _shape(folder):
    np.save(folder / "x.npy", np.zeros((4, 512), np.uint32))
    return output(folder, NEURONCTL, "run", assembled(folder, "never_signalled"), "--in", "X=x.npy")


@bug("wrong-result", "kernel", "Sevens instead of eights.", f"{RUN} --check", cause="7.*8|8.*7", buffer="Y", place=r"\[0, 0\]")
def _result(folder):
    np.save(folder / "want.npy", np.full((4, 64), 8, np.uint8))
    return output(folder, NEURONCTL, "run", assembled(folder, "wrong_result"), "--check", "Y=want.npy")


@bug("damaged-file", "kernel", "A file that was cut off by a full disk.", RUN, cause="truncat|short|damaged|ends|not.*ELF|section|beyond|outside", place=r"cut\.nko")
def _damaged(folder):
    whole = assembled(folder, "store_and_load").read_bytes()
    (folder / "cut.nko").write_bytes(whole[: len(whole) // 2])
    return output(folder, NEURONCTL, "run", "cut.nko")


@bug("deadlock-with-its-circle", "kernel", "Two engines wait for each other, and one wants to know why.", "neuronctl explain",
     cause="DEADLOCK.*a circle: the ACT of core 0 waits for the DVE of core 0", job="queue 0.*job|job 1", place=r"line \d+ of circle: nop wait s5>=1")
def _circle(folder):
    with standing_still(folder, "fault-and-stay", "circle"):
        return explained(folder, "DEADLOCK")
