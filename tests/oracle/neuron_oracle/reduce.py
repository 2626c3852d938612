# SPDX-License-Identifier: MIT
"""Group reduce of the reference."""

from __future__ import annotations

import functools

import numpy as np

from .casts import STORAGE
from .elementwise import REVERSE0, REVERSE1, accumulate, ordered
from .operations import LOGICAL, NEUTRAL, arithmetic, bitwise, fold


def _negated(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), values, -values)


def tensor_reduce(m, o) -> None:
    dst, src, op = m.tile(o, "dst"), m.tile(o, "src"), m.op(o, "op")
    group = int(np.prod(src.nums[:o["axes"]]))
    shape = (src.partitions, src.count // group, group)
    if op.startswith("BITWISE"):
        elements = m.bits(src).reshape(shape)
        m.put_bits(dst, functools.reduce(lambda x, y: bitwise(op, x, y), np.moveaxis(elements, -1, 0)))
        return
    elements = m.f32(src).reshape(shape)
    if op in LOGICAL:
        truth = np.moveaxis(elements != 0, -1, 0)
        function = {"LOGICAL_AND": np.logical_and, "LOGICAL_OR": np.logical_or, "LOGICAL_XOR": np.logical_xor}[op]
        result = functools.reduce(function, truth).astype(np.float32)
    elif op == "SUBTRACT":
        first, *others = np.moveaxis(elements, -1, 0)
        result = functools.reduce(lambda x, y: arithmetic("SUBTRACT", x, y), others, arithmetic("BYPASS", first, 0))
    else:
        result = fold(op, elements)
    m.put(dst, _negated(result) if o.get("negate", 0) else result)


def tensor_scalar_reduce(m, o) -> None:
    dst = m.tile(o, "dst")
    operand, init = (m.scalar(o, name, dst.partitions) for name in ("operand0", "init"))
    x = arithmetic(m.op(o, "op0"), *ordered(m.f32(m.tile(o, "src")), operand.f32(), o.get("flags", 0) & REVERSE0))
    m.put(dst, x)
    accumulate(m, dst, m.enum(o, "acc", m.spec.AccCmd), m.op(o, "reduce"), x, init)


def tensor_scalar_cumulative(m, o) -> None:
    dst = m.tile(o, "dst")
    operand, init = (m.scalar(o, name, dst.partitions).f32() for name in ("operand0", "init"))
    x = arithmetic(m.op(o, "op0"), m.f32(m.tile(o, "src")), operand)
    acc = m.engine.accumulators[dst.partition:dst.partition + dst.partitions]
    op = m.op(o, "op1")
    command = m.enum(o, "acc", m.spec.AccCmd)
    start = {"RESET_REDUCE": np.float32(NEUTRAL[op]), "REDUCE": acc, "LOAD_REDUCE": init[:, 0]}[command]
    register = np.broadcast_to(start, (dst.partitions,))
    result = np.empty_like(x)
    for i in range(x.shape[1]):
        register = result[:, i] = arithmetic(op, x[:, i], register)
    m.put(dst, result)
    acc[:] = register


def tensor_tensor_scan(m, o) -> None:
    dst, flags = m.tile(o, "dst"), o.get("flags", 0)
    a, b = m.f32(m.tile(o, "a")), m.f32(m.tile(o, "b"))
    state = np.broadcast_to(m.scalar(o, "initial", dst.partitions).f32()[:, 0], (dst.partitions,))
    result = np.empty_like(a)
    for i in range(a.shape[1]):
        x = arithmetic(m.op(o, "op0"), *ordered(a[:, i], state, flags & REVERSE0))
        state = result[:, i] = arithmetic(m.op(o, "op1"), *ordered(x, b[:, i], flags & REVERSE1))
    m.put(dst, result)


def read_acc(m, o) -> None:
    dst = m.tile(o, "dst")
    values = m.engine.accumulators[dst.partition:dst.partition + dst.partitions, None]
    m.put(dst, _negated(values) if o.get("negate", 0) else values)


def bn_stats(m, o) -> None:
    dst, x = m.tile(o, "dst"), m.f32(m.tile(o, "src"))
    result = np.zeros((dst.partitions, 6), dtype=np.float32)
    for parity in (0, 1):
        numbers = np.arange(parity, x.shape[1], 2)
        if numbers.size == 0:
            continue
        part, n = x[:, numbers], np.float32(numbers.size)
        with np.errstate(all="ignore"):
            mean = arithmetic("BYPASS", fold("ADD", part) / n, 0)
        d = arithmetic("SUBTRACT", part, mean[:, None])
        result[:, 3 * parity] = n
        result[:, 3 * parity + 1] = mean
        result[:, 3 * parity + 2] = fold("ADD", arithmetic("MULT", d, d))
    m.put(dst, result)


def bn_aggr(m, o) -> None:
    triples = m.f32(m.tile(o, "src"))
    n, mean_g, s = triples[:, 0::3], triples[:, 1::3], triples[:, 2::3]
    total = fold("ADD", n)
    with np.errstate(all="ignore"):
        mean = arithmetic("BYPASS", fold("ADD", arithmetic("MULT", n, mean_g)) / total, 0)
        d = arithmetic("SUBTRACT", mean_g, mean[:, None])
        spread = fold("ADD", arithmetic("MULT", n, arithmetic("MULT", d, d)))
        v = arithmetic("BYPASS", arithmetic("ADD", fold("ADD", s), spread) / total, 0)
    m.put(m.tile(o, "dst"), np.stack([mean, v], axis=1))


def max8(m, o) -> None:
    x = m.f32(m.tile(o, "src"))
    # The order of the bits as sign and magnitude is the one that the reference asks for, NaN being canonical.
    bits = x.view(np.int32).astype(np.int64)
    rank = np.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits)
    best = np.argsort(-rank, axis=1, kind="stable")[:, :8]
    m.put(m.tile(o, "dst"), np.take_along_axis(x, best, axis=1))


def _claim(x: np.ndarray, values: np.ndarray, order) -> np.ndarray:
    """For each value, in the given order of columns, the lowest index of an equal element that no earlier one got; -1 for
    none. int64 [partitions, 8]."""
    taken = np.zeros(x.shape, dtype=bool)
    found = np.full(values.shape, -1, dtype=np.int64)
    rows = np.arange(x.shape[0])
    for v in order:
        match = (x == values[:, v:v + 1]) & ~taken
        first = match.argmax(axis=1)
        hit = match[rows, first]
        found[hit, v] = first[hit]
        taken[rows[hit], first[hit]] = True
    return found


def _indices(found: np.ndarray, dtype: str) -> np.ndarray:
    return found.astype(STORAGE[dtype])  # -1: all ones


def find_index8(m, o) -> None:
    dst = m.tile(o, "dst")
    found = _claim(m.f32(m.tile(o, "src")), m.f32(m.tile(o, "values")), range(8))
    m.put_bits(dst, _indices(found, dst.dtype))


def _replace(m, o, values: np.ndarray) -> np.ndarray:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    x = m.f32(src)
    found = _claim(x, values, range(7, -1, -1))
    rows, columns = np.nonzero(found >= 0)
    x[rows, found[rows, columns]] = m.f32_field(o, "imm")
    m.put(dst, x)
    return found


def match_replace8(m, o) -> None:
    _replace(m, o, m.f32(m.tile(o, "values")))


def match_replace8_index(m, o) -> None:
    index = m.tile(o, "index")
    found = _replace(m, o, m.scalar(o, "values", index.partitions, 8).f32())
    m.memory.write(index, _indices(found, index.dtype))
