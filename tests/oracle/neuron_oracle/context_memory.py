# SPDX-License-Identifier: MIT
"""The memory of a context, and the elements that a memory operand (struct mem of the reference) names in it."""

from __future__ import annotations

import numpy as np

from .casts import STORAGE
from .machine import Fault

_WORD = 2**64


class MemoryFault(Fault):
    """An access that the page tables refuse; `va`: the first context address that failed."""

    def __init__(self, code: str, va: int, write: bool):
        super().__init__(code, 0)
        self.va, self.write = va, write


class ContextMemory:
    """Areas of bytes at context addresses; everything else is not mapped."""

    def __init__(self):
        self.areas: list[tuple[int, np.ndarray, bool]] = []

    def add(self, va: int, size: int, writable: bool = True) -> np.ndarray:
        """A new area of zeros; returns its bytes."""
        data = np.zeros(size, dtype=np.uint8)
        self.areas.append((va, data, writable))
        return data

    def _find(self, addresses: np.ndarray, write: bool) -> tuple[np.ndarray, np.ndarray]:
        """The area that holds all the bytes, and where they are in it."""
        low, high = int(addresses.min()), int(addresses.max())
        for va, data, writable in self.areas:
            if va <= low and high < va + data.size:
                if write and not writable:
                    raise MemoryFault("PAGE_READ_ONLY", int(addresses.flat[0]), True)
                return data, addresses - va
        raise MemoryFault("PAGE_NOT_MAPPED", self._first_outside(addresses), write)

    def _first_outside(self, addresses: np.ndarray) -> int:
        for address in addresses.ravel():
            if not any(va <= address < va + data.size for va, data, _ in self.areas):
                return int(address)
        raise NotImplementedError("an access to two areas")

    def read(self, addresses: np.ndarray, dtype: str) -> np.ndarray:
        storage = STORAGE[dtype]
        data, places = self._find(addresses[:, None] + np.arange(storage.itemsize), False)
        return data[places].view(storage)[:, 0]

    def write(self, addresses: np.ndarray, values: np.ndarray) -> None:
        """Elements in this order; one that shares bytes with an earlier one overwrites them."""
        size = values.itemsize
        data, places = self._find(addresses[:, None] + np.arange(size), True)
        raw = np.ascontiguousarray(values).view(np.uint8).reshape(-1, size)
        if apart(addresses, size):
            data[places] = raw
            return
        for place, element in zip(places, raw):
            data[place] = element


def apart(addresses: np.ndarray, size: int) -> bool:
    """Whether elements of `size` bytes at these addresses have no byte in common."""
    return bool(np.all(np.diff(addresses) >= size) or np.all(np.diff(np.sort(addresses)) >= size))


class Block:
    """A memory operand with its registers added. `dtype`: that of the tile of the same instruction."""

    def __init__(self, fields: dict, args, registers: np.ndarray, spec, dtype: str | None = None):
        number = fields.get("dtype", 0)
        self.dtype = spec.Dtype(number).name if number else dtype
        self.size = STORAGE[self.dtype].itemsize
        register = int(registers[fields.get("reg", 0)].astype(np.int32)) << fields.get("shift", 0)
        self.base = (args[fields.get("arg", 0)] + fields.get("offset", 0) + register) % _WORD
        self.row_stride = fields.get("partition_stride", 0)
        walk = np.zeros(1, dtype=np.int64)
        for stride, num in zip(fields["stride"], fields["num"]):
            walk = (np.arange(num, dtype=np.int64)[:, None] * stride + walk[None, :]).ravel()
        self.walk = walk
        self.count = walk.size

    def row(self, number: int, shift: int = 0) -> np.ndarray:
        """Addresses of the elements of a row."""
        return (self.base + number * self.row_stride + shift) + self.walk
