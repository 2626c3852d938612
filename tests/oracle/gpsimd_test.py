#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What only GpSimd does, on the chip model and on the oracle.

Usage: gpsimd_test.py [INSN_PROBE]
"""

import sys

import numpy as np

from fleet import Fleet, spec
from generators import ALL_OF_SIZE, OF_SIZE, destination, number, read_the_count, source
from tap import case, main

fleet = Fleet()


def affine(scene) -> dict:
    """base, channel and steps: small ones, and such that wrap."""
    limit = scene.choose((3, 40, 2**20, 2**31 - 1))
    some = [int(x) for x in scene.rng.integers(-limit, limit, 6, endpoint=True)]
    return {"base": some[0], "channel": some[1], "steps": some[2:]}


def iota(scene):
    partitions, count = scene.partitions(), scene.elements(300)
    dst = destination(scene, "IOTA", "POOL", partitions, count)
    scene.add("POOL", "IOTA", dst=dst, **affine(scene))
    read_the_count(scene)


def affine_select(scene):
    partitions, count = scene.partitions(), scene.elements(300)
    src = source(scene, "AFFINE_SELECT", "src", "POOL", partitions, count)
    cmp = scene.picks.next("cmp", ("IS_EQUAL", "NOT_EQUAL", "IS_GT", "IS_GE", "IS_LT", "IS_LE"))
    scene.add("POOL", "AFFINE_SELECT", dst=destination(scene, "AFFINE_SELECT", "POOL", partitions, count, None, [src]), src=src,
              cmp=number(cmp), fill=scene.f32(), **affine(scene))
    read_the_count(scene)


def partition_reduce(scene):
    insn, op = "PARTITION_REDUCE", scene.picks.next("op", [op.name for op in spec.PartitionOp])
    partitions, count = scene.partitions(), scene.elements(200)
    types = [None, None]
    if op.startswith("BITWISE"):
        names = OF_SIZE[scene.picks.next("size", (1, 2, 4))]
        types = [scene.choose(names) for _ in range(2)]
    src = source(scene, insn, "src", "POOL", partitions, count, types[0])
    scene.add("POOL", insn, dst=destination(scene, insn, "POOL", 1, count, types[1]), src=src, op=spec.PartitionOp[op])
    read_the_count(scene)


def moved_types(scene, insn):
    size = scene.picks.next("size", (1, 2, 4))
    return [scene.picks.next((insn, name, size), scene.types(ALL_OF_SIZE[size])) for name in ("dst", "src")]


def gather(scene):
    insn = "GATHER"
    types = moved_types(scene, insn)
    partitions, elements, count = scene.partitions(), scene.elements(300), scene.elements(200)
    src = source(scene, insn, "src", "POOL", partitions, elements, types[1])
    index = scene.tile(partitions, count, "U32", "SBUF")
    indices = scene.rng.integers(0, elements, (partitions, count))
    if scene.chance(0.15):  # INDEX_RANGE
        for _ in range(scene.choose((1, 3))):
            indices[scene.rng.integers(partitions), scene.rng.integers(count)] = elements + scene.choose((0, 1, 2**31))
    scene.fill(index, indices)
    dst = destination(scene, insn, "POOL", partitions, count, types[0])
    if scene.chance(0.2) and types[0] in ALL_OF_SIZE[4]:
        dst = scene.like(index, types[0])
    scene.add("POOL", insn, dst=dst, src=src, index=index)
    read_the_count(scene)


def local_gather(scene):
    insn = "LOCAL_GATHER"
    types = moved_types(scene, insn)
    partitions, run = scene.choose((16, 32, 48, 64, 112, 128)), scene.picks.next("run", (1, 2, 4, 8, 16, 32))
    indices = int(scene.rng.integers(1, max(1, min(scene.width // 4 // run, 300)) + 1))
    columns = min(-(-indices // 16) + scene.choose((0, 0, 1, 3)), scene.width // 2)
    elements = max(run, scene.elements(300)) if run * 4 <= scene.width else run
    src = source(scene, insn, "src", "POOL", partitions, elements, types[1])
    index = scene.tile(partitions, columns, "U16", "SBUF")
    table = scene.rng.integers(0, elements - run + 1, (partitions, columns))
    bad = scene.chance(0.15)
    if bad:
        k = int(scene.rng.integers(indices))
        table[16 * scene.rng.integers(partitions // 16) + k % 16, k // 16] = elements - run + 1 + scene.choose((0, 5, run))
    table = unused(scene, table, indices)
    scene.fill(index, table)
    scene.add("POOL", insn, dst=destination(scene, insn, "POOL", partitions, indices * run, types[0]), src=src, index=index, run=run)
    read_the_count(scene)


def unused(scene, table, indices):
    """Indices beyond those that the instruction uses may be anything."""
    rows, columns = np.indices(table.shape)
    beyond = columns * 16 + rows % 16 >= indices
    return np.where(beyond, scene.rng.integers(0, 65536, table.shape), table)


@case("IOTA to every type, with values that wrap")
def check_iota(_folder):
    fleet.check("IOTA", iota, 250, 50)


@case("AFFINE_SELECT with every comparison")
def check_affine_select(_folder):
    fleet.check("AFFINE_SELECT", affine_select, 300, 60)


@case("PARTITION_REDUCE with every operation")
def check_partition_reduce(_folder):
    fleet.check("PARTITION_REDUCE", partition_reduce, 300, 60)


@case("GATHER, with indices out of range too")
def check_gather(_folder):
    fleet.check("GATHER", gather, 250, 60)


@case("LOCAL_GATHER with every run, with indices out of range too")
def check_local_gather(_folder):
    fleet.check("LOCAL_GATHER", local_gather, 300, 60)


if __name__ == "__main__":
    sys.exit(main())
