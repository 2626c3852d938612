#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How fast the chip model multiplies, beside NumPy and beside a scalar loop. The cases compare results, never times."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from matmul import prepare
from tap import BUILD, case, main

TIMER = BUILD / "user/tests/bench/matmul_timer"
SIZES = {512: 9, 1024: 5}  # rounds, odd for the median
WAYS = {"sim 1": "sim, 1 thread", "sim 0": "sim, default threads", "scalar": "scalar C++ loop, fma", "numpy": "NumPy float32"}


def blas() -> str:
    """The library that NumPy multiplies with, as loaded into this process."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        files = {os.path.realpath(line.split()[-1]) for line in maps if "blas" in line and "/" in line}
    names = sorted(os.path.basename(file) for file in files)
    return ", ".join(name for name in names if not name.startswith("_")) or "built in"


class Bench:
    """One shape: every way is run by turns, in the same rounds."""

    def __init__(self, folder: Path, size: int):
        prepare(folder, size, size, size, ("-D", "OUT_F32=1"))
        self.size = size
        self.file = folder / "C.raw"
        self.a, self.b = (self.widened(np.load(folder / f"{name}.npy")) for name in "AB")
        self.timer = subprocess.Popen([TIMER, folder / "matmul.nko", folder / "A.npy", folder / "B.npy", self.file],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def widened(codes: np.ndarray) -> np.ndarray:
        return (codes.view("<u2").astype(np.uint32) << 16).view(np.float32)

    def once(self, way: str):
        """Seconds, and the result."""
        if way == "numpy":
            start = time.perf_counter()
            c = self.a.T @ self.b
            return time.perf_counter() - start, c
        self.timer.stdin.write(way + "\n")
        self.timer.stdin.flush()
        seconds = self.timer.stdout.readline()
        if not seconds:
            raise RuntimeError(f"matmul_timer ended during '{way}'")
        return float(seconds), np.fromfile(self.file, np.float32).reshape(self.size, self.size)

    def __enter__(self):
        return self

    def __exit__(self, *_error) -> None:
        with self.timer:  # closes its input, which ends it
            pass


def measure(bench: Bench) -> dict:
    size = bench.size
    results = {way: bench.once(way)[1] for way in WAYS}  # and everything is warm
    times = {way: [] for way in WAYS}
    for _ in range(SIZES[size]):
        for way in WAYS:
            seconds, c = bench.once(way)
            times[way].append(seconds)
            if not np.array_equal(c.view(np.uint32), results[way].view(np.uint32)):
                raise AssertionError(f"{way}: a later run gave other bits")
    # The contract's matmul is one fma per step of K, in order: what the scalar loop does.
    for way in ("sim 1", "sim 0"):
        wrong = np.count_nonzero(results[way].view(np.uint32) != results["scalar"].view(np.uint32))
        if wrong:
            raise AssertionError(f"{way}: {wrong} of {size * size} elements differ from the scalar loop's")
    bound = size * 2.0**-23 * (np.abs(bench.a).T @ np.abs(bench.b))
    if np.any(np.abs(results["numpy"] - results["scalar"]) > bound):
        raise AssertionError("NumPy's result is further away than rounding explains")
    return {way: statistics.median(values) for way, values in times.items()}


def table(size: int, seconds: dict) -> None:
    title = f"{size}x{size}x{size}, median of {SIZES[size]} rounds by turns"
    print(f"# {title:44}        ms   GMAC/s  x scalar   x NumPy")
    for way, name in WAYS.items():
        s = seconds[way]
        print(f"# {name:44} {s * 1e3:9.1f} {size**3 / s / 1e9:8.2f} {seconds['scalar'] / s:9.2f} {seconds['numpy'] / s:9.2f}")


def register(size: int) -> None:
    @case(f"matmul {size}x{size}x{size}: the chip's bits are the scalar loop's, and NumPy's are near")
    def run(folder):
        with Bench(folder, size) as bench:
            table(size, measure(bench))


for _size in SIZES:
    register(_size)


if __name__ == "__main__":
    print(f"# {os.cpu_count()} CPUs; NumPy {np.__version__} with {blas()}", flush=True)
    sys.exit(main())
