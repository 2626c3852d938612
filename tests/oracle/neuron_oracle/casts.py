# SPDX-License-Identifier: MIT
"""Element types and the conversions of instruction COPY."""

from __future__ import annotations

import numpy as np

# NumPy has no bfloat16: a BF16 tensor is an array of its 16-bit codes.
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
}

_NAN_F32 = np.uint32(0x7FC00000)
_NAN_F16 = np.uint16(0x7E00)
_NAN_BF16 = np.uint16(0x7FC0)


def _stored(values, dtype: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype != STORAGE[dtype]:
        raise TypeError(f"a {dtype} tensor is stored as {STORAGE[dtype]}, not as {array.dtype}")
    return np.ascontiguousarray(array)


def canonical_nan(values: np.ndarray) -> np.ndarray:
    """fp32 values with each NaN replaced by the canonical one."""
    bits = np.array(values, dtype=np.float32, copy=True, order="C", ndmin=1)
    bits[np.isnan(bits)] = _NAN_F32.view(np.float32)
    return bits.reshape(np.shape(values))


def to_f32(values, dtype: str) -> np.ndarray:
    """To fp32: exact for the float types, nearest even for the integers. Every NaN becomes the canonical one."""
    array = _stored(values, dtype)
    if dtype == "BF16":
        return canonical_nan((array.astype(np.uint32) << np.uint32(16)).view(np.float32))
    if dtype in ("F16", "F32"):
        return canonical_nan(array.astype(np.float32))
    return array.astype(np.float64).astype(np.float32)  # fp64 holds every 32-bit integer: one rounding


def _to_bf16(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # signalling NaN
        wide = values.astype(np.float64)
    finite = np.isfinite(wide)
    magnitude = np.where(finite, np.abs(wide), 0.0)
    # frexp gives 0.5 <= m < 1: the leading bit of the value is worth 2^(exponent - 1), its last of 8 bits 2^(exponent - 8).
    # Subnormals of bf16 share the last bit of its smallest normal number, 2^-126.
    exponent = np.frexp(magnitude)[1]
    ulp = np.ldexp(1.0, np.maximum(exponent - 8, -126 - 7))
    rounded = np.rint(magnitude / ulp) * ulp  # exact steps but for rint, which goes to nearest even
    rounded = np.where(finite & (rounded < 2.0**128), rounded, np.inf)
    bits = np.copysign(rounded, wide).astype(np.float32).view(np.uint32)
    codes = (bits >> np.uint32(16)).astype(np.uint16)
    return np.where(np.isnan(wide), _NAN_BF16, codes).astype(STORAGE["BF16"])


def _to_f16(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        codes = values.astype(np.float16).view(np.uint16)
    return np.where(np.isnan(values), _NAN_F16, codes).astype(np.uint16).view(STORAGE["F16"])


def _to_integer(values: np.ndarray, dtype: str) -> np.ndarray:
    limits = np.iinfo(STORAGE[dtype])
    rounded = np.rint(np.where(np.isnan(values), np.float32(0), values).astype(np.float64))
    return np.clip(rounded, limits.min, limits.max).astype(STORAGE[dtype])


def from_f32(values, dtype: str) -> np.ndarray:
    """From fp32 to a type, rounding to nearest even; see instruction COPY in spec/isa.toml."""
    array = _stored(values, "F32")
    if dtype == "BF16":
        return _to_bf16(array)
    if dtype == "F16":
        return _to_f16(array)
    if dtype == "F32":
        return canonical_nan(array)
    return _to_integer(array, dtype)


def cast(values, source: str, destination: str) -> np.ndarray:
    """Instruction COPY: equal types keep their bits, others go through fp32."""
    if source == destination:
        return _stored(values, source).copy()
    return from_f32(to_f32(values, source), destination)
