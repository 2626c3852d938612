#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard detection from the command line: programs that lack a semaphore, programs that do not, and the shipped kernels."""

import os
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import matmul
from neuronctl import KERNELS, assemble, ctl, good
from tap import case, main

SIM = ("run", "--backend", "sim", "--sim-hbm", "1G")
HAZARDS = (*SIM, "--sim-hazards")
IO = ("--in", "X=x.npy", "--out", "Y=y.npy")
# What nobody has written is read on purpose, which is the sanitizer's to tell.
UNWATCHED = {"env": {**os.environ, "NEURON_SANITIZER": "0"}}
DEVICE_FAULT = 1
# Threads as they fall, and orders that only the seed decides.
ORDERS = [()] + [("--sim-stepped", "--sim-seed", str(seed)) for seed in range(12)]

# X comes in through ring 0, DVE copies it, ring 1 takes it out.
RELAY = """
        .param  X, in, f32, 128, 64
        .param  Y, out, f32, 128, 64
        .engine sp
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], 0 {loaded}
        nop {copied}
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 1024, 64], 1
        end
        .engine dve
        copy sbuf.f32[0:128, 1024, 64], sbuf.f32[0:128, {source}, 64] {dve}
        end
"""


def relay(folder: Path, loaded="then s1+=1", copied="wait s2>=1", dve="wait s1>=1 then s2+=1", source=0) -> str:
    np.save(folder / "x.npy", np.arange(128 * 64, dtype=np.float32).reshape(128, 64))
    return assemble(folder, RELAY.format(loaded=loaded, copied=copied, dve=dve, source=source))


def told(folder: Path, kernel: str, *options: str) -> str:
    """What the run fails with."""
    (folder / "y.npy").unlink(missing_ok=True)
    result = ctl(folder, *HAZARDS, kernel, *IO, *options)
    assert result.code == DEVICE_FAULT and not (folder / "y.npy").exists(), (result.code, result.err, result.out)
    return result.err


def expect_pair(text: str, *both: str) -> None:
    assert "HAZARD_ORDER" in text and "no semaphore orders the two" in text, text
    for name in both:
        assert name in text, (name, text)


@case("a program with all its semaphores runs, in any order")
def ordered(folder):
    kernel = relay(folder)
    for order in ORDERS:
        good(folder, *HAZARDS, *order, kernel, *IO)
        assert np.array_equal(np.load(folder / "y.npy"), np.load(folder / "x.npy"))


@case("a read that waits for nothing is reported with both instructions, whoever came first")
def read_without_wait(folder):
    kernel = relay(folder, dve="then s2+=1")
    seen = set()
    for order in ORDERS:
        text = told(folder, kernel, *order)
        expect_pair(text, "core 0 DVE instruction 0", "core 0 DMA ring 0, instruction 0", "SBUF of core 0, partition 0")
        seen.add(re.search(r"HAZARD_ORDER: (\w+)", text).group(1))
    assert seen == {"reads", "writes"}, seen  # both orders were among them


@case("a transfer that does not wait for its source is reported")
def store_without_wait(folder):
    for order in ORDERS:
        expect_pair(told(folder, relay(folder, copied=""), *order), "core 0 DVE instruction 0", "core 0 DMA ring 1, instruction 2")


@case("a semaphore raised before the write orders nothing")
def raised_too_early(folder):
    kernel = assemble(folder, RELAY.format(loaded="", copied="wait s2>=1", dve="wait s1>=1 then s2+=1", source=0)
                      .replace("nop wait", "nop then s1+=1\n        nop wait"))
    np.save(folder / "x.npy", np.zeros((128, 64), np.float32))
    for order in ORDERS:
        expect_pair(told(folder, kernel, *order), "core 0 DVE instruction 0", "core 0 DMA ring 0, instruction 0")


# DVE gives the buffer back by lowering s1; ring 0 fills it again once s1 is what it was at first. `given` orders what DVE
# did before `give_back`.
GIVEN_BACK = """
        .param  X, in, f32, 128, 64
        .param  Y, out, f32, 128, 64
        .engine sp
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], 0 then s1+=1
        nop wait s2>=1
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], 0 wait s1==0 then s3+=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 0, 64], 1 wait s3>=1
        end
        .engine dve
        copy sbuf.f32[0:128, 1024, 64], sbuf.f32[0:128, 0, 64] wait s1>=1 then s2+=1
        {read_again}
        {give_back}
        end
"""
READ_AGAIN = "copy sbuf.f32[0:128, 2048, 64], sbuf.f32[0:128, 0, 64]"


