#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The oracle against rational arithmetic: what it says must be right before anything is compared with it."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build" / "spec"))
sys.dont_write_bytecode = True

import exact
import samples
from neuron_oracle import STORAGE, cast, fma32, from_f32, matmul, products_are_exact, to_f32
from tap import case, equal, main

RNG_SEED = 20240


def bits_equal(got: np.ndarray, want: np.ndarray, describe) -> None:
    got_codes = np.ascontiguousarray(got).view(f"u{got.dtype.itemsize}").ravel()
    want_codes = np.ascontiguousarray(want).view(f"u{want.dtype.itemsize}").ravel()
    wrong = np.flatnonzero(got_codes != want_codes)
    if wrong.size:
        i = int(wrong[0])
        raise AssertionError(f"{wrong.size} of {got_codes.size} differ, first {describe(i)}: "
                             f"got {int(got_codes[i]):#x}, want {int(want_codes[i]):#x}")


def check_fma(a, b, c) -> None:
    got = fma32(a, b, c)
    got_bits = np.where(np.isnan(got), np.uint32(0x7FC00000), got.view(np.uint32)).astype(np.uint32)
    want = np.array([exact.fma_f32(float(x), float(y), float(z)) for x, y, z in zip(a, b, c)], dtype=np.uint32)
    bits_equal(got_bits, want, lambda i: f"{a[i]!r} * {b[i]!r} + {c[i]!r}")


@case("the storage types cover the dtypes of the contract, with their sizes")
def storage_types(_folder):
    import neuron_spec
    equal(set(STORAGE), {member.name for member in neuron_spec.Dtype}, "dtypes")
    for member in neuron_spec.Dtype:
        equal(STORAGE[member.name].itemsize, neuron_spec.DTYPE_BYTES[member], member.name)


@case("fma32 equals rational arithmetic on edge values")
def fma_edges(_folder):
    edges = samples.EDGES_F32.view(np.float32)
    some = edges[:24]
    a, b, c = (x.ravel() for x in np.meshgrid(some, some, some))
    check_fma(a, b, c)


@case("fma32 equals rational arithmetic where rounding is hard")
def fma_hard(_folder):
    check_fma(*samples.hard_fma_triples(np.random.default_rng(RNG_SEED), 15000))


@case("fma32 equals rational arithmetic on any bits")
def fma_random(_folder):
    rng = np.random.default_rng(RNG_SEED + 1)
    check_fma(*(samples.random_f32_bits(rng, 4000).view(np.float32) for _ in range(3)))


@case("fma32 rounds once: a tie of the fp64 sum is broken by what fp64 lost")
def fma_double_rounding(_folder):
    # The exact sum is 2^-70 below a tie of fp32, closer than fp64 can tell: by way of fp64 it would go up to even.
    c = np.float32([1 + 2.0**-23])
    near = fma32(np.float32([1 + 2.0**-23]), np.float32([2.0**-24 - 2.0**-47]), c)
    equal(float(near[0]), float(c[0]), "just below the tie")
    above = fma32(np.float32([1 + 2000 * 2.0**-23]), np.float32([2.0**-24 * (1 - 3999 * 2.0**-24)]), np.float32([1.0]))
    equal(float(above[0]), 1 + 2.0**-23, "less than one bit of fp64 above the tie")
    tie = fma32(np.float32([1.0]), np.float32([2.0**-24]), c)
    equal(float(tie[0]), 1 + 2.0**-22, "the tie")


@case("to_f32 of every 16-bit float code")
def widen_exhaustive(_folder):
    codes = np.arange(65536, dtype=np.uint16)
    for name in ("BF16", "F16"):
        want = []
        for code in range(65536):
            value = exact.decode(code, name)
            special = {"nan": 0x7FC00000, "inf": 0x7F800000, "-inf": 0xFF800000}
            want.append(special[value] if isinstance(value, str) else exact.encode(value, "F32", code >> 15 == 1))
        bits_equal(to_f32(codes.view(STORAGE[name]), name), np.array(want, dtype=np.uint32), lambda i: f"{name} {i:#x}")


