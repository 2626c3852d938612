#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ACTIVATE and the operations POW and RSQRT: every function on the chip model against fp64 and on the oracle.

Usage: activate_test.py [INSN_PROBE]
"""

import sys

import numpy as np

import samples
from fleet import SEED, Fleet, spec
from generators import IMMEDIATE, NOTHING, accumulator_command, destination, read_accumulators, read_the_count, scalar, source
from neuron_oracle import STORAGE
from neuron_oracle.functions import EXACT, SIN_LIMIT, reference, within_one_ulp
from tap import case, equal, main

fleet = Fleet()
BIAS_TYPES = [name for name in STORAGE if name != "TF32"]


def a_bias(scene, function, partitions):
    """Version 2 takes only columns or none, and none for the reciprocal."""
    if scene.version == 2 and (function == "RECIPROCAL" or scene.chance(0.3)):
        return dict(NOTHING)
    kinds = ("VECTOR",) if scene.version == 2 else ("IMM", "REG", "VECTOR")
    return scene.scalar(kinds, (IMMEDIATE, BIAS_TYPES), partitions, lambda: scene.space("ACTIVATE", "bias", "ACT"))


def activates(scene):
    name = scene.picks.next("func", [f.name for f in spec.Activation])
    command = accumulator_command(scene, "LOAD_REDUCE")
    partitions, count = scene.partitions(), scene.elements(300)
    src = source(scene, "ACTIVATE", "src", "ACT", partitions, count)
    operands = {"scale": scalar(scene, "ACTIVATE", "scale", "ACT", partitions), "bias": a_bias(scene, name, partitions)}
    dst = destination(scene, "ACTIVATE", "ACT", partitions, count, None, [src])
    scene.add("ACT", "ACTIVATE", dst=dst, src=src, func=spec.Activation[name], acc=spec.AccCmd[command],
              param=scene.f32() if name == "PRELU" else 0, **operands)
    read_accumulators(scene, "ACT")
    read_the_count(scene)


def function_inputs(rng) -> np.ndarray:
    """fp32 numbers: any bits, edges, a fine grid where functions bend, and both sides of every power of two."""
    powers = np.arange(1, 255, dtype=np.uint32) << np.uint32(23)
    around = np.concatenate([powers - 1, powers, powers + 1, powers | np.uint32(0x400000)])
    bits = np.concatenate([samples.random_f32_bits(rng, 12000), samples.EDGES_F32, around, around | np.uint32(1 << 31)])
    ordinary = np.concatenate([rng.uniform(-s, s, 6000) for s in (1e-3, 1, 5, 20, 110)]).astype(np.float32)
    return np.concatenate([bits.view(np.float32), ordinary, np.float32([SIN_LIMIT, -SIN_LIMIT]),
                           np.nextafter(np.float32([SIN_LIMIT, -SIN_LIMIT]), np.float32([9, -9]))])


@case("every inexact function is within one unit in the last place, at 45000 inputs")
def check_accuracy(_folder):
    inputs = function_inputs(np.random.default_rng(SEED))
    for function in spec.Activation:
        if function.name not in EXACT:
            fleet.functions(function.name, inputs)  # raises by itself


@case("POW and RSQRT are within one unit in the last place, at pairs of edges too")
def check_power(_folder):
    rng = np.random.default_rng(SEED + 1)
    inputs = function_inputs(rng)
    fleet.functions("RSQRT", inputs, inputs)
    special = np.float32([0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, np.inf, -np.inf, np.nan, 2**24, -(2**24 - 1), 1e-40, -1e-40,
                          3.4e38, -3.4e38, 0.99999994, 1.0000001, 2**23 + 1, 1e9])
    a, b = (x.ravel() for x in np.meshgrid(special, special))
    fleet.functions("POW", a, b)
    base = np.exp(rng.uniform(-20, 20, 20000)).astype(np.float32)
    fleet.functions("POW", base, rng.uniform(-6, 6, base.size).astype(np.float32))
    near_one = (1 + rng.uniform(-1e-3, 1e-3, 20000)).astype(np.float32)
    fleet.functions("POW", near_one, rng.uniform(-9e4, 9e4, near_one.size).astype(np.float32))
    fleet.functions("POW", -base, rng.integers(-8, 9, base.size).astype(np.float32))
    fleet.functions("POW", *(samples.random_f32_bits(rng, 20000).view(np.float32) for _ in range(2)))


@case("the tolerance is one unit, not two, and a NaN is no number")
def check_tolerance(_folder):
    x = np.float32([1.5])
    want = reference("EXP", x)
    off = [want.astype(np.float32)]
    for _ in range(2):
        off.append(np.nextafter(off[-1], np.float32(np.inf)))
    equal([bool(within_one_ulp(value, want)[0]) for value in off], [True, abs(off[1][0] - want[0]) <= 2.0**-21, False])
    equal(bool(within_one_ulp(np.float32([np.nan]), want)[0]), False, "NaN")
    equal(bool(within_one_ulp(np.float32([np.inf]), np.array([3.0e38]))[0]), False, "infinity")


@case("ACTIVATE with every function, operand and accumulator command")
def check_activate(_folder):
    fleet.check("ACTIVATE", activates, 500, 100)


if __name__ == "__main__":
    sys.exit(main())
