# SPDX-License-Identifier: MIT
"""Group tensor of the reference: the PE array, its parts, and the accumulation groups of PSUM."""

from __future__ import annotations

import numpy as np

from .machine import PARTITIONS, Fault
from .matmul import matmul as multiply

_SIZES = {"WHOLE": PARTITIONS, "HALF": PARTITIONS // 2, "QUARTER": PARTITIONS // 4}
START, STOP = 1, 2


def _part(m, o, partition: int, column: int) -> tuple:
    """(first row, rows, first column, columns)."""
    rows, cols = (_SIZES[m.enum(o, name, m.spec.PeTile)] for name in ("rows", "cols"))
    return (0 if rows == PARTITIONS else partition, rows, 0 if cols == PARTITIONS else column, cols)


def _overlap(a: tuple, b: tuple) -> bool:
    return a[0] < b[0] + b[1] and b[0] < a[0] + a[1] and a[2] < b[2] + b[3] and b[2] < a[2] + a[3]


def _rows_in_order(elements: np.ndarray, mode: str) -> np.ndarray:
    """[K, n], or with DOUBLE_ROW [K, 2 n] as [2 K, n]: of each k the first half, then the second."""
    if mode == "NORMAL":
        return elements
    return elements.reshape(2 * elements.shape[0], elements.shape[1] // 2)


def ldweights(m, o) -> None:
    src, mode = m.tile(o, "src"), m.enum(o, "mode", m.spec.PeMode)
    part = _part(m, o, src.partition, o.get("col", 0))
    m.stationary = {other: held for other, held in m.stationary.items() if not _overlap(part, other)}
    m.stationary[part] = (src.partitions, mode, src.dtype, _rows_in_order(m.memory.read(src), mode).copy())


def _bank(m, dst) -> int:
    return int(dst.bytes.min()) // m.spec.PSUM_BANK_BYTES


def _quadrants(dst) -> slice:
    return slice(dst.partition // 32, (dst.partition + dst.partitions - 1) // 32 + 1)


def matmul(m, o) -> None:
    dst, moving, mode = m.tile(o, "dst"), m.tile(o, "moving"), m.enum(o, "mode", m.spec.PeMode)
    held = m.stationary.get(_part(m, o, moving.partition, dst.partition))
    if held is None or held[0] != moving.partitions or held[1] != mode or held[3].shape[1] != dst.partitions:
        raise Fault("ILLEGAL_OPERAND", MOVING_OFFSET)
    flags, bank, quadrants = o.get("flags", 0), _bank(m, dst), _quadrants(dst)
    group = m.groups[bank, quadrants]
    if group.any() if flags & START else not group.all():
        raise Fault("PSUM_GROUP", bank)
    accumulator = None if flags & START else m.memory.read(dst)
    result = multiply(held[3], _rows_in_order(m.memory.read(moving), mode), held[2], moving.dtype, accumulator)
    m.memory.write(dst, result)
    m.groups[bank, quadrants] = not flags & STOP


MOVING_OFFSET = 44


def pe_transpose(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    if m.groups[_bank(m, dst), _quadrants(dst)].any():
        raise Fault("PSUM_GROUP", _bank(m, dst))
    m.put_bits(dst, m.bits(src).T.astype(f"u{dst.size}"))