@case("from_f32 to the 16-bit floats at every code, tie and overflow")
def narrow_floats(_folder):
    rng = np.random.default_rng(RNG_SEED + 2)
    for name in ("BF16", "F16"):
        positive = to_f32(np.arange(0x7F80 if name == "BF16" else 0x7C00, dtype=np.uint16).view(STORAGE[name]), name)
        near = samples.near_codes_f32(positive)[::3]
        bits = np.concatenate([near, near | np.uint32(1 << 31), samples.EDGES_F32, samples.random_f32_bits(rng, 20000)])
        values = bits.view(np.float32)
        quiet = {"BF16": 0x7FC0, "F16": 0x7E00}[name]
        infinity = {"BF16": 0x7F80, "F16": 0x7C00}[name]
        want = []
        for code, value in zip(bits.tolist(), values.tolist()):
            if value != value:
                want.append(quiet)
            elif value in (float("inf"), float("-inf")):
                want.append(infinity | (code >> 16 & 0x8000))
            else:
                want.append(exact.encode(Fraction(value), name, code >> 31 == 1))
        bits_equal(from_f32(values, name), np.array(want, dtype=np.uint16), lambda i: f"{name} of {values[i]!r}")


@case("from_f32 to the integers rounds to even, saturates, and takes NaN for 0")
def narrow_integers(_folder):
    rng = np.random.default_rng(RNG_SEED + 3)
    halves = (np.concatenate([np.arange(-1000, 1000), np.arange(65000, 66000), np.arange(-66000, -65000), np.arange(130500, 131500)]) / 2).astype(np.float32)
    bits = np.concatenate([halves.view(np.uint32), samples.EDGES_F32, samples.random_f32_bits(rng, 20000)])
    values = bits.view(np.float32)
    for name in ("I8", "U8", "I16", "U16", "I32", "U32"):
        limits = np.iinfo(STORAGE[name])
        want = []
        for value in values.tolist():
            if value != value:
                want.append(0)
            elif value in (float("inf"), float("-inf")):
                want.append(limits.max if value > 0 else limits.min)
            else:
                want.append(min(max(exact.round_half_even(Fraction(value)), limits.min), limits.max))
        bits_equal(from_f32(values, name), np.array(want, dtype=STORAGE[name]), lambda i: f"{name} of {values[i]!r}")


@case("to_f32 of the integers rounds to even")
def widen_integers(_folder):
    rng = np.random.default_rng(RNG_SEED + 4)
    for name in ("I8", "U8", "I16", "U16", "I32", "U32"):
        limits = np.iinfo(STORAGE[name])
        ties = [s * (2**k + d) for s in (-1, 1) for k in range(24, 32) for d in range(-300, 300)]
        inside = [v for v in ties if limits.min <= v <= limits.max] or [0]
        values = np.concatenate([np.array(inside + [limits.min, limits.max], dtype=STORAGE[name]),
                                 rng.integers(limits.min, limits.max, 5000, dtype=STORAGE[name], endpoint=True)])
        want = np.array([exact.encode(Fraction(int(v)), "F32") for v in values], dtype=np.uint32)
        bits_equal(to_f32(values, name), want, lambda i: f"{name} {values[i]}")


@case("cast keeps the bits of equal types and goes through fp32 otherwise")
def cast_rules(_folder):
    signalling = np.array([0x7F800001], dtype=np.uint32).view(np.float32)
    equal(int(cast(signalling, "F32", "F32").view(np.uint32)[0]), 0x7F800001, "same type")
    equal(int(cast(np.array([0xFFFF], dtype=np.uint16), "BF16", "F32").view(np.uint32)[0]), 0x7FC00000, "NaN")
    equal(int(cast(np.array([2**31 - 1], dtype=np.int32), "I32", "U32")[0]), 2**31, "through fp32")
    equal(int(cast(np.array([2**24 + 1], dtype=np.int32), "I32", "I32")[0]), 2**24 + 1, "same integer type")


