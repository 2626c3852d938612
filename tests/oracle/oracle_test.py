#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The oracle against rational arithmetic: what it says must be right before anything is compared with it."""

import re
import sys
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build" / "spec"))
sys.dont_write_bytecode = True

import exact
import samples
from neuron_oracle import FORMATS, STORAGE, cast, fma32, from_f32, matmul, philox4x32_10, products_are_exact, to_f32
from neuron_oracle.instructions import TABLE
from neuron_oracle.operations import arithmetic, bitwise, fold, on_integers
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


# From OCP's and IEEE's tables, and the reference: code, value.
NAMED_CODES = {
    "F8E4M3": ((0x77, 240.0), (0x78, np.inf), (0xF8, -np.inf), (0x7C, np.nan), (0x01, 2.0**-9), (0x08, 2.0**-6)),
    "F8E5M2": ((0x7B, 57344.0), (0x7C, np.inf), (0xFC, -np.inf), (0x7E, np.nan), (0x01, 2.0**-16), (0x04, 2.0**-14)),
    "F8E3M4": ((0x6F, 15.5), (0x70, np.inf), (0xF0, -np.inf), (0x78, np.nan), (0x01, 2.0**-6), (0x10, 2.0**-2)),
    "F8E4M3FN": ((0x7E, 448.0), (0xFE, -448.0), (0x7F, np.nan), (0x78, 256.0), (0x01, 2.0**-9), (0x08, 2.0**-6)),
    "TF32": ((0x7F7FE000, (2 - 2.0**-10) * 2.0**127), (0x7F800000, np.inf), (0x7FC00000, np.nan), (0x00002000, 2.0**-136)),
}


@case("named codes of the 8-bit floats and of TF32, both ways")
def named_codes(_folder):
    for name, pairs in NAMED_CODES.items():
        codes = np.array([code for code, _ in pairs], dtype=STORAGE[name])
        values = np.array([value for _, value in pairs], dtype=np.float32)
        bits_equal(from_f32(values, name), codes, lambda i, name=name: f"{name} of {values[i]!r}")
        np.testing.assert_array_equal(to_f32(codes, name), values, name)
    ignored = np.array([0x3F801FFF, 0x7F801FFF], dtype=np.uint32)
    equal(to_f32(ignored, "TF32").tolist(), [1.0, float("inf")], "the lower bits of TF32")


@case("the 8-bit floats and TF32 equal rational arithmetic, every code and around it")
def small_floats(_folder):
    for name, (exponent_bits, mantissa_bits, low) in FORMATS.items():
        if name in ("BF16", "F16"):
            continue
        top = (1 << exponent_bits) - 1 << mantissa_bits
        codes = np.arange(0, top, 1 if low == 0 else 173)
        numbers = to_f32((codes << low).astype(STORAGE[name]), name)
        equal([Fraction(float(x)) for x in numbers], [exact.decode(int(code), name) for code in codes], name)
        near = samples.near_codes_f32(numbers)
        values = np.concatenate([near, near | np.uint32(1 << 31)]).view(np.float32)
        want = []
        for value in values.tolist():
            code = exact.encode(Fraction(value), name, negative_zero=np.signbit(value))
            want.append(code << low)
        got = from_f32(values, name)
        if name == "F8E4M3FN":  # its codes beyond IEEE's go on to 448
            inside = np.abs(values) < 248
            got, want = got[inside], np.array(want)[inside]
        bits_equal(got, np.array(want, dtype=STORAGE[name]), lambda i, name=name: f"{name}, value {i}")
    beyond = np.float32([248, 256, 272, 288, 464, 465, 480, 1e30, np.inf, -np.inf])
    equal(to_f32(from_f32(beyond, "F8E4M3FN"), "F8E4M3FN").tolist(), [256, 256, 256, 288, 448, 448, 448, 448, 448, -448])


@case("stochastic rounding goes up just for words below the fraction")
def stochastic(_folder):
    def up(value, name, upper):
        return float(to_f32(from_f32(np.float32([value]), name, np.uint32([upper << 8])), name)[0])
    for name, unit in (("BF16", 2.0**-7), ("F16", 2.0**-10), ("F8E5M2", 2.0**-2), ("TF32", 2.0**-10)):
        equal(up(1 + unit / 4, name, 2**22 - 1), 1 + unit, name)
        equal(up(1 + unit / 4, name, 2**22), 1.0, name)
        equal(up(-1 - unit / 4, name, 2**22 - 1), -1 - unit, name)
        equal(up(1.0, name, 0), 1.0, name)
    equal(up(1e-30, "F16", 0), 2.0**-24, "the smallest number has a chance of 2^-24")
    equal(up(1e-30, "F16", 1), 0.0)
    equal(up(65520, "F16", 2**23), 65504.0, "between the largest number and the next binade")
    equal(up(65520, "F16", 2**23 - 1), float("inf"))
    equal(up(65536, "F16", 2**24 - 1), float("inf"))
    equal(up(460, "F8E4M3FN", 0), 448.0)
    equal(np.signbit(from_f32(np.float32([-1e-30]), "F16", np.uint32([2**31]))[0]), True, "down to -0")
    equal(int(from_f32(np.float32([2.5]), "I8", np.uint32([0]))[0]), 2, "integers round to even")