@case("a semaphore that is lowered orders whoever waits for its number")
def given_back(folder):
    np.save(folder / "x.npy", np.arange(128 * 64, dtype=np.float32).reshape(128, 64))
    for give_back in ("nop then s1-=1", "nop take s1>=1", "nop then s1=0", "sem_clear s1, 1"):
        kernel = assemble(folder, GIVEN_BACK.format(read_again=READ_AGAIN, give_back=give_back))
        for order in ORDERS:
            good(folder, *HAZARDS, *order, kernel, *IO)
        kernel = assemble(folder, GIVEN_BACK.format(read_again=give_back, give_back=READ_AGAIN))
        for order in ORDERS:
            text = told(folder, kernel, *order)
            expect_pair(text, "core 0 DVE instruction 2", "core 0 DMA ring 0, instruction 2")


@case("memory that nothing wrote is reported, with the place")
def unwritten(folder):
    kernel = relay(folder, source=64)
    for order in ORDERS:
        text = told(folder, kernel, *order)
        assert "HAZARD_UNWRITTEN: reads SBUF of core 0, partition 0, byte 256, which nothing has written" in text, text
        assert "core 0 DVE instruction 0" in text, text


# Ring 1 takes Y out of the buffer, DVE fills it anew; {stored} and {filling} order the two.
OVERWRITE = """
        .param  X, in, f32, 128, 64
        .param  Y, out, f32, 128, 64
        .engine sp
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], 0 then s1+=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 0, 64], 1 wait s1>=1 {stored}
        end
        .engine dve
        nop wait s1>=1
        memset sbuf.f32[0:128, 0, 64], 0.0 {filling}
        end
"""


@case("a write that does not wait for a transfer from its place is reported")
def write_after_read(folder):
    np.save(folder / "x.npy", np.ones((128, 64), np.float32))
    ordered = assemble(folder, OVERWRITE.format(stored="then s2+=1", filling="wait s2>=1"))
    for order in ORDERS:
        good(folder, *HAZARDS, *order, ordered, *IO)
        assert np.array_equal(np.load(folder / "y.npy"), np.load(folder / "x.npy"))
    seen = set()
    unordered = assemble(folder, OVERWRITE.format(stored="", filling=""))
    for order in ORDERS:
        text = told(folder, unordered, *order)
        expect_pair(text, "core 0 DVE instruction 1", "core 0 DMA ring 1, instruction 1", "SBUF of core 0, partition 0")
        seen.add(re.search(r"HAZARD_ORDER: (\w+)", text).group(1))
    assert seen == {"reads", "writes"}, seen


# Two rings fill the same buffer.
TWICE = """
        .param  X, in, f32, 128, 64
        .param  Y, out, f32, 128, 64
        .engine sp
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], 0 then s1+=1
        {between}
        dma_load sbuf.f32[0:128, 128, 64], X[0, 128, 64], {ring} then s1+=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 0, 64], 2 wait s1>=2
        end
"""


@case("two writes that nothing orders are reported, and two of one ring are not")
def write_after_write(folder):
    np.save(folder / "x.npy", np.ones((128, 64), np.float32))
    for order in ORDERS:
        for between, ring in (("nop", 0), ("nop wait s1>=1", 1), ("drain", 1)):
            good(folder, *HAZARDS, *order, assemble(folder, TWICE.format(between=between, ring=ring)), *IO)
            text = told(folder, assemble(folder, TWICE.format(between="nop", ring=1)), *order)
        expect_pair(text, "HAZARD_ORDER: writes", "writes", "DMA ring 0, instruction 0", "DMA ring 1, instruction 2",
                    "partition 0, byte 128")


