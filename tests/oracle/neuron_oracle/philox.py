# SPDX-License-Identifier: MIT
"""Philox-4x32-10, and the random words that the engines take from it; see instruction SET_RNG_SEED."""

from __future__ import annotations

import numpy as np

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox4x32_10(counter, key) -> np.ndarray:
    """counter: four, key: two words, each an int or an array. Returns uint32 [..., 4]."""
    parts = np.broadcast_arrays(*(np.asarray(word, dtype=np.uint64) for word in (*counter, *key)))
    c0, c1, c2, c3, k0, k1 = parts
    for _ in range(10):
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (second >> _HALF) ^ c1 ^ k0, second & _MASK, (first >> _HALF) ^ c3 ^ k1, first & _MASK
        k0, k1 = (k0 + np.uint64(_WEYL[0])) & _MASK, (k1 + np.uint64(_WEYL[1])) & _MASK
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def words(seed: int, engine: int, partitions, first: int, count: int) -> np.ndarray:
    """Words first .. first + count - 1 of the streams of some partitions: uint32 [len(partitions), count]."""
    lowest = first // 4
    blocks = (first + count + 3) // 4 - lowest
    numbers = [(lowest + i) % 2**62 for i in range(blocks)]
    low = np.array([n & 0xFFFFFFFF for n in numbers], dtype=np.uint64)
    high = np.array([n >> 32 for n in numbers], dtype=np.uint64)
    key = np.asarray(partitions, dtype=np.uint64)[:, None]
    stream = philox4x32_10((low, high, engine, 0), (seed, key)).reshape(len(key), -1)
    return stream[:, first - 4 * lowest:][:, :count]
