#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Transfers on the chip model and on the oracle: every pair of types, every operation, every shape of walk.

Usage: dma_test.py [LAUNCH_PROBE]
"""

import sys

import numpy as np

from dma_programs import GENERATORS
from launch_fleet import LaunchFleet, spec
from launch_probe import Launch
from launch_scene import SPAN, update
from tap import case, equal, main

fleet = LaunchFleet()
CASES = {"DMA_LOAD": 70, "DMA_STORE": 70, "DMA_COPY": 60, "DMA_TILE": 70, "DMA_SEND": 60, "DMA_GATHER": 110, "DMA_SCATTER": 110,
         "DMA_TRANSPOSE": 40, "DMA_REDUCE": 50}


def how_many_cores(number):
    return (1, 2, 5)[number % 3]


def register(insn):
    @case(f"{insn}: types, operations, walks, addresses")
    def check(_folder):
        fleet.check(insn, GENERATORS[insn], CASES[insn], how_many_cores if insn == "DMA_SEND" else lambda number: 1)


for insn in GENERATORS:
    register(insn)


@case("every operation had every pair of types that it takes, and nothing else has changed")
def check_pairs(_folder):
    for op in spec.DmaOp:
        equal(len(fleet.picks.seen[(op.name, "pairs")]), 196 if op == spec.DmaOp.WRITE else 144, op.name)
    fleet.untouched()


def dense(arg: int, offset: int, count: int, **fields) -> dict:
    """Rows of U32 one after the other."""
    return {"arg": arg, "offset": offset, "partition_stride": 4 * count, "stride": [4, 0, 0], "num": [count, 1, 1],
            "dtype": int(spec.Dtype.U32), **fields}


def tile(partitions: int, count: int, offset: int = 0, dtype: str = "U32") -> dict:
    return {"offset": offset, "partitions": partitions, "dtype": int(spec.Dtype[dtype]), "step": [1, 0, 0, 0], "num": [count, 1, 1, 1]}


ROWS, COUNT = 64, 40
END = SPAN - 50 * 4 * COUNT - 6  # 50 rows and 6 bytes before the end of an area


def beyond_the_end(area: int) -> list:
    """Transfers whose row 50 leaves an area."""
    data, other = tile(ROWS, COUNT), dense(1 - area, 0, COUNT)
    index = tile(ROWS, 1, 8192)
    floats = {"dtype": int(spec.Dtype.F32)}
    return [("DMA_LOAD", {"dst": data, "src": dense(area, END, COUNT)}), ("DMA_STORE", {"dst": dense(area, END, COUNT), "src": data}),
            ("DMA_COPY", {"dst": other, "src": dense(area, END, COUNT), "rows": ROWS}),
            ("DMA_COPY", {"dst": dense(area, END, COUNT), "src": other, "rows": ROWS}),
            ("DMA_GATHER", {"dst": data, "src": dense(area, END, COUNT), "index": index, "bound": ROWS}),
            ("DMA_SCATTER", {"dst": dense(area, END, COUNT), "src": data, "index": index, "bound": ROWS}),
            ("DMA_REDUCE", {"dst": {**data, **floats}, "src": {**dense(area, END - 8192, COUNT), **floats}, "sources": 2,
                            "source_stride": 8192})]


def run_to_the_fault(probe, insn: str, operands: dict, indices=None):
    """The record; what may have arrived of the row that faulted and of later ones is made equal first."""
    for name in ("HBM", "HOST"):
        fleet.put(probe, name, fleet.areas[name][1] - SPAN, np.random.default_rng(len(insn)).integers(0, 256, SPAN, dtype=np.uint8))
    indices = np.arange(ROWS, dtype=np.uint32) if indices is None else indices
    fleet.put(probe, "BULK", 0, indices.view(np.uint8))
    fleet.put(probe, "BULK", 4096, np.arange(ROWS * COUNT, dtype=np.uint32).view(np.uint8))
    launch = Launch(cores=2, args=[fleet.areas[name][0] + fleet.areas[name][1] - SPAN for name in ("HBM", "HOST")]
                    + [fleet.areas["BULK"][0], fleet.areas["READ_ONLY"][0]])
    kind = int(spec.Dtype.U16 if indices.itemsize == 2 else spec.Dtype.U32)
    launch.add("SP", "DMA_LOAD", dst={**tile(ROWS, 1, 8192), "dtype": kind},
               src={"arg": 2, "partition_stride": indices.itemsize, "stride": [1, 0, 0], "num": [1, 1, 1]}, ring=11)
    launch.add("SP", "DMA_LOAD", dst=tile(ROWS, COUNT), src=dense(2, 4096, COUNT), ring=11)
    launch.add("SP", insn, **operands, ring=11)
    launch.end()
    return fleet.run(probe, launch, np.random.default_rng(1))


def arrived(probe, area: int, first: int, count: int) -> None:
    """Bytes of an area from before a place on are what the oracle says."""
    name = ("HBM", "HOST")[area]
    fleet.compare(probe, name, fleet.areas[name][1] - SPAN + first, count, lambda at: "", "after a fault")


@case("a transfer that leaves mapped memory names the first byte outside; rows before it have arrived")
def check_page_faults(_folder):
    for probe in fleet.probes.values():
        for area, name in enumerate(("HBM", "HOST")):
            for insn, operands in beyond_the_end(area):
                record = run_to_the_fault(probe, insn, operands)
                equal((record.code, record.unit, record.core, record.ring, record.pc), ("PAGE_NOT_MAPPED", "DMA", 1, 11, 2), insn)
                equal(record.va, fleet.areas[name][0] + fleet.areas[name][1], insn)
                if "dst" in operands and operands["dst"].get("arg") == area:
                    arrived(probe, area, 0, SPAN - 6)
                elif insn == "DMA_COPY":
                    arrived(probe, 1 - area, 0, 50 * 4 * COUNT)
                    arrived(probe, 1 - area, ROWS * 4 * COUNT, SPAN - ROWS * 4 * COUNT)
        for insn, operands in (("DMA_STORE", {"dst": dense(3, 16, COUNT), "src": tile(2, COUNT)}),
                               ("DMA_COPY", {"dst": dense(3, 24, COUNT), "src": dense(0, 0, COUNT), "rows": 1})):
            equal(run_to_the_fault(probe, insn, operands).code, "PAGE_READ_ONLY", insn)


@case("an index out of bounds ends the transfer with its value; rows before it have been moved")
def check_index_faults(_folder):
    for probe in fleet.probes.values():
        for dtype, bad in (("U32", 64), ("U32", 2**32 - 1), ("U16", 65535), ("I32", 64), ("I32", -1), ("I32", -2**31)):
            storage = np.uint16 if dtype == "U16" else np.uint32
            indices = np.arange(ROWS, dtype=np.int64)[::-1].copy()
            indices[40] = bad
            indices = (indices % 2**32).astype(storage)
            index = {**tile(ROWS, 1, 8192), "dtype": int(spec.Dtype[dtype])}
            for insn, operands in (("DMA_SCATTER", {"dst": dense(0, 0, COUNT), "src": tile(ROWS, COUNT)}),
                                   ("DMA_GATHER", {"dst": tile(ROWS, COUNT), "src": dense(1, 0, COUNT)})):
                record = run_to_the_fault(probe, insn, {**operands, "index": index, "bound": ROWS}, indices)
                equal((record.code, record.unit, record.info), ("INDEX_RANGE", "DMA", bad % 2**64), f"{insn} {dtype}")
                arrived(probe, 0, 24 * 4 * COUNT, SPAN - 24 * 4 * COUNT)


@case("DMA_SEND that takes a semaphore above its range faults with it; so does the update of a transfer")
def check_semaphores(_folder):
    for probe in fleet.probes.values():
        for header, value, sem in ((None, 1, 5), (update(spec, 6), 0, 6)):
            launch = Launch(cores=1)
            for number in (5, 6):
                launch.add("ACT", "NOP", update(spec, number, 2**32 - 1))
            launch.add("ACT", "DMA_SEND", header, dst=tile(1, 1), src=tile(1, 1, 64), rank=0, sem=5, value=value, ring=3)
            launch.end()
            record = fleet.run(probe, launch, np.random.default_rng(1))
            equal((record.code, record.unit, record.ring, record.pc, record.info), ("SEMAPHORE", "DMA", 3, 2, sem))


if __name__ == "__main__":
    sys.exit(main())
