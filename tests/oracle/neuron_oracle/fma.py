# SPDX-License-Identifier: MIT
"""Fused multiply-add in fp32, vectorised, for hosts and NumPy versions that have none."""

from __future__ import annotations

import numpy as np


def _sum_to_odd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b in fp64, rounded to odd: an inexact sum becomes the one of its two neighbours whose last bit is set."""
    total = a + b
    # Knuth's TwoSum: the rounding error of the sum, exact for finite values.
    b_part = total - a
    error = (a - (total - b_part)) + (b - b_part)
    even_and_inexact = (error != 0) & np.isfinite(total) & ((total.view(np.uint64) & np.uint64(1)) == 0)
    if not even_and_inexact.any():
        return total
    toward = np.where(error > 0, np.inf, -np.inf)
    return np.where(even_and_inexact, np.nextafter(total, toward), total)


def fma32(a, b, c) -> np.ndarray:
    """round_fp32(a * b + c) with a single rounding to nearest even; the three broadcast. NaNs come out as any NaN.

    The product of two fp32 values is exact in fp64. Rounding the sum to odd there keeps what the final rounding to
    fp32, 29 bits shorter, has to know: whether the exact value is below, at or above a tie.
    """
    with np.errstate(all="ignore"):
        wide = [np.asarray(x, dtype=np.float32).astype(np.float64) for x in (a, b, c)]
        product, addend = np.broadcast_arrays(wide[0] * wide[1], wide[2])
        return _sum_to_odd(product, addend).astype(np.float32)