@case("a tensor in the wrong storage type is refused")
def wrong_storage(_folder):
    for call in (lambda: cast(np.zeros(3, np.float32), "BF16", "F32"), lambda: from_f32(np.zeros(3), "BF16"),
                 lambda: matmul(np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float16), "F32", "F16")):
        try:
            call()
        except TypeError:
            continue
        raise AssertionError("accepted")


@case("matmul equals a chain of exact multiply-adds, k ascending, and continues an accumulator")
def matmul_small(_folder):
    rng = np.random.default_rng(RNG_SEED + 5)
    for name, scale in (("BF16", 1.0), ("F16", 1.0), ("F32", 1.0), ("BF16", 1e-21), ("F16", 1e-4), ("F32", 1e-20), ("BF16", 1e19)):
        a = from_f32((rng.standard_normal((9, 5)) * scale).astype(np.float32), name)
        b = from_f32((rng.standard_normal((9, 6)) * scale).astype(np.float32), name)
        start = (rng.standard_normal((5, 6)) * scale * scale).astype(np.float32)
        got = matmul(a, b, name, name, start)
        wide_a, wide_b = to_f32(a, name), to_f32(b, name)
        want = np.zeros((5, 6), dtype=np.uint32)
        for m in range(5):
            for n in range(6):
                bits = int(start[m, n].view(np.uint32))
                for k in range(9):
                    acc = float(np.uint32(bits).view(np.float32))
                    bits = exact.fma_f32(float(wide_a[k, m]), float(wide_b[k, n]), acc)
                want[m, n] = bits
        bits_equal(got, want, lambda i: f"{name} at scale {scale}, element {i}")
        split = matmul(a[4:], b[4:], name, name, matmul(a[:4], b[:4], name, name, start))
        bits_equal(split, want, lambda i: f"{name} in two tiles, element {i}")


@case("matmul starts from +0 and makes NaN canonical")
def matmul_specials(_folder):
    def one(a, b, **kwargs):
        result = matmul(np.float32([[a]]), np.float32([[b]]), "F32", "F32", **kwargs)
        return int(result.view(np.uint32)[0, 0])
    equal(one(-1.0, 0.0), 0, "-0 on top of +0")
    equal(one(-1.0, 0.0, accumulator=np.float32([[-0.0]])), 0x80000000, "-0 on top of -0")
    equal(one(np.inf, 0.0), 0x7FC00000, "infinity times zero")
    equal(one(np.inf, -1.0), 0xFF800000, "infinity")
    payload = np.array([[0xFFC12345]], dtype=np.uint32).view(np.float32)
    equal(one(1.0, 1.0, accumulator=payload), 0x7FC00000, "NaN in PSUM")


@case("matmul's fast path equals its exact path, and is not taken where products are inexact")
def matmul_fast_path(_folder):
    rng = np.random.default_rng(RNG_SEED + 6)
    for name in ("BF16", "F16"):
        a = from_f32(rng.standard_normal((70, 40)).astype(np.float32), name)
        b = from_f32(rng.standard_normal((70, 130)).astype(np.float32), name)
        if not products_are_exact(to_f32(a, name), to_f32(b, name), 22):
            raise AssertionError(f"{name}: the fast path is not taken for ordinary values")
        bits_equal(matmul(a, b, name, name), matmul(a, b, name, name, exact_path=True), lambda i: f"{name} element {i}")
    tiny, huge = np.float32([[1e-30]]), np.float32([[1e30]])
    equal(products_are_exact(tiny, tiny, 16), False, "underflow")
    equal(products_are_exact(huge, huge, 16), False, "overflow")
    equal(products_are_exact(tiny, huge, 16), True, "in range")
    equal(products_are_exact(tiny, huge, 48), False, "too many bits")


if __name__ == "__main__":
    sys.exit(main())
