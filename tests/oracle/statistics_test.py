#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""BN_STATS and BN_AGGR on the chip model and on the oracle.

Usage: statistics_test.py [INSN_PROBE]
"""

import sys

import numpy as np

from fleet import Fleet
from generators import destination, read_the_count, source
from neuron_oracle import STORAGE, from_f32
from tap import case, main

fleet = Fleet()


def stats(scene):
    partitions = scene.partitions()
    count = scene.choose((1, 2, 3, 31, 32, 33, 34, 511, 512)) if scene.chance(0.4) else scene.elements(512)
    if count * 4 > scene.width:
        count = scene.width // 4
    src = source(scene, "BN_STATS", "src", "DVE", partitions, count)
    scene.add("DVE", "BN_STATS", dst=destination(scene, "BN_STATS", "DVE", partitions, 6), src=src)
    read_the_count(scene)


def aggregate(scene):
    partitions, groups = scene.partitions(), scene.choose((1, 2, 5, 16, 17, 40))
    dtype = scene.dtype("BN_AGGR", "src")
    src = source(scene, "BN_AGGR", "src", "DVE", partitions, 3 * groups, dtype)
    if scene.chance(0.6) and 0 not in src["step"]:  # what BN_STATS gives
        rng = scene.rng
        triples = np.stack([rng.integers(1, 257, (partitions, groups)), rng.standard_normal((partitions, groups)) * 3,
                            np.abs(rng.standard_normal((partitions, groups))) * 90], axis=-1).reshape(partitions, -1)
        codes = from_f32(triples.astype(np.float32), dtype).view(f"<u{STORAGE[dtype].itemsize}")
        scene.fill(src, codes)
    scene.add("DVE", "BN_AGGR", dst=destination(scene, "BN_AGGR", "DVE", partitions, 2), src=src)
    read_the_count(scene)


@case("BN_STATS of 1 to 512 elements")
def check_stats(_folder):
    fleet.check("BN_STATS", stats, 400, 80)


@case("BN_AGGR of what BN_STATS gives, and of anything")
def check_aggregate(_folder):
    fleet.check("BN_AGGR", aggregate, 300, 80)


if __name__ == "__main__":
    sys.exit(main())
