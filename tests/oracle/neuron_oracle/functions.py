# SPDX-License-Identifier: MIT
"""Functions of the scalar engine and of GpSimd: the exact ones, and fp64 references for those with a tolerance."""

from __future__ import annotations

import math

import numpy as np

from .casts import canonical_nan
from .operations import arithmetic

_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)
SIN_LIMIT = np.uint32(0x40490FDB).view(np.float32)  # pi, rounded up to fp32
_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])

_EXACT = {
    "COPY": lambda x: x,
    "SQUARE": lambda x: x * x,
    "ABS": np.abs,
    "SIGN": lambda x: np.where(x > 0, np.float32(1), np.where(x < 0, np.float32(-1), x)),
    "RELU": lambda x: arithmetic("RELU", x, x),
    "SQRT": np.sqrt,  # IEEE 754: rounded once
    "RECIPROCAL": lambda x: np.float32(1) / x,
}
EXACT = (*_EXACT, "PRELU")


def exact_activation(name: str, x: np.ndarray, param: np.float32) -> np.ndarray:
    """One of EXACT of fp32 values."""
    with np.errstate(all="ignore"):
        if name == "PRELU":
            return canonical_nan(np.where(x >= 0, x, x * param).astype(np.float32))
        return canonical_nan(_EXACT[name](x).astype(np.float32))


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _normal_integral(x):
    return 0.5 * _erfc(-x / math.sqrt(2))


def _times(x, weight):
    """x * weight, where a weight that is zero wins: the limit at -inf of what decays faster than x grows."""
    return np.where(weight == 0, 0 * np.sign(x), x * weight)


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _mish(x):
    e = np.exp(np.minimum(x, 40))
    return _times(x, (e * e + 2 * e) / (e * e + 2 * e + 2))  # tanh(ln(1 + e)), in a form without cancellation


def _gelu_tanh(x):
    u = _ROOT_2_OVER_PI * (x + 0.044715 * x * x * x)
    return _times(x, _sigmoid(2 * u))  # (1 + tanh(u)) / 2


def _sigmoid_product_dx(x, factor):
    z = factor * x
    return _sigmoid(z) + _times(z, _sigmoid(z) * _sigmoid(-z))


REFERENCES = {
    "SIGMOID": _sigmoid,
    "TANH": np.tanh,
    "EXP": np.exp,
    "LOG": lambda x: np.where(x < 0, np.nan, np.log(np.abs(x))),
    "RSQRT": lambda x: np.where(x < 0, np.nan, np.copysign(1 / np.sqrt(np.abs(x)), x)),
    "GELU": lambda x: _times(x, _normal_integral(x)),
    "GELU_DX": lambda x: _normal_integral(x) + _times(x, np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)),
    "GELU_TANH": _gelu_tanh,
    "GELU_SIGMOID": lambda x: _times(x, _sigmoid(1.702 * x)),
    "GELU_SIGMOID_DX": lambda x: _sigmoid_product_dx(x, 1.702),
    "SILU": lambda x: _times(x, _sigmoid(x)),
    "SILU_DX": lambda x: _sigmoid_product_dx(x, 1.0),
    "SOFTPLUS": _softplus,
    "MISH": _mish,
    "ERF": _erf,
    "ERF_DX": lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x),
    "SIN": lambda x: np.where(np.abs(x) <= SIN_LIMIT, np.sin(x), np.nan),
    "ARCTAN": np.arctan,
}


def reference(name: str, x: np.ndarray) -> np.ndarray:
    """fp64 value of an inexact activation at fp32 values."""
    with np.errstate(all="ignore"):
        return REFERENCES[name](x.astype(np.float64))


def reference_power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.power(a.astype(np.float64), b.astype(np.float64))


def within_one_ulp(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Whether fp32 `got` lies within one unit in the last place of fp64 `want`.

    Beyond the largest number units go on as if the exponent had no end; infinity stands for the next number there.
    A zero may have either sign.
    """
    nan = np.isnan(got) | np.isnan(want)
    limit = 2.0**128
    with np.errstate(all="ignore"):
        value = np.clip(np.where(nan, 0, want), -limit, limit)
        binade = np.clip(np.frexp(np.abs(value))[1] - 1, -126, 127)
        unit = np.ldexp(1.0, binade - 23)
        seen = np.clip(np.where(nan, 0, got).astype(np.float64), -limit, limit)
        close = np.abs(seen - value) <= unit * (1 + 1e-6)  # what fp64 itself may be off
    return np.where(nan, np.isnan(got) & np.isnan(want), close)
