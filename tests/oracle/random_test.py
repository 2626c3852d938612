#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random numbers on the chip model and on the oracle: Philox-4x32-10 by its published answers, and what uses it.

Usage: random_test.py [INSN_PROBE]
"""

import sys

import numpy as np

from fleet import Fleet, spec
from generators import destination, engine, scalar, source
from neuron_oracle import FORMATS, philox4x32_10
from neuron_oracle.philox import words
from scene import Picks, Scene
from tap import case, equal, main

fleet = Fleet()

# From Random123's kat_vectors: counter, key, result.
KNOWN = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
)


@case("Philox-4x32-10 gives its published answers")
def check_known_answers(_folder):
    for counter, key, want in KNOWN:
        equal([hex(w) for w in philox4x32_10(counter, key)], [hex(w) for w in want])


@case("the chip's first words are those of Philox with seed, partition and engine in their places")
def check_first_words(_folder):
    fleet.reset()
    for target, probe in fleet.probes.items():
        probe.write("SBUF", 0, 0, np.array([[0x12345678]], dtype="<u4"))
        one = {"partitions": 1, "dtype": int(spec.Dtype.U32), "step": [1, 0, 0, 0], "num": [1, 1, 1, 1]}
        for name in ("DVE", "POOL"):
            probe.run(name, "SET_RNG_SEED", src=one)
            probe.run(name, "RNG", dst={**one, "partition": 64, "partitions": 32, "offset": 64, "num": [9, 1, 1, 1]})
            got = probe.read("SBUF", 70, 1, 64, 36).copy().view("<u4")[0]
            want = np.concatenate([philox4x32_10((block, 0, spec.Engine[name], 0), (0x12345678, 70)) for block in range(3)])[:9]
            equal(got.tolist(), want.tolist(), f"{target} {name}")


def seed(scene, on):
    src = scene.tile(1, 1, "U32", "SBUF")
    scene.add(on, "SET_RNG_SEED", src=src)


def rng(scene):
    on = engine(scene, "RNG")
    if scene.chance(0.3):
        seed(scene, engine(scene, "SET_RNG_SEED"))
    for _ in range(2):
        partitions, count = scene.partitions(), scene.elements(300)
        scene.add(on, "RNG", dst=scene.tile(partitions, count, scene.dtype("RNG", "dst"), scene.space("RNG", "dst", on),
                                            repeat=scene.chance(0.1)))


def seeds(scene):
    """Any engine's seed leaves the other engines alone; ACT's shows in its stochastic rounding."""
    scene.stochastic = True
    seed(scene, engine(scene, "SET_RNG_SEED"))
    for on in ("ACT", "DVE", "POOL"):
        src = source(scene, "COPY", "src", on, 32, 20, "F32", "SBUF")
        scene.add(on, "COPY", dst=scene.tile(32, 20, scene.picks.next("narrow", scene.types(FORMATS)), "SBUF"), src=src)


def just_drawn(scene, prob, partitions, count):
    """Probabilities that one element of each partition draws itself: it is not below."""
    state = fleet.machine.engines["DVE"]
    first = scene.choose((0, 32, 64, 96)) if partitions <= 32 else 0
    drawn = words(state.seed, spec.Engine.DVE, range(first, first + partitions), state.count, count)[:, scene.rng.integers(count)]
    column = {"offset": prob["value"], "partitions": partitions, "step": [1, 0, 0, 0], "num": [1, 1, 1, 1],
              **{k: prob[k] for k in ("reg", "partition", "space", "dtype")}}
    scene.fill(column, ((drawn >> np.uint32(8)) / 2.0**24).astype(np.float32).view(np.uint32)[:, None])


def dropout(scene):
    partitions, count = scene.partitions(), scene.elements(300)
    src = source(scene, "DROPOUT", "src", "DVE", partitions, count)
    prob = scalar(scene, "DROPOUT", "prob", "DVE", partitions)
    if prob.get("kind") == spec.ScalarKind.VECTOR:
        just_drawn(scene, prob, partitions, count)
    elif scene.chance(0.8):
        value = int(np.float32(scene.choose((0, 0.1, 0.5, 0.9, 1, 0.99999994))).view(np.uint32))
        prob = scene.scalar(("IMM", "REG"), (("F32",), ()), partitions, None, value=value)
    scene.add("DVE", "DROPOUT", dst=destination(scene, "DROPOUT", "DVE", partitions, count, None, [src]), src=src, prob=prob)
    scene.add("DVE", "RNG", dst=scene.tile(1, 5, "U32", "SBUF"))


@case("RNG on both engines, one instruction after the other")
def check_rng(_folder):
    fleet.check("RNG", rng, 250, 50)


@case("SET_RNG_SEED of every engine, and stochastic rounding")
def check_seed(_folder):
    fleet.check("SET_RNG_SEED", seeds, 100, 30)


@case("DROPOUT")
def check_dropout(_folder):
    fleet.check("DROPOUT", dropout, 250, 50)


@case("the count of words goes on over 2^18 words, and over blocks that are not full")
def check_long_count(_folder):
    fleet.reset()
    fleet.drop_slow()
    generator = np.random.default_rng(3)
    for count in (16383, 1, 2, 3, 65535, 65535, 65535, 65533, 7):
        scene = Scene(spec, generator, Picks(generator), 4096)
        scene.stochastic = False
        wide = {"partitions": 1, "dtype": int(spec.Dtype.U16), "space": 0, "step": [0, 0, 0, 0], "num": [count, 1, 1, 1],
                "offset": scene.base["SBUF"]}
        scene.add("DVE", "RNG", dst=wide)
        scene.add("DVE", "RNG", dst=scene.tile(2, 5, "U32", "SBUF"))
        fleet.play(scene, f"{count} words")


if __name__ == "__main__":
    sys.exit(main())
