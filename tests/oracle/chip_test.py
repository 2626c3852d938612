#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The chip model's COPY and MATMUL against the oracle, bit for bit, on every instruction set of this host.

Usage: chip_test.py [COMPUTE_PROBE]
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.dont_write_bytecode = True

import samples
from neuron_oracle import STORAGE, cast, from_f32, matmul, to_f32
from tap import case, main

COPY_MOST = 16384
WITHOUT_FMA = ("SSE4", "SSSE3", "SCALAR", "EMU128")  # slow: they get the small shapes


class Probe:
    """The helper process; see compute_probe.cpp."""

    def __init__(self, path: str):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._send("targets\n")
        self.targets = self.process.stdout.readline().decode().split()

    def _send(self, line: str, *arrays: np.ndarray) -> None:
        self.process.stdin.write(line.encode() + b"".join(a.tobytes() for a in arrays))
        self.process.stdin.flush()

    def _receive(self, dtype: str, count: int) -> np.ndarray:
        size = count * STORAGE[dtype].itemsize
        answer = self.process.stdout.read(size)
        if len(answer) != size:
            raise AssertionError(f"the probe ended with status {self.process.wait()}")
        return np.frombuffer(answer, dtype=STORAGE[dtype])

    def use(self, target: str) -> None:
        self._send(f"target {target}\n")

    def copy(self, values: np.ndarray, source: str, destination: str) -> np.ndarray:
        parts = []
        for first in range(0, values.size, COPY_MOST):
            part = values[first:first + COPY_MOST]
            self._send(f"copy {source} {destination} {part.size}\n", part)
            parts.append(self._receive(destination, part.size))
        return np.concatenate(parts)

    def matmul(self, a, b, a_dtype: str, b_dtype: str, accumulator=None) -> np.ndarray:
        arrays = ([] if accumulator is None else [accumulator]) + [a, b]
        self._send(f"matmul {a_dtype} {b_dtype} {a.shape[0]} {a.shape[1]} {b.shape[1]} {int(accumulator is not None)}\n",
                   *arrays)
        return self._receive("F32", a.shape[1] * b.shape[1]).reshape(a.shape[1], b.shape[1])


def same_bits(got: np.ndarray, want: np.ndarray, what: str) -> None:
    got_codes = got.view(f"u{got.dtype.itemsize}").ravel()
    want_codes = np.ascontiguousarray(want).view(f"u{want.dtype.itemsize}").ravel()
    wrong = np.flatnonzero(got_codes != want_codes)
    if wrong.size:
        i = int(wrong[0])
        raise AssertionError(f"{what}: {wrong.size} of {want_codes.size} differ, first at {i}: chip {int(got_codes[i]):#x}, "
                             f"oracle {int(want_codes[i]):#x}")


def copy_inputs(dtype: str) -> np.ndarray:
    storage = STORAGE[dtype]
    if storage.itemsize == 1:
        return np.arange(256, dtype=np.uint8).view(storage)
    if storage.itemsize == 2:
        return np.arange(65536, dtype=np.uint16).view(storage)
    rng = np.random.default_rng(7)
    if dtype == "F32":
        near = [samples.near_codes_f32(to_f32(np.arange(last, dtype=np.uint16).view(STORAGE[name]), name))
                for name, last in (("BF16", 0x7F81), ("F16", 0x7C01))]
        bits = np.concatenate([*near, near[0] | np.uint32(1 << 31), near[1] | np.uint32(1 << 31), samples.EDGES_F32,
                               samples.random_f32_bits(rng, 50000),
                               (np.arange(-140000, 140000) / 2).astype(np.float32).view(np.uint32)])
        return bits.view(np.float32)
    powers = np.array([2**k + d for k in range(32) for d in range(-300, 300)], dtype=np.int64)
    return np.concatenate([powers, -powers, rng.integers(0, 2**32, 30000)]).astype(np.uint32).view(storage)


def float_values(rng, shape, dtype: str, scale: float) -> np.ndarray:
    return from_f32((rng.standard_normal(shape) * scale).astype(np.float32), dtype)


def any_values(rng, shape, dtype: str) -> np.ndarray:
    """Every kind of value, but NaN and infinity rarely enough to leave something to compare."""
    width = STORAGE[dtype].itemsize * 8
    codes = rng.integers(0, 2**width, shape, dtype=f"u{width // 8}")
    values = codes.view(STORAGE[dtype])
    special = ~np.isfinite(to_f32(values, dtype)) & (rng.random(shape) < 0.99)
    return np.where(special, STORAGE[dtype].type(0), values).astype(STORAGE[dtype])