# Each core sends its buffer to the other one, which stores what it got.
SEND = """
        .param  X, in, f32, 128, 64
        .param  Y, out, f32, 128, 64
        .engine sp
        core_rank r1
        xor r2, r1, 1
        dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], 0 then s1+=1
        nop wait s1>=1
        dma_send sbuf.f32[0:128, 1024, 64], sbuf.f32[0:128, 0, 64], r2, 5, 0, 1
        {sent}
        nop {received}
        bne r1, 0, out
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 1024, 64], 1
out:    end
"""
TWO_CORES = ("--cores", "2")


@case("what another core sends is ordered by its semaphore and by nothing else")
def send(folder):
    np.save(folder / "x.npy", np.ones((128, 64), np.float32))
    kernel = assemble(folder, SEND.format(sent="drain", received="wait s5>=1"))
    for order in ORDERS:
        good(folder, *HAZARDS, *order, *TWO_CORES, kernel, *IO)
    kernel = assemble(folder, SEND.format(sent="drain", received=""))
    for order in ORDERS:
        text = told(folder, kernel, *order, *TWO_CORES)
        expect_pair(text, "core 1 DMA ring 0, instruction 4", "core 0 DMA ring 1, instruction 8", "SBUF of core 0")
    # The sender may not fill its buffer again before the transfer is over.
    kernel = assemble(folder, SEND.format(sent="dma_load sbuf.f32[0:128, 0, 64], X[0, 128, 64], 3",
                                          received="wait s5>=1"))
    for order in ORDERS:
        text = told(folder, kernel, *order, *TWO_CORES)
        expect_pair(text, "DMA ring 0, instruction 4", "DMA ring 3, instruction 5")


# The indices from `first_skipped` on are out of bounds.
SKIPPING = """
        .param  X, in, f32, 64, 64
        .param  Y, out, f32, 128, 64
        .param  I, in, u32, 128, 1
        .engine sp
        dma_load sbuf.u32[0:128, 4096, 1], I[0, 128, 1], 0 then s1+=1
        {transfers}
        end
        .engine pool
        {pool}
        end
"""
SCATTER = """dma_load sbuf.f32[0:64, 0, 64], X[0, 64, 64], 0 then s1+=1
        dma_scatter Y[0, 128, 64], sbuf.f32[0:128, 0, 64], sbuf.u32[0:128, 4096, 1], 1, oob=skip, bound=128 wait s1>=2"""
GATHER = """dma_gather sbuf.f32[0:128, 0, 64], X[0, 128, 64], sbuf.u32[0:128, 4096, 1], 1, oob=skip, bound=64 wait s1>=1 then s2+=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 0, 64], 2 wait s2>=1"""
INDEX = ("--in", "I=i.npy")


def skipping(folder: Path, transfers: str, pool: str = "", first_skipped: int = 64) -> str:
    np.save(folder / "x.npy", np.arange(64 * 64, dtype=np.float32).reshape(64, 64))
    index = np.arange(128, dtype=np.uint32) % 64
    index[first_skipped:] = 0xffff
    np.save(folder / "i.npy", index.reshape(128, 1))
    return assemble(folder, SKIPPING.format(transfers=transfers, pool=pool))


@case("rows that a scatter skips are not read")
def scatter(folder):
    other = "memset sbuf.f32[64:128, 0, 64], 1.0"  # nothing orders it
    for order in ORDERS:
        good(folder, *HAZARDS, *order, skipping(folder, SCATTER), *IO, *INDEX, **UNWATCHED)
        good(folder, *HAZARDS, *order, skipping(folder, SCATTER, other), *IO, *INDEX, **UNWATCHED)
        assert np.array_equal(np.load(folder / "y.npy")[:64], np.load(folder / "x.npy"))
    for order in ORDERS:
        text = told(folder, skipping(folder, SCATTER, first_skipped=65), *order, *INDEX)
        assert "HAZARD_UNWRITTEN: reads SBUF of core 0, partition 64, byte 0, which" in text, text
        expect_pair(told(folder, skipping(folder, SCATTER, other, first_skipped=65), *order, *INDEX),
                    "core 0 POOL instruction 0", "core 0 DMA ring 1, instruction 2", "partition 64")


