# SPDX-License-Identifier: MIT
"""Enum tensor_op: operations on elements, and reductions with them in the fixed order of sums."""

from __future__ import annotations

import numpy as np

from .casts import canonical_nan

_ONE = np.float32(1)
COMPARISONS = ("IS_EQUAL", "NOT_EQUAL", "IS_GT", "IS_GE", "IS_LT", "IS_LE")
EXACT_ON_INTEGERS = ("BYPASS", "ADD", "SUBTRACT", "MULT", "MAX", "MIN", "ABS", *COMPARISONS)
LOGICAL = ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_XOR")
NEUTRAL = {"ADD": 0.0, "SUBTRACT": 0.0, "MULT": 1.0, "MAX": -np.inf, "MIN": np.inf}


def _maximum(a, b):
    # np.maximum hands NaN on, but does not order the zeros.
    larger = np.maximum(a, b)
    return np.where((a == 0) & (b == 0), np.where(np.signbit(a) & np.signbit(b), np.float32(-0.0), np.float32(0.0)), larger)


def _minimum(a, b):
    return -_maximum(-a, -b)


def _by_magnitude(a, b, choose_a):
    return np.where(np.isnan(a) | np.isnan(b), np.float32(np.nan), np.where(choose_a, a, b))


_COMPARE = {"IS_EQUAL": np.equal, "NOT_EQUAL": np.not_equal, "IS_GT": np.greater, "IS_GE": np.greater_equal,
            "IS_LT": np.less, "IS_LE": np.less_equal}
_LOGIC = {"LOGICAL_AND": np.logical_and, "LOGICAL_OR": np.logical_or, "LOGICAL_XOR": np.logical_xor}
_ARITHMETIC = {
    "BYPASS": lambda a, b: a,
    "ADD": np.add,
    "SUBTRACT": np.subtract,
    "MULT": np.multiply,
    "MAX": _maximum,
    "MIN": _minimum,
    "ABS": lambda a, b: np.abs(a),
    "RECIPROCAL": lambda a, b: _ONE / a,
    "SQUARE": lambda a, b: a * a,
    "RELU": lambda a, b: _maximum(a, np.float32(0)),
    "ABS_MAX": lambda a, b: _by_magnitude(a, b, np.abs(a) > np.abs(b)),
    "ABS_MIN": lambda a, b: _by_magnitude(a, b, np.abs(a) < np.abs(b)),
}


def compare(op: str, a, b) -> np.ndarray:
    """Whether a op b holds, for one of COMPARISONS."""
    with np.errstate(invalid="ignore"):
        return _COMPARE[op](a, b)


def arithmetic(op: str, a: np.ndarray, b: np.ndarray, inexact=None) -> np.ndarray:
    """a op b on fp32 arrays that broadcast; NaN is canonical. `inexact(op, a, b)` does POW and RSQRT."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32))
    if op in ("POW", "RSQRT"):
        return canonical_nan(inexact(op, a, b))
    with np.errstate(all="ignore"):
        if op in _COMPARE or op in _LOGIC:
            function = _COMPARE[op] if op in _COMPARE else lambda x, y: _LOGIC[op](x != 0, y != 0)
            return function(a, b).astype(np.float32)
        return canonical_nan(_ARITHMETIC[op](a, b).astype(np.float32))


def on_integers(op: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One of EXACT_ON_INTEGERS on int32 or uint32 arrays: wrapping."""
    a, b = np.broadcast_arrays(a, b)
    if op in _COMPARE:
        return _COMPARE[op](a, b).astype(a.dtype)
    modulus = 2**32
    if op in ("ADD", "SUBTRACT", "MULT", "ABS"):
        x, y = a.astype(np.uint32).astype(np.uint64), b.astype(np.uint32).astype(np.uint64)
        result = {"ADD": lambda: x + y, "SUBTRACT": lambda: x + np.uint64(modulus) - y, "MULT": lambda: x * y,
                  "ABS": lambda: np.where(a < 0, np.uint64(modulus) - x, x)}[op]()
        return result.astype(np.uint32).view(a.dtype)
    return {"BYPASS": lambda: a.copy(), "MAX": lambda: np.maximum(a, b), "MIN": lambda: np.minimum(a, b)}[op]()


def bitwise(op: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """An operation on bits, on unsigned arrays of one type."""
    a, b = np.broadcast_arrays(a, b)
    width = 8 * a.itemsize
    if op == "BYPASS":
        return a.copy()
    if op in ("BITWISE_AND", "BITWISE_OR", "BITWISE_XOR", "BITWISE_NOT"):
        return {"BITWISE_AND": a & b, "BITWISE_OR": a | b, "BITWISE_XOR": a ^ b, "BITWISE_NOT": ~a}[op]
    wide, count = a.astype(np.uint64), np.minimum(b, width).astype(np.uint64)  # 64 bits shift by w without surprise
    if op in ("LOGICAL_SHIFT_LEFT", "ARITH_SHIFT_LEFT"):
        result = wide << count
    elif op == "LOGICAL_SHIFT_RIGHT":
        result = wide >> count
    else:
        signed = a.view(f"i{a.itemsize}").astype(np.int64)
        result = (signed >> count.astype(np.int64)).view(np.uint64)
    return result.astype(a.dtype)


def fold(op: str, values: np.ndarray) -> np.ndarray:
    """Reduces the last axis of fp32 `values` by ADD, MULT, MAX or MIN in the fixed order of sums."""
    lanes = canonical_nan(values[..., :16])
    for first in range(16, values.shape[-1], 16):
        row = values[..., first:first + 16]
        lanes[..., :row.shape[-1]] = arithmetic(op, lanes[..., :row.shape[-1]], row)
    for distance in (8, 4, 2, 1):
        high = lanes[..., distance:]  # none of it where there are fewer lanes
        lanes = lanes[..., :distance]
        lanes[..., :high.shape[-1]] = arithmetic(op, lanes[..., :high.shape[-1]], high)
    return lanes[..., 0]