def check_matmul(probe: Probe, target: str, a, b, a_dtype, b_dtype, accumulator, what: str) -> None:
    got = probe.matmul(a, b, a_dtype, b_dtype, accumulator)
    same_bits(got, matmul(a, b, a_dtype, b_dtype, accumulator), f"{target}, {a_dtype} x {b_dtype}, {what}")


def register(probe: Probe, target: str) -> None:
    @case(f"{target}: COPY between all pairs of dtypes")
    def copies(_folder):
        probe.use(target)
        for source in STORAGE:
            values = copy_inputs(source)
            for destination in STORAGE:
                same_bits(probe.copy(values, source, destination), cast(values, source, destination),
                          f"{target}, {source} to {destination}")

    @case(f"{target}: COPY of every length up to 70 elements")
    def lengths(_folder):
        probe.use(target)
        values = copy_inputs("F32")[1000:1070]
        for destination in ("BF16", "F16", "I8", "U32"):
            for count in range(1, 71):
                same_bits(probe.copy(values[:count], "F32", destination), cast(values[:count], "F32", destination),
                          f"{target}, {count} elements to {destination}")

    @case(f"{target}: MATMUL of several shapes and dtypes, from +0 and from PSUM")
    def shapes(_folder):
        probe.use(target)
        rng = np.random.default_rng(11)
        sizes = [(1, 1, 1), (3, 5, 7), (128, 9, 33), (130, 17, 50), (31, 128, 65)]
        if target not in WITHOUT_FMA:
            sizes += [(128, 128, 512), (300, 127, 511), (512, 128, 512)]
        for k, m, n in sizes:
            for a_dtype, b_dtype in (("BF16", "BF16"), ("F16", "BF16"), ("F32", "F32")):
                if a_dtype == "F32" and k * m * n > 10**6:
                    continue  # the oracle has no fast path for it
                a, b = float_values(rng, (k, m), a_dtype, 1.0), float_values(rng, (k, n), b_dtype, 1.0)
                check_matmul(probe, target, a, b, a_dtype, b_dtype, None, f"{k}x{m}x{n}")
                start = rng.standard_normal((m, n)).astype(np.float32)
                check_matmul(probe, target, a, b, a_dtype, b_dtype, start, f"{k}x{m}x{n} accumulating")

    @case(f"{target}: MATMUL with infinities, NaN, subnormals, overflow and cancellation")
    def hard_values(_folder):
        probe.use(target)
        rng = np.random.default_rng(13)
        for dtype in ("BF16", "F16", "F32"):
            a, b = any_values(rng, (20, 24), dtype), any_values(rng, (20, 70), dtype)
            start = any_values(rng, (24, 70), "F32")
            check_matmul(probe, target, a, b, dtype, dtype, start, "any bits")
            for scale in (1e-23, 1e-19, 1e19):
                a, b = float_values(rng, (40, 24), dtype, scale), float_values(rng, (40, 70), dtype, scale)
                check_matmul(probe, target, a, b, dtype, dtype, None, f"values around {scale}")
            a = float_values(rng, (30, 24), dtype, 1.0)
            b = float_values(rng, (30, 70), dtype, 1.0)
            twice_a, twice_b = np.concatenate([a, a[::-1]]), np.concatenate([b, from_f32(-to_f32(b[::-1], dtype), dtype)])
            check_matmul(probe, target, twice_a, twice_b, dtype, dtype, None, "cancelling")

    @case(f"{target}: MATMUL of single products and sums where rounding is hard")
    def hard_sums(_folder):
        probe.use(target)
        a, b, c = samples.hard_fma_triples(np.random.default_rng(17), 128 * 60)
        for first in range(0, a.size, 128):
            part = slice(first, first + 128)
            # One k. The matching triples sit on the diagonal.
            start = np.broadcast_to(c[part][:, None], (128, 128)).copy()
            check_matmul(probe, target, a[part][None, :], b[part][None, :], "F32", "F32", start, f"part {first}")


def probe_path() -> str:
    if len(sys.argv) > 1:
        return sys.argv[1]
    build = os.environ.get("NEURON_BUILD", str(Path(__file__).resolve().parents[2] / "build"))
    return os.path.join(build, "user", "tests", "oracle", "compute_probe")


def run() -> int:
    try:
        probe = Probe(probe_path())
    except OSError as error:
        print(f"chip_test: cannot start the probe, is it built? {error}", file=sys.stderr)
        return 2
    for target in probe.targets:
        register(probe, target)
    return main()


if __name__ == "__main__":
    sys.exit(run())
