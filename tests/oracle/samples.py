# SPDX-License-Identifier: MIT
"""Inputs that are hard to round, for the oracle's own tests and for those of the chip model."""

from __future__ import annotations

import numpy as np

EDGES_F32 = np.array(
    [0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x00800001, 0x3F800000, 0xBF800000, 0x3F7FFFFF,
     0x3F800001, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001, 0x7F800001, 0x33800000, 0x33000000,
     0x477FE000, 0x477FEFFF, 0x477FF000, 0x47800000, 0x38800000, 0x387FFFFF, 0x387FE000, 0x33000001, 0x32FFFFFF, 0x7F7F7FFF,
     0x7F7F8000, 0x7F7F0000, 0x00008000, 0x00008001, 0x00007FFF, 0x00018000, 0x3F000000, 0x3FC00000, 0x40200000, 0x42FF0000,
     0x42FE0000, 0x437F8000, 0x437F7FFF, 0x46FFFF00, 0x477FFF80, 0x4EFFFFFF, 0x4F000000, 0x4F7FFFFF, 0x4F800000, 0xCF000000,
     0xCF000001, 0xC3000000, 0xC3008000, 0xC3008001, 0xC7000080, 0xBF000000, 0xBF000001], dtype=np.uint32)


def random_f32_bits(rng: np.random.Generator, count: int) -> np.ndarray:
    """Any bit pattern: all exponents, NaN and infinities included."""
    return rng.integers(0, 2**32, count, dtype=np.uint32)


def near_codes_f32(codes_as_f32: np.ndarray) -> np.ndarray:
    """For each fp32 value (the codes of a narrower type): itself, its ties with its neighbours, and one ulp around both."""
    bits = codes_as_f32.view(np.uint32).astype(np.int64)
    ordered = np.unique(bits)
    middle = (ordered[:-1] + ordered[1:]) // 2
    around = np.concatenate([ordered, middle])
    return (around[:, None] + np.array([-1, 0, 1])).ravel().clip(0, 2**32 - 1).astype(np.uint32)


def hard_fma_triples(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """fp32 values whose fused sum lies near a rounding boundary: cancellation, ties broken by a far smaller part, results
    around the smallest normal number and around overflow."""
    def pick(low, high):
        mantissa = rng.integers(0, 2**23, count, dtype=np.uint32)
        sparse = np.where(rng.random(count) < 0.5, mantissa & np.uint32(0x700007), mantissa).astype(np.uint32)
        exponent = rng.integers(low, high, count).astype(np.uint32)
        sign = rng.integers(0, 2, count, dtype=np.uint32)
        return (sign << np.uint32(31) | exponent << np.uint32(23) | sparse).view(np.float32)

    a = pick(1, 254)
    # Put the exponent of b so that the product falls within 60 bits of c's, mostly.
    c = pick(1, 254)
    want = (c.view(np.uint32) >> 23 & 0xFF).astype(np.int64) + rng.integers(-60, 60, count)
    exponent_b = (want - (a.view(np.uint32) >> 23 & 0xFF).astype(np.int64) + 127).clip(0, 254).astype(np.uint32)
    b = ((pick(1, 254).view(np.uint32) & np.uint32(0x807FFFFF)) | exponent_b << np.uint32(23)).view(np.float32)
    # For a third, c is the negated rounded product or a neighbour of it: only the rounding error is left.
    with np.errstate(all="ignore"):
        product = (-(a.astype(np.float64) * b)).astype(np.float32)
    near = (product.view(np.int32) + rng.integers(-2, 3, count).astype(np.int32)).view(np.float32)
    c = np.where(rng.random(count) < 1 / 3, near, c).astype(np.float32)
    return a, b, c
