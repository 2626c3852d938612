# SPDX-License-Identifier: MIT
"""Group dma of the reference: what a transfer does once its ring has taken it up.

A transfer gets a core (Machine) with the registers of its issue, and `t`, with the memory and arguments of its launch and
the cores by rank.
"""

from __future__ import annotations

import numpy as np

from .casts import STORAGE, cast, from_f32, to_f32
from .context_memory import Block, MemoryFault, apart
from .machine import Fault
from .operations import arithmetic


class _TileRows:
    """A tile, row by row."""

    def __init__(self, tile, memory):
        self.tile, self.dtype, self.count, self.rows = tile, tile.dtype, tile.count, tile.partitions
        self.memory, self.bytes = memory, memory.spaces[tile.space]
        self.apart = self.all_apart = apart(tile.bytes, 1)

    def read_all(self, rows: int) -> np.ndarray:
        return self.memory.read(self.tile)

    def write_all(self, values: np.ndarray) -> None:
        self.memory.write(self.tile, values)

    def _row(self, number: int) -> np.ndarray:
        return self.bytes[self.tile.partition + number].view(STORAGE[self.dtype])

    def read(self, number: int, first=0, count=None) -> np.ndarray:
        return self._row(number)[self._columns(first, count)]

    def write(self, number: int, values: np.ndarray, first=0) -> None:
        row = self._row(number)
        columns = self._columns(first, values.size)
        if self.apart:
            row[columns] = values
            return
        for column, value in zip(columns, values):
            row[column] = value

    def _columns(self, first, count) -> np.ndarray:
        columns = self.tile.bytes // self.tile.size
        return columns if count is None else columns[first:first + count]


class _BlockRows:
    """A memory operand, row by row."""

    def __init__(self, block: Block, memory, rows: int):
        self.block, self.memory, self.dtype, self.count = block, memory, block.dtype, block.count
        self.apart, self.bytes = apart(block.walk, block.size), None
        self.all = np.concatenate([block.row(number) for number in range(rows)])
        self.all_apart = apart(self.all, block.size)

    def read_all(self, rows: int) -> np.ndarray:
        return self.memory.read(self.all, self.dtype).reshape(rows, self.count)

    def write_all(self, values: np.ndarray) -> None:
        self.memory.write(self.all, values.ravel())

    def read(self, number: int, first=0, count=None) -> np.ndarray:
        return self.memory.read(self._addresses(number, first, count), self.dtype)

    def write(self, number: int, values: np.ndarray, first=0) -> None:
        self.memory.write(self._addresses(number, first, values.size), values)

    def _addresses(self, number: int, first, count) -> np.ndarray:
        row = self.block.row(number)
        return row if count is None else row[first:first + count]


def _move_row(op: str, dst, to: int, src, number: int) -> None:
    values = src.read(number)
    if op == "WRITE":
        dst.write(to, cast(values, src.dtype, dst.dtype))
        return
    new = to_f32(values, src.dtype)
    if dst.apart:
        dst.write(to, _combine(op, dst.read(to), new, dst.dtype))
        return
    for i in range(new.size):  # one by one: each sees the one before
        dst.write(to, _combine(op, dst.read(to, i, 1), new[i:i + 1], dst.dtype), i)


def _combine(op: str, old: np.ndarray, new: np.ndarray, dtype: str) -> np.ndarray:
    return from_f32(arithmetic(op, to_f32(old, dtype), new), dtype)


def _move(m, o, dst, src, rows: int) -> None:
    if dst.count != src.count:
        raise NotImplementedError("the sides differ: no program of the tests does that")
    op = m.enum(o, "op", m.spec.DmaOp)
    together = (dst.bytes is None or dst.bytes is not src.bytes) and dst.all_apart  # nothing written is read again
    if not together or not _move_together(op, dst, src, rows):
        for row in range(rows):
            _move_row(op, dst, row, src, row)


def _move_together(op: str, dst, src, rows: int) -> bool:
    """All rows at once; False, and nothing has changed, if that faults."""
    try:
        values = src.read_all(rows)
        if op == "WRITE":
            dst.write_all(cast(values, src.dtype, dst.dtype))
        else:
            dst.write_all(_combine(op, dst.read_all(rows), to_f32(values, src.dtype), dst.dtype))
    except MemoryFault:
        return False
    return True


def _tile(m, o, name: str, core=None) -> _TileRows:
    return _TileRows(m.tile(o, name), (core or m).memory)


def _block(m, t, o, name: str, rows: int, dtype: str | None = None) -> _BlockRows:
    return _BlockRows(Block(o[name], t.args, m.registers, m.spec, dtype), t.memory, rows)


def dma_load(m, t, o) -> None:
    dst = _tile(m, o, "dst")
    _move(m, o, dst, _block(m, t, o, "src", dst.rows, dst.dtype), dst.rows)


def dma_store(m, t, o) -> None:
    src = _tile(m, o, "src")
    _move(m, o, _block(m, t, o, "dst", src.rows, src.dtype), src, src.rows)


def dma_copy(m, t, o) -> None:
    _move(m, o, _block(m, t, o, "dst", o["rows"]), _block(m, t, o, "src", o["rows"]), o["rows"])


def dma_tile(m, t, o) -> None:
    src = _tile(m, o, "src")
    _move(m, o, _tile(m, o, "dst"), src, src.rows)


def dma_send(m, t, o) -> None:
    core = int(m.registers[o["rank"]])
    src = _tile(m, o, "src")
    _move(m, {}, _tile(m, o, "dst", t.machines[core]), src, src.rows)
    if o.get("value", 0):
        t.semaphores[core].update("ADD", o["sem"], o["value"])


def _indexed(m, o, partitions: int, move) -> None:
    index = m.memory.read(m.tile(o, "index"))[:, 0].astype(np.int64)
    for p in range(partitions):
        i = int(index[p])
        if 0 <= i < o["bound"]:
            move(p, i)
        elif m.enum(o, "oob", m.spec.OobMode) == "FAULT":
            raise Fault("INDEX_RANGE", i % 2**64)


def dma_gather(m, t, o) -> None:
    dst, op = _tile(m, o, "dst"), m.enum(o, "op", m.spec.DmaOp)
    src = _block(m, t, o, "src", 1, dst.dtype)
    _indexed(m, o, dst.rows, lambda p, i: _move_row(op, dst, p, src, i))


def dma_scatter(m, t, o) -> None:
    src, op = _tile(m, o, "src"), m.enum(o, "op", m.spec.DmaOp)
    dst = _block(m, t, o, "dst", 1, src.dtype)
    _indexed(m, o, src.rows, lambda p, i: _move_row(op, dst, i, src, p))


def dma_transpose(m, t, o) -> None:
    m.put_bits(m.tile(o, "dst"), m.bits(m.tile(o, "src")).T)


def dma_reduce(m, t, o) -> None:
    dst = _tile(m, o, "dst")
    src = Block(o["src"], t.args, m.registers, m.spec, dst.dtype)
    for p in range(dst.rows):
        acc = None
        for k in range(o["sources"]):
            x = to_f32(t.memory.read(src.row(p, k * o.get("source_stride", 0)), src.dtype), src.dtype)
            acc = x if acc is None else arithmetic("ADD", acc, x)
        dst.write(p, from_f32(acc, dst.dtype))


_FUNCTIONS = (dma_load, dma_store, dma_copy, dma_tile, dma_send, dma_gather, dma_scatter, dma_transpose, dma_reduce)
TABLE = {function.__name__.upper(): function for function in _FUNCTIONS}
