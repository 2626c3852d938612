# SPDX-License-Identifier: MIT
"""SBUF and PSUM of a core, and the elements that a tile names in them."""

from __future__ import annotations

import numpy as np

from .casts import STORAGE


class Tile:
    """A tile as the instruction describes it, with its register added: fields as in struct tile of the reference."""

    def __init__(self, fields: dict, registers: np.ndarray, spec):
        self.partition, self.partitions = fields.get("partition", 0), fields["partitions"]
        self.space = spec.Space(fields.get("space", 0)).name
        self.dtype = spec.Dtype(fields["dtype"]).name
        self.size = STORAGE[self.dtype].itemsize
        self.steps, self.nums = list(fields["step"]), list(fields["num"])
        self.start = fields.get("offset", 0) + int(registers[fields.get("reg", 0)])
        walk = np.zeros(1, dtype=np.int64)
        for step, num in zip(self.steps, self.nums):  # innermost first: each further dimension varies slower
            walk = (np.arange(num)[:, None] * step + walk[None, :]).ravel()
        self.bytes = self.start + walk * self.size
        self.count = walk.size

    def indices(self) -> np.ndarray:
        """[4, count]: i0 .. i3 of each element of the walk."""
        shape = tuple(self.nums[::-1])
        return np.stack(np.unravel_index(np.arange(self.count), shape)[::-1])


class Memory:
    """Bytes [128, size] per space."""

    def __init__(self, sbuf_bytes: int, psum_bytes: int, partitions: int = 128):
        self.spaces = {"SBUF": np.zeros((partitions, sbuf_bytes), dtype=np.uint8),
                       "PSUM": np.zeros((partitions, psum_bytes), dtype=np.uint8)}

    def read(self, tile: Tile) -> np.ndarray:
        """[partitions, elements] in the storage type."""
        rows = self.spaces[tile.space].view(STORAGE[tile.dtype])[tile.partition:tile.partition + tile.partitions]
        return rows[:, tile.bytes // tile.size]

    def write(self, tile: Tile, values: np.ndarray, where: np.ndarray | None = None) -> None:
        """The other way. An element that the walk names twice keeps what came last. `where`: elements to write."""
        rows = self.spaces[tile.space].view(STORAGE[tile.dtype])[tile.partition:tile.partition + tile.partitions]
        columns = tile.bytes // tile.size
        if where is None and np.unique(columns).size == columns.size:
            rows[:, columns] = values
            return
        for i, column in enumerate(columns):
            chosen = slice(None) if where is None else where[:, i]
            rows[chosen, column] = values[chosen, i]
