#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""COPY of every code of the 8- and 16-bit types to every type, of what is hard to round, and stochastic rounding.

Usage: casts_test.py [INSN_PROBE]
"""

import sys

import numpy as np

import samples
from fleet import SLOW, Fleet, spec
from neuron_oracle import FORMATS, STORAGE, cast, from_f32, to_f32
from neuron_oracle.philox import words
from tap import case, main

fleet = Fleet()
FROM, TO = 0, 65536


def hard_values(dtype: str) -> np.ndarray:
    """Every code of a narrow type; of a 32-bit one what lies at the boundaries of the other types, and a sample."""
    storage = STORAGE[dtype]
    rng = np.random.default_rng(7)
    if storage.itemsize < 4:
        return np.arange(1 << 8 * storage.itemsize).astype(f"<u{storage.itemsize}").view(storage)
    if dtype in ("F32", "TF32"):
        near = []
        for name, (exponent_bits, mantissa_bits, low) in FORMATS.items():
            positive = np.arange(((1 << exponent_bits) - 1 << mantissa_bits) + 1) << low
            values = to_f32(positive.astype(f"<u{STORAGE[name].itemsize}").view(STORAGE[name]), name)
            near.append(samples.near_codes_f32(values[np.isfinite(values)])[::1 if STORAGE[name].itemsize == 1 else 7])
        positive = np.concatenate(near)
        bits = np.concatenate([positive, positive | np.uint32(1 << 31), samples.EDGES_F32, samples.random_f32_bits(rng, 30000),
                               (np.arange(-1100, 1100) / 2).astype(np.float32).view(np.uint32)])
        return bits.view(storage)
    powers = np.array([2**k + d for k in range(32) for d in range(-40, 40)], dtype=np.int64)
    return np.concatenate([powers, -powers, rng.integers(0, 2**32, 20000)]).astype(np.uint64).astype(np.uint32).view(storage)


def tile(offset: int, dtype: str, partitions: int, columns: int) -> dict:
    return {"offset": offset, "partitions": partitions, "dtype": int(spec.Dtype[dtype]), "step": [1, 0, 0, 0], "num": [columns, 1, 1, 1]}


def in_rows(values: np.ndarray) -> np.ndarray:
    rows = min(128, values.size)
    columns = -(-values.size // rows)
    return np.resize(values, rows * columns).reshape(rows, columns)


def check_copy(target: str, source: str, engine: str, seed: int | None = None) -> None:
    probe = fleet.probes[target]
    values = in_rows(hard_values(source))
    rows, columns = values.shape
    probe.write("SBUF", 0, FROM, values)
    for destination in STORAGE:
        if seed is not None:
            probe.write("SBUF", 0, TO, np.array([[seed]], dtype="<u4"))
            probe.run(engine, "SET_RNG_SEED", src=tile(TO, "U32", 1, 1))
        probe.run(engine, "COPY", dst=tile(TO, destination, rows, columns), src=tile(FROM, source, rows, columns))
        size = STORAGE[destination].itemsize
        got = probe.read("SBUF", 0, rows, TO, size * columns).copy().view(f"<u{size}")
        random = None if seed is None else words(seed, spec.Engine[engine], range(rows), 0, columns)
        want = cast(values, source, destination, random).view(f"<u{size}")
        wrong = np.argwhere(got != want)
        if wrong.size:
            p, i = wrong[0]
            raise AssertionError(f"{target}, {engine}, {source} {values[p, i]!r} to {destination}: chip {int(got[p, i]):#x}, oracle "
                                 f"{int(want[p, i]):#x}{'' if random is None else f', word {int(random[p, i]):#x}'}; {len(wrong)} differ")


def targets(source: str):
    return [target for target in fleet.probes if target not in SLOW or STORAGE[source].itemsize < 4]


@case("COPY between all 196 pairs of types, all codes of the narrow ones")
def check_nearest(_folder):
    fleet.reset()
    for source in STORAGE:
        for number, target in enumerate(targets(source)):
            check_copy(target, source, ("DVE", "POOL", "ACT")[number % 3])


@case("the same with stochastic rounding, by every word of a stream")
def check_stochastic(_folder):
    fleet.reset()
    for source in STORAGE:
        for number, target in enumerate(targets(source)):
            engine = ("POOL", "ACT", "DVE")[number % 3]
            fleet.probes[target].rounding(engine, "STOCHASTIC")
            check_copy(target, source, engine, 12345 + number)


@case("stochastic rounding meets its threshold exactly")
def check_threshold(_folder):
    fleet.reset()
    # A word decides by its upper 24 bits: the fraction of each element is made from them, at, below and above it.
    rows, columns = 128, 300
    for target, probe in fleet.probes.items():
        if target in SLOW:
            continue
        probe.rounding("DVE", "STOCHASTIC")
        for dtype, (_, mantissa_bits, _) in FORMATS.items():
            upper = words(0, spec.Engine.DVE, range(rows), 0, columns) >> np.uint32(8)
            kept = 23 - mantissa_bits
            step = np.array([-1, 0, 1, 2])[np.arange(columns) % 4]
            fraction = np.clip((upper >> np.uint32(24 - kept)).astype(np.int64) + step, 0, (1 << kept) - 1)
            values = (np.uint32(127 << 23) + fraction.astype(np.uint32)).view(np.float32)
            probe.write("SBUF", 0, TO, np.zeros((1, 1), dtype="<u4"))
            probe.run("DVE", "SET_RNG_SEED", src=tile(TO, "U32", 1, 1))
            probe.write("SBUF", 0, FROM, values)
            probe.run("DVE", "COPY", dst=tile(TO, dtype, rows, columns), src=tile(FROM, "F32", rows, columns))
            size = STORAGE[dtype].itemsize
            got = probe.read("SBUF", 0, rows, TO, size * columns).copy().view(f"<u{size}").astype(np.int64)
            bottom = int(from_f32(np.float32([1]), dtype).view(f"<u{size}")[0])
            unit = 1 << FORMATS[dtype][2]
            want = bottom + unit * (upper < fraction << (24 - kept))
            if not np.array_equal(got, want):
                raise AssertionError(f"{target}, {dtype}: {np.count_nonzero(got != want)} of {got.size} differ")


if __name__ == "__main__":
    sys.exit(main())
