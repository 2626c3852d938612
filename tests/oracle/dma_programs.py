# SPDX-License-Identifier: MIT
"""Random transfers; all take a LaunchScene."""

from __future__ import annotations

import numpy as np

from launch_fleet import spec
from launch_scene import take
from neuron_oracle import STORAGE
from scene import start_partitions

OPS = [op.name for op in spec.DmaOp]
OF_SIZE = {size: [name for name in STORAGE if STORAGE[name].itemsize == size] for size in (1, 2, 4)}


def operation(scene, insn):
    """Every operation in turn, WRITE as often as all others; and types for it."""
    op = scene.picks.next((insn, "op"), ["WRITE", "WRITE", *OPS])
    return op, *scene.pair(op)


def a_tile(scene, insn, operand, partitions, count, dtype, repeat=True):
    return scene.tile(partitions, count, dtype, scene.space(insn, operand, scene.engine), repeat=repeat)


def named(scene, dtype, other):
    return dtype != other or scene.chance(0.3)


def sometimes(scene):
    """Whether a destination may name an element twice: rarely, for the oracle takes these one by one."""
    return scene.chance(0.12)


def load(scene):
    for _ in range(3):
        op, source, target = operation(scene, "DMA_LOAD")
        twice = sometimes(scene)
        partitions = scene.partitions()
        count = scene.elements(24) if twice else scene.few(partitions)
        dst = a_tile(scene, "DMA_LOAD", "dst", partitions, count, target, twice)
        src = scene.block(partitions, count, source, named(scene, source, target), repeat=True)
        scene.transfer("DMA_LOAD", dst=dst, src=src, op=spec.DmaOp[op])


def store(scene):
    for _ in range(3):
        op, source, target = operation(scene, "DMA_STORE")
        twice = sometimes(scene)
        partitions = scene.partitions()
        count = scene.elements(24) if twice else scene.few(partitions)
        src = a_tile(scene, "DMA_STORE", "src", partitions, count, source)
        dst = scene.block(partitions, count, target, named(scene, target, source), repeat=twice)
        scene.transfer("DMA_STORE", dst=dst, src=src, op=spec.DmaOp[op])