@case("rows that a gather skips are not written")
def gather(folder):
    other = "memset sbuf.f32[64:128, 0, 64], 1.0"
    text = told(folder, skipping(folder, GATHER), *INDEX)
    assert "HAZARD_UNWRITTEN: reads SBUF of core 0, partition 64, byte 0, which" in text, text
    for order in ORDERS:
        beside = skipping(folder, GATHER.replace("wait s2>=1", "wait s2>=2"), f"{other} then s2+=1")
        good(folder, *HAZARDS, *order, beside, *IO, *INDEX)
    for order in ORDERS:
        text = told(folder, skipping(folder, GATHER, other, first_skipped=65), *order, *INDEX)
        expect_pair(text, "core 0 POOL instruction 0", "core 0 DMA ring 1, instruction 1", "partition 64")


# 24 indices: all of column 0, and the first eight partitions of column 1.
LOCAL_GATHER = """
        .param  X, in, bf16, 16, 64
        .param  Y, out, bf16, 16, 24
        .param  I, in, u16, 16, 2
        .engine sp
        dma_load sbuf.bf16[0:16, 0, 64], X[0, 16, 64], 0
        dma_load sbuf.u16[0:16, 8192, 1], I[0, 16@4, 1], 0
        dma_load sbuf.u16[0:{rows}, 8194, 1], I[2, {rows}@4, 1], 0 then s1+=1
        dma_store Y[0, 16, 24], sbuf.bf16[0:16, 4096, 24], 1 wait s2>=1
        end
        .engine pool
        local_gather sbuf.bf16[0:16, 4096, 24], sbuf.bf16[0:16, 0, 64], sbuf.u16[0:16, 8192, 4], 1 wait s1>=1 then s2+=1
        end
"""


@case("of a tile of indices only those count that are used")
def local_gather(folder):
    np.save(folder / "x.npy", np.zeros((16, 64), "V2"))
    np.save(folder / "i.npy", np.zeros((16, 2), np.uint16))
    good(folder, *HAZARDS, assemble(folder, LOCAL_GATHER.format(rows=8)), *IO, *INDEX)
    text = told(folder, assemble(folder, LOCAL_GATHER.format(rows=7)), *INDEX)
    assert "HAZARD_UNWRITTEN: reads SBUF of core 0, partition 7, byte 8194, which" in text, text


@case("memory of the context is not looked at: it reads as zero, and the host writes to it")
def context_memory(folder):
    np.save(folder / "x.npy", np.ones((128, 64), np.float32))
    kernel = assemble(folder, """
        .param  X, in, f32, 128, 64
        .param  Y, out, f32, 128, 64
        .engine sp
        dma_load sbuf.f32[0:128, 0, 64], Y[0, 128, 64], 0 then s1+=1
        dma_store Y[0, 128, 64], sbuf.f32[0:128, 0, 64], 1 wait s1>=1
        end
        """)
    for order in ORDERS[:4]:
        good(folder, *HAZARDS, *order, kernel, *IO, **UNWATCHED)
        assert not np.load(folder / "y.npy").any()


@case("without --sim-hazards none of it is looked for")
def off(folder):
    good(folder, *SIM, relay(folder, source=64), *IO)


@case("--sim-hazards needs the sim backend")
def only_sim(folder):
    result = ctl(folder, "run", "--backend", "accel", "--sim-hazards", "k.nko")
    assert result.code != 0 and "--sim-hazards needs --backend sim" in result.err, result.err


@case("hello is free of hazards on every profile")
def hello(folder):
    good(folder, "asm", KERNELS / "hello/hello.s")
    np.save(folder / "x.npy", np.ones((128, 512), np.float32))
    for profile in ("inf2", "trn1", "trn2", "trn3"):
        good(folder, *HAZARDS, "--sim-profile", profile, "hello.nko", *IO)


@case("matmul is free of hazards, on one core and on several, in any order")
def shipped_matmul(folder):
    for definitions in ((), ("-D", "IN_F32=1"), ("-D", "OUT_F32=1")):
        matmul.prepare(folder, 300, 700, 500, definitions)
        for cores in ("1", "3"):
            for order in ORDERS[:4]:
                good(folder, *HAZARDS, *order, "--cores", cores, "matmul.nko", *matmul.FILES)
        matmul.expect_pass(folder)


if __name__ == "__main__":
    sys.exit(main())
