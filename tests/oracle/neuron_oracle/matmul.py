# SPDX-License-Identifier: MIT
"""Instruction MATMUL, and any sequence of them that accumulates in one group."""

from __future__ import annotations

import numpy as np

from .casts import FORMATS, canonical_nan, to_f32
from .fma import fma32


def _bit_range(values: np.ndarray):
    """Exponents (lowest set bit, highest set bit) over the finite non-zero values; None if there are none."""
    finite = np.abs(values[np.isfinite(values) & (values != 0)].astype(np.float64))
    if finite.size == 0:
        return None
    mantissa, exponent = np.frexp(finite)
    integer = np.ldexp(mantissa, 53).astype(np.int64)
    low = exponent - 53 + np.frexp((integer & -integer).astype(np.float64))[1] - 1
    return int(low.min()), int(exponent.max()) - 1


def products_are_exact(a: np.ndarray, b: np.ndarray, significand_bits: int) -> bool:
    """Whether the product of every element of `a` with every one of `b` is an fp32 number (or NaN or infinity), given
    that products have at most `significand_bits`. Then fused and separate multiply-add agree."""
    ranges = _bit_range(a), _bit_range(b)
    if significand_bits > 24:
        return False
    if None in ranges:
        return True
    (a_low, a_high), (b_low, b_high) = ranges
    return a_low + b_low >= -149 and a_high + b_high + 2 <= 128


_SIGNIFICAND = {"F32": 24, **{name: mantissa + 1 for name, (_, mantissa, _) in FORMATS.items()}}
_WIDE = ("F32", "TF32")


def matmul(stationary, moving, stationary_dtype: str, moving_dtype: str, accumulator=None, exact_path=False):
    """dst[m, n] = accumulator[m, n] + sum over k of stationary[k, m] * moving[k, n], as the chip computes it.

    stationary [K, M] and moving [K, N] hold elements of their dtypes, K of any size: K tiles that accumulate in one PSUM
    group are one long k. Fused multiply-add in fp32, k ascending, from +0 if `accumulator` (fp32 [M, N]) is None.
    Returns fp32 [M, N]. `exact_path` forces the slow fused path where the fast one would do (for tests).
    """
    if (stationary_dtype in _WIDE) != (moving_dtype in _WIDE):
        raise TypeError("F32 and TF32 go with F32 and TF32 only")
    a = to_f32(stationary, stationary_dtype)
    b = to_f32(moving, moving_dtype)
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[0]:
        raise ValueError(f"stationary {a.shape} and moving {b.shape} need the same first dimension")
    if accumulator is None:
        acc = np.zeros((a.shape[1], b.shape[1]), dtype=np.float32)
    else:
        acc = np.array(accumulator, dtype=np.float32)

    significand_bits = _SIGNIFICAND[stationary_dtype] + _SIGNIFICAND[moving_dtype]
    if not exact_path and products_are_exact(a, b, significand_bits):
        _accumulate_exact_products(a, b, acc)
    else:
        for k in range(a.shape[0]):
            acc = fma32(a[k][:, None], b[k][None, :], acc)
    return canonical_nan(acc)


def _accumulate_exact_products(a: np.ndarray, b: np.ndarray, acc: np.ndarray) -> None:
    """acc += products, k by k. A few rows at a time, so that they stay in the cache while k goes by."""
    rows_at_once = max(1, (64 * 1024) // max(1, acc.shape[1]))
    with np.errstate(all="ignore"):
        for first in range(0, acc.shape[0], rows_at_once):
            rows = slice(first, first + rows_at_once)
            block = np.ascontiguousarray(acc[rows])
            product = np.empty_like(block)
            for k in range(a.shape[0]):
                np.multiply(a[k, rows, None], b[k][None, :], out=product)
                np.add(block, product, out=block)
            acc[rows] = block