def copy(scene):
    for _ in range(3):
        op, source, target = operation(scene, "DMA_COPY")
        twice = sometimes(scene)
        rows = int(scene.choose((1, 1, 2, 3, 100, 129, 400)))
        count = scene.elements(24) if twice else int(scene.rng.integers(1, 1 + scene.choose((10, 60000 // rows // 4))))
        src = scene.block(rows, count, source, True, repeat=True)
        dst = scene.block(rows, count, target, True, repeat=twice)
        scene.transfer("DMA_COPY", dst=dst, src=src, rows=rows, op=spec.DmaOp[op])


def tile_to_tile(scene):
    for _ in range(3):
        op, source, target = operation(scene, "DMA_TILE")
        partitions = scene.partitions()
        twice = sometimes(scene)
        count = scene.elements(24) if twice else scene.few(partitions)
        src = a_tile(scene, "DMA_TILE", "src", partitions, count, source)
        if 0 not in src["step"] and STORAGE[source].itemsize == STORAGE[target].itemsize and scene.chance(0.3):
            dst = scene.like(src, target)  # in place; moved to other quadrants, rows see what earlier ones wrote
            dst = {**dst, "partition": scene.choose(start_partitions(partitions))}
        else:
            dst = a_tile(scene, "DMA_TILE", "dst", partitions, count, target, twice)
        scene.transfer("DMA_TILE", dst=dst, src=src, op=spec.DmaOp[op])


def indices(scene, insn, partitions, bound, oob):
    """An index tile; it may lie where the data does, for it is read first."""
    dtype = scene.dtype(insn, "index")
    tile = scene.tile(partitions, 1, dtype, scene.space(insn, "index", scene.engine))
    some = scene.rng.integers(0, bound, partitions) if scene.chance(0.7) else scene.rng.integers(0, min(bound, 3), partitions)
    if oob == "SKIP":
        beyond = [bound, bound + 1, 2 ** (8 * STORAGE[dtype].itemsize) - 1, 2 ** (8 * STORAGE[dtype].itemsize - 1)]
        some = np.where(scene.rng.random(partitions) < 0.3, scene.rng.choice(beyond, partitions), some)
    scene.fill(tile, some.astype(np.uint64).astype(f"<u{STORAGE[dtype].itemsize}")[:, None])
    return tile


def gather(scene):
    op, source, target = operation(scene, "DMA_GATHER")
    oob = scene.picks.next("gather oob", [mode.name for mode in spec.OobMode])
    twice = sometimes(scene)
    partitions, bound = scene.partitions(), int(scene.choose((1, 2, 50, 300)))
    count = scene.elements(24) if twice else scene.few(max(partitions, bound))
    dst = a_tile(scene, "DMA_GATHER", "dst", partitions, count, target, twice)
    src = scene.block(bound, count, source, named(scene, source, target), repeat=True)
    scene.transfer("DMA_GATHER", dst=dst, src=src, index=indices(scene, "DMA_GATHER", partitions, bound, oob), bound=bound,
                   oob=spec.OobMode[oob], op=spec.DmaOp[op])


def scatter(scene):
    op, source, target = operation(scene, "DMA_SCATTER")
    oob = scene.picks.next("scatter oob", [mode.name for mode in spec.OobMode])
    twice = sometimes(scene)
    partitions, bound = scene.partitions(), int(scene.choose((1, 2, 50, 300)))
    count = scene.elements(24) if twice else scene.few(max(partitions, bound))
    src = a_tile(scene, "DMA_SCATTER", "src", partitions, count, source)
    dst = scene.block(bound, count, target, named(scene, target, source), repeat=twice)
    scene.transfer("DMA_SCATTER", dst=dst, src=src, index=indices(scene, "DMA_SCATTER", partitions, bound, oob), bound=bound,
                   oob=spec.OobMode[oob], op=spec.DmaOp[op])


def transpose(scene):
    for _ in range(2):
        source = scene.dtype("DMA_TRANSPOSE", "src")
        target = scene.choose(scene.types(OF_SIZE[STORAGE[source].itemsize]))
        partitions, count = scene.partitions(), scene.partitions()
        src = a_tile(scene, "DMA_TRANSPOSE", "src", partitions, count, source)
        if partitions == count and 0 not in src["step"] and scene.chance(0.5):
            dst = scene.like(src, target)
        else:
            dst = a_tile(scene, "DMA_TRANSPOSE", "dst", count, partitions, target, sometimes(scene))
        scene.transfer("DMA_TRANSPOSE", dst=dst, src=src)


def reduce(scene):
    for _ in range(2):
        source, target = scene.pair("ADD")
        sources = scene.picks.next("sources", range(1, 17))
        partitions = scene.choose((1, 5, 32, 64))
        count = scene.elements(64)
        dst = a_tile(scene, "DMA_REDUCE", "dst", partitions, count, target, sometimes(scene))
        # The block is made with the sources as further rows; then those become its stride.
        src = scene.block(partitions * sources, count, source, named(scene, source, target), repeat=True)
        scene.transfer("DMA_REDUCE", dst=dst, src=src, sources=sources, source_stride=partitions * src["partition_stride"])


def send(scene):
    for _ in range(2):
        source, target = scene.pair("WRITE")
        partitions = scene.partitions()
        count = scene.few(partitions, 1 << 14)
        while True:
            src = a_tile(scene, "DMA_SEND", "src", partitions, count, source)
            dst = a_tile(scene, "DMA_SEND", "dst", partitions, count, target, sometimes(scene))
            if src.get("space", 0) != dst.get("space", 0) or not scene.ranges_meet(src, dst):
                break
        rank = scene.register(0)
        scene.add(scene.engine, "RANK_PLUS", rd=rank, distance=int(scene.rng.integers(0, scene.cores)))
        scene.transfer("DMA_SEND", dst=dst, src=src, rank=rank, sem=7, value=3)
        scene.add(scene.engine, "NOP", header=take(spec, 7, 3))
        scene.add(scene.engine, "CORE_BARRIER", sem=8)


GENERATORS = {"DMA_LOAD": load, "DMA_STORE": store, "DMA_COPY": copy, "DMA_TILE": tile_to_tile, "DMA_SEND": send, "DMA_GATHER": gather,
              "DMA_SCATTER": scatter, "DMA_TRANSPOSE": transpose, "DMA_REDUCE": reduce}
