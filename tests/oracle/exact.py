# SPDX-License-Identifier: MIT
"""Reference arithmetic in rationals: slow, obvious, and without floating point."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

# precision in bits, exponent of the smallest and of the largest normal number
FORMATS = {"BF16": (8, -126, 127), "F16": (11, -14, 15), "F32": (24, -126, 127), "TF32": (11, -126, 127), "F8E4M3": (4, -6, 7),
           "F8E5M2": (3, -14, 15), "F8E3M4": (5, -2, 3), "F8E4M3FN": (4, -6, 7)}
WIDTHS = {"BF16": 16, "F16": 16, "F32": 32, "TF32": 19, "F8E4M3": 8, "F8E5M2": 8, "F8E3M4": 8, "F8E4M3FN": 8}


def round_half_even(value: Fraction) -> int:
    low = value.numerator // value.denominator
    rest = value - low
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2):
        return low + 1
    return low


def encode(value: Fraction, name: str, negative_zero: bool = False) -> int:
    """Code of the number of the format nearest to `value`, ties to even, overflow to infinity."""
    precision, low, high = FORMATS[name]
    mantissa_bits = precision - 1
    sign = 1 if value < 0 or (value == 0 and negative_zero) else 0
    width = WIDTHS[name]
    magnitude = abs(value)
    exponent = low
    if magnitude:
        exponent = max(low, _floor_log2(magnitude))
    integer = round_half_even(magnitude / (Fraction(2) ** (exponent - mantissa_bits)))
    if integer >= 2**precision:
        integer //= 2
        exponent += 1
    if exponent > high:
        code = (2 * high + 1) << mantissa_bits
    elif integer < 2**mantissa_bits:
        code = integer  # subnormal
    else:
        code = ((exponent + high) << mantissa_bits) + integer - 2**mantissa_bits
    return sign << (width - 1) | code


def _floor_log2(value: Fraction) -> int:
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def decode(code: int, name: str):
    """Fraction, or 'nan', 'inf', '-inf'."""
    precision, low, high = FORMATS[name]
    mantissa_bits = precision - 1
    width = WIDTHS[name]
    sign = -1 if code >> (width - 1) else 1
    exponent = (code >> mantissa_bits) & (2 * high + 1)
    mantissa = code & (2**mantissa_bits - 1)
    if exponent == 2 * high + 1:
        return "nan" if mantissa else ("-inf" if sign < 0 else "inf")
    if exponent == 0:
        return sign * Fraction(mantissa) * Fraction(2) ** (low - mantissa_bits)
    return sign * (mantissa + 2**mantissa_bits) * Fraction(2) ** (exponent - high - mantissa_bits)


def fma_f32(a: float, b: float, c: float) -> int:
    """Bits of fused a * b + c; NaN gives the canonical one. Arguments are fp32 values."""
    if not all(map(math.isfinite, (a, b, c))):
        special = a * b + c  # infinities and NaN follow the same rules in fp64
        return 0x7FC00000 if math.isnan(special) else int(np.float32(special).view(np.uint32))
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    product_negative = math.copysign(1, a) * math.copysign(1, b) < 0
    both_negative = product_negative and math.copysign(1, c) < 0
    return encode(exact, "F32", negative_zero=both_negative)
