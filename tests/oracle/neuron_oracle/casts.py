# SPDX-License-Identifier: MIT
"""Element types and the conversions of instruction COPY."""

from __future__ import annotations

import numpy as np

# NumPy has no bfloat16, TF32 or 8-bit floats: such a tensor is an array of its codes.
STORAGE = {
    "BF16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "I16": np.dtype("<i2"),
    "U16": np.dtype("<u2"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "TF32": np.dtype("<u4"),
    "F8E4M3": np.dtype("u1"),
    "F8E5M2": np.dtype("u1"),
    "F8E3M4": np.dtype("u1"),
    "F8E4M3FN": np.dtype("u1"),
}

# Narrow float types: exponent bits, mantissa bits, zero bits below the mantissa. The bias is that of IEEE 754.
FORMATS = {
    "BF16": (8, 7, 0),
    "F16": (5, 10, 0),
    "TF32": (8, 10, 13),
    "F8E4M3": (4, 3, 0),
    "F8E5M2": (5, 2, 0),
    "F8E3M4": (3, 4, 0),
    "F8E4M3FN": (4, 3, 0),
}
WITHOUT_INFINITY = ("F8E4M3FN",)
INTEGERS = ("I8", "U8", "I16", "U16", "I32", "U32")

_NAN_F32 = np.uint32(0x7FC00000)
# Values that a rounding of many bits has to tell apart are fp64 here: fp32 values and their roundings are exact in it.


def _stored(values, dtype: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype != STORAGE[dtype]:
        raise TypeError(f"a {dtype} tensor is stored as {STORAGE[dtype]}, not as {array.dtype}")
    return np.ascontiguousarray(array)


def _codes(dtype: str) -> np.dtype:
    return np.dtype(f"<u{STORAGE[dtype].itemsize}")


def canonical_nan(values: np.ndarray) -> np.ndarray:
    """fp32 values with each NaN replaced by the canonical one."""
    bits = np.array(values, dtype=np.float32, copy=True, order="C", ndmin=1)
    bits[np.isnan(bits)] = _NAN_F32.view(np.float32)
    return bits.reshape(np.shape(values))


def _decode(codes: np.ndarray, dtype: str) -> np.ndarray:
    """fp32 of codes of a narrow float type."""
    exponent_bits, mantissa_bits, low = FORMATS[dtype]
    wide = codes.astype(np.int64) >> low
    mantissa = wide & ((1 << mantissa_bits) - 1)
    exponent = (wide >> mantissa_bits) & ((1 << exponent_bits) - 1)
    top = (1 << exponent_bits) - 1
    bias = top >> 1
    significand = np.where(exponent > 0, mantissa + (1 << mantissa_bits), mantissa).astype(np.float64)
    value = np.ldexp(significand, np.maximum(exponent, 1) - bias - mantissa_bits)
    if dtype in WITHOUT_INFINITY:
        value = np.where((exponent == top) & (mantissa == (1 << mantissa_bits) - 1), np.nan, value)
    else:
        value = np.where(exponent == top, np.where(mantissa == 0, np.inf, np.nan), value)
    negative = (wide >> (mantissa_bits + exponent_bits)) & 1
    return canonical_nan(np.where(negative == 1, -value, value).astype(np.float32))


_TABLES: dict[str, np.ndarray] = {}


def to_f32(values, dtype: str) -> np.ndarray:
    """To fp32: exact for the float types, nearest even for the integers. Every NaN becomes the canonical one."""
    array = _stored(values, dtype)
    if dtype == "F32":
        return canonical_nan(array)
    if dtype == "TF32":
        return canonical_nan((array & np.uint32(0xFFFFE000)).view(np.float32))
    if dtype in FORMATS:
        if dtype not in _TABLES:
            _TABLES[dtype] = _decode(np.arange(1 << 8 * array.itemsize), dtype)
        return _TABLES[dtype][array.view(_codes(dtype))]
    return array.astype(np.float64).astype(np.float32)  # fp64 holds every 32-bit integer: one rounding


def _to_narrow(values: np.ndarray, dtype: str, random_words) -> np.ndarray:
    exponent_bits, mantissa_bits, low = FORMATS[dtype]
    bias = (1 << (exponent_bits - 1)) - 1
    with np.errstate(invalid="ignore"):  # signalling NaN
        wide = values.astype(np.float64)
    finite = np.isfinite(wide)
    magnitude = np.where(finite, np.abs(wide), 0.0)
    # frexp gives 0.5 <= m < 1: the leading bit is worth 2^(exponent - 1). Subnormals share the binade of the smallest
    # normal number, 2^(1 - bias).
    binade = np.where(magnitude > 0, np.maximum(np.frexp(magnitude)[1] - 1, 1 - bias), 1 - bias)
    steps = np.ldexp(magnitude, mantissa_bits - binade)  # the value in units of the last place: exact
    if random_words is None:
        rounded = np.rint(steps)
    else:
        below = np.floor(steps)
        fraction = np.ldexp(steps - below, 24)
        rounded = below + ((np.asarray(random_words, dtype=np.uint32) >> np.uint32(8)).astype(np.float64) < fraction)
    # A carry into the next binade adds 1 to the exponent field by itself.
    codes = ((binade + bias - 1).astype(np.int64) << mantissa_bits) + rounded.astype(np.int64)
    sign = np.signbit(wide).astype(np.int64) << (mantissa_bits + exponent_bits)
    infinity = ((1 << exponent_bits) - 1) << mantissa_bits
    if dtype in WITHOUT_INFINITY:
        largest, nan = infinity + (1 << mantissa_bits) - 2, infinity + (1 << mantissa_bits) - 1
        codes = np.where(finite, np.minimum(codes, largest), largest)
    else:
        nan = infinity + (1 << (mantissa_bits - 1))
        codes = np.where(finite, np.minimum(codes, infinity), infinity)
    codes = np.where(np.isnan(wide), nan, codes | sign) << low
    return codes.astype(_codes(dtype)).view(STORAGE[dtype])


def _to_integer(values: np.ndarray, dtype: str) -> np.ndarray:
    limits = np.iinfo(STORAGE[dtype])
    with np.errstate(invalid="ignore"):
        rounded = np.rint(np.where(np.isnan(values), np.float32(0), values).astype(np.float64))
    return np.clip(rounded, limits.min, limits.max).astype(STORAGE[dtype])


def from_f32(values, dtype: str, random_words=None) -> np.ndarray:
    """From fp32 to a type, rounding to nearest even; see instruction COPY in spec/isa/elementwise.toml.

    With `random_words`, an array of the shape of `values`, narrow float types round stochastically: see enum rounding.
    """
    array = _stored(values, "F32")
    if dtype == "F32":
        return canonical_nan(array)
    if dtype in FORMATS:
        return _to_narrow(array, dtype, random_words)
    return _to_integer(array, dtype)


def cast(values, source: str, destination: str, random_words=None) -> np.ndarray:
    """Instruction COPY: equal types keep their bits, others go through fp32."""
    if source == destination:
        return _stored(values, source).copy()
    return from_f32(to_f32(values, source), destination, random_words)
