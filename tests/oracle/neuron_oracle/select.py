# SPDX-License-Identifier: MIT
"""Group select of the reference: selection, movement between partitions, random numbers."""

from __future__ import annotations

import numpy as np

from .casts import INTEGERS, to_f32
from .elementwise import accumulate, set_value
from .machine import Fault
from .operations import arithmetic, bitwise, compare


def transpose(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    x = m.bits(src)
    if src.partitions <= 32 and src.count <= 32:
        m.put_bits(dst, x.T)
        return
    blocks = x.reshape(src.partitions // 32, 32, src.count // 32, 32)
    m.put_bits(dst, blocks.transpose(0, 3, 2, 1).reshape(x.shape))


def stream_shuffle(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    mask = np.tile(np.asarray(o["mask"], dtype=np.int64), src.partitions // 32)
    rows = np.arange(src.partitions) // 32 * 32 + np.where(mask == 255, 0, mask)
    moved = np.broadcast_to((mask != 255)[:, None], (src.partitions, src.count))
    m.put_bits(dst, m.bits(src)[rows], moved)


def _holds(m, o) -> np.ndarray:
    return (m.memory.read(m.tile(o, "pred")) != 0) != bool(o.get("invert", 0))


def copy_predicated(m, o) -> None:
    m.put_bits(m.tile(o, "dst"), m.bits(m.tile(o, "src")), _holds(m, o))


def fill_predicated(m, o) -> None:
    dst = m.tile(o, "dst")
    set_value(m, dst, m.scalar(o, "value", dst.partitions), _holds(m, o))


def select_reduce(m, o) -> None:
    dst = m.tile(o, "dst")
    x = np.where(_holds(m, o), m.f32(m.tile(o, "on_true")), m.scalar(o, "on_false", dst.partitions).f32())
    m.put(dst, x)
    accumulate(m, dst, m.enum(o, "acc", m.spec.AccCmd), "MAX", x)


def range_select(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    index = arithmetic("ADD", m.f32_field(o, "start"), np.arange(src.count, dtype=np.float32))
    inside = np.ones((src.partitions, src.count), dtype=bool)
    for number in "01":
        inside &= compare(m.op(o, "cmp" + number), index, m.scalar(o, "bound" + number, src.partitions).f32())
    x = np.where(inside, m.f32(src), np.float32(-3.4028235e38))
    m.put(dst, x)
    accumulate(m, dst, m.enum(o, "acc", m.spec.AccCmd), "MAX", x)


def rng(m, o) -> None:
    dst = m.tile(o, "dst")
    m.memory.write(dst, m.random_words(dst, dst.count).astype(f"u{dst.size}").view(m.memory.read(dst).dtype))


def set_rng_seed(m, o) -> None:
    m.engine.seed, m.engine.count = int(m.memory.read(m.tile(o, "src"))[0, 0]), 0


def dropout(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    uniform = ((m.random_words(dst, dst.count) >> np.uint32(8)) / 2.0**24).astype(np.float32)
    drop = compare("IS_LT", uniform, m.scalar(o, "prob", dst.partitions).f32())
    m.put(dst, np.where(drop, np.float32(0), m.f32(src)))


def _affine(o, tile) -> np.ndarray:
    """int32 [partitions, elements], wrapping."""
    walk = sum(int(step) * index.astype(np.int64) for step, index in zip(o["steps"], tile.indices()))
    rows = np.arange(tile.partitions, dtype=np.int64)[:, None] * int(o.get("channel", 0))
    return (int(o.get("base", 0)) + rows + walk).astype(np.uint64).astype(np.uint32).view(np.int32)


def iota(m, o) -> None:
    dst = m.tile(o, "dst")
    v = _affine(o, dst)
    if dst.dtype in INTEGERS:
        m.put_bits(dst, v.view(np.uint32).astype(f"u{dst.size}"))
    else:
        m.put(dst, to_f32(v, "I32"))


def affine_select(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    keep = compare(m.op(o, "cmp"), _affine(o, src), np.int32(0))
    m.put(dst, np.where(keep, m.f32(src), m.f32_field(o, "fill")))


def partition_reduce(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    op = m.enum(o, "op", m.spec.PartitionOp)
    if op.startswith("BITWISE"):
        rows = m.bits(src)
        result = rows[0]
        for row in rows[1:]:
            result = bitwise(op, result, row)
        m.put_bits(dst, result[None])
        return
    rows = m.f32(src)
    result = rows[0]
    for row in rows[1:]:
        result = arithmetic("MAX" if op == "MAX" else "ADD", result, row)
    if op == "AVERAGE":
        result = arithmetic("BYPASS", result / np.float32(src.partitions), 0)
    m.put(dst, result[None])


def gather(m, o) -> None:
    src = m.tile(o, "src")
    index = m.memory.read(m.tile(o, "index")).astype(np.int64)
    beyond = index[index >= src.count]
    if beyond.size:
        raise Fault("INDEX_RANGE", int(beyond[0]))
    m.put_bits(m.tile(o, "dst"), np.take_along_axis(m.bits(src), index, axis=1))


def local_gather(m, o) -> None:
    dst, src, run = m.tile(o, "dst"), m.tile(o, "src"), o["run"]
    index, x = m.memory.read(m.tile(o, "index")).astype(np.int64), m.bits(src)
    result = np.empty((dst.partitions, dst.count), dtype=x.dtype)
    for first in range(0, dst.partitions, 16):
        rows = slice(first, first + 16)
        starts = index[rows].T.ravel()[:dst.count // run]
        beyond = starts[starts + run > src.count]
        if beyond.size:
            raise Fault("INDEX_RANGE", int(beyond[0]))
        result[rows] = x[rows][:, (starts[:, None] + np.arange(run)).ravel()]
    m.put_bits(dst, result)