@case("Philox-4x32-10 gives the published answer")
def philox(_folder):
    equal([hex(w) for w in philox4x32_10((0,) * 4, (0,) * 2)], ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"])


@case("sums follow the fixed order, element by element")
def fixed_order(_folder):
    rng = np.random.default_rng(RNG_SEED + 7)
    for count in (*range(1, 40), 100, 257):
        values = (rng.standard_normal(count) * 10.0 ** rng.integers(-3, 6, count)).astype(np.float32)
        lanes = {}
        for i, value in enumerate(values):
            lanes[i % 16] = lanes[i % 16] + value if i % 16 in lanes else value
        for distance in (8, 4, 2, 1):
            for lane in range(distance):
                if lane + distance in lanes:
                    lanes[lane] = lanes[lane] + lanes[lane + distance]
        bits_equal(fold("ADD", values[None]), np.array([lanes[0]]), lambda i, count=count: f"{count} elements")
    equal(np.signbit(fold("ADD", np.float32([[-0.0]]))[0]), True, "one element stays as it is")
    equal(float(fold("MAX", np.float32([[1, np.nan]]))[0]) != 1.0, True, "NaN wins")


@case("operations on zeros, NaN, integers and bits")
def operations(_folder):
    def one(op, a, b):
        return hex(int(arithmetic(op, np.float32([a]), np.float32([b])).view(np.uint32)[0]))
    zero, minus, nan = "0x0", "0x80000000", "0x7fc00000"
    for op, a, b, want in (("MAX", 0.0, -0.0, zero), ("MAX", -0.0, 0.0, zero), ("MAX", -0.0, -0.0, minus), ("MIN", 0.0, -0.0, minus),
                           ("MIN", -0.0, 0.0, minus), ("MIN", 0.0, 0.0, zero), ("MAX", np.nan, 1.0, nan), ("MIN", 1.0, -np.nan, nan),
                           ("RELU", -0.0, 0, zero), ("RELU", np.nan, 0, nan), ("ABS", -np.nan, 0, nan), ("BYPASS", -np.nan, 0, nan),
                           ("ABS_MAX", 2.0, -2.0, "0xc0000000"), ("ABS_MIN", -2.0, 2.0, "0x40000000"), ("ABS_MAX", np.nan, 2.0, nan),
                           ("ABS_MIN", 1.0, np.nan, nan), ("LOGICAL_AND", np.nan, 1.0, "0x3f800000"),
                           ("LOGICAL_XOR", -0.0, 2.0, "0x3f800000"),
                           ("IS_EQUAL", 0.0, -0.0, "0x3f800000"), ("NOT_EQUAL", np.nan, np.nan, "0x3f800000"), ("IS_LE", np.nan, 1.0, zero),
                           ("RECIPROCAL", -0.0, 0, "0xff800000"), ("SUBTRACT", np.inf, np.inf, nan)):
        equal(one(op, a, b), want, f"{op} {a} {b}")
    smallest = np.int32([-2**31])
    equal(on_integers("ABS", smallest, smallest).tolist(), [-2**31])
    equal(on_integers("SUBTRACT", smallest, np.int32([1])).tolist(), [2**31 - 1])
    equal(on_integers("MULT", np.uint32([2**31 + 3]), np.uint32([5])).tolist(), [2**31 + 15])
    equal(on_integers("MAX", np.uint32([2**31]), np.uint32([1])).tolist(), [2**31])
    byte = np.uint8([0x90])
    for op, count, want in (("LOGICAL_SHIFT_RIGHT", 4, 0x09), ("ARITH_SHIFT_RIGHT", 4, 0xF9), ("ARITH_SHIFT_RIGHT", 200, 0xFF),
                            ("LOGICAL_SHIFT_LEFT", 1, 0x20), ("LOGICAL_SHIFT_LEFT", 8, 0), ("LOGICAL_SHIFT_RIGHT", 255, 0)):
        equal(int(bitwise(op, byte, np.uint8([count]))[0]), want, f"{op} {count}")
    equal(bitwise("ARITH_SHIFT_RIGHT", np.uint32([2**31]), np.uint32([2**31])).tolist(), [2**32 - 1])


@case("the oracle knows every compute instruction of the contract, and a test runs each on the chip model")
def complete(_folder):
    top = Path(__file__).resolve().parents[2]
    folder = top / "spec" / "isa"
    groups = [tomllib.loads((folder / f"{name}.toml").read_text()) for name in ("tensor", "elementwise", "reduce", "select")]
    contract = {insn["name"] for group in groups for insn in group["instruction"]}
    equal(set(TABLE), contract, "instructions of the oracle")
    checked = set()
    for test in Path(__file__).parent.glob("*_test.py"):
        checked |= set(re.findall(r'^    fleet\.check\("(\w+)"', test.read_text(), re.MULTILINE))
    equal(checked, contract, "instructions with random programs")


if __name__ == "__main__":
    sys.exit(main())
