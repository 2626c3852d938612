#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Selection and movement between partitions on the chip model and on the oracle.

Usage: select_test.py [INSN_PROBE]
"""

import sys

import numpy as np

from fleet import Fleet, spec
from generators import (ALL_OF_SIZE, IMMEDIATE, accumulator_command, destination, number, read_accumulators, read_the_count, scalar,
                        source, two_spaces)
from neuron_oracle import STORAGE
from tap import case, main

fleet = Fleet()


def same_size_types(scene, insn):
    size = scene.picks.next("size", (1, 2, 4))
    return [scene.picks.next((insn, name, size), scene.types(ALL_OF_SIZE[size])) for name in ("dst", "src")]


def transpose(scene):
    insn = "TRANSPOSE"
    types = same_size_types(scene, insn)
    if scene.chance(0.5):
        partitions, count = (int(scene.rng.integers(1, 33)) for _ in range(2))
        shape = count, partitions
    else:
        room = scene.width // STORAGE[types[0]].itemsize // 32
        partitions, count = scene.choose((32, 64, 96, 128)), 32 * int(scene.rng.integers(1, min(room, 6) + 1))
        shape = partitions, count
    src = source(scene, insn, "src", "DVE", partitions, count, types[1])
    scene.add("DVE", insn, dst=destination(scene, insn, "DVE", *shape, types[0], [src] if shape == (partitions, count) else []), src=src)
    read_the_count(scene)


def shuffle(scene):
    insn = "STREAM_SHUFFLE"
    types = same_size_types(scene, insn)
    partitions, count = scene.choose((32, 64, 96, 128)), scene.elements(200)
    src = source(scene, insn, "src", "DVE", partitions, count, types[1])
    mask = scene.rng.integers(0, 32, 32)
    if scene.chance(0.6):
        mask = np.where(scene.rng.random(32) < 0.3, 255, mask)
    scene.add("DVE", insn, dst=destination(scene, insn, "DVE", partitions, count, types[0], [src]), src=src, mask=mask.tolist())
    read_the_count(scene)


def predicate(scene, insn, partitions, count, space, types=None):
    """About half of it zero."""
    pred = source(scene, insn, "pred", "DVE", partitions, count, types and scene.picks.next("pred", types), space)
    if 0 not in pred["step"]:
        tile = scene.place(pred)
        codes = scene.rng.integers(0, 2 ** (8 * tile.size), (partitions, count), dtype=np.uint64)
        scene.fill(pred, codes * (scene.rng.random((partitions, count)) < 0.5))
    return pred


def copy_predicated(scene):
    insn = "COPY_PREDICATED"
    partitions, count = scene.partitions(), scene.elements(300)
    spaces = two_spaces(scene, insn, "DVE", ("src", "pred"))
    src = source(scene, insn, "src", "DVE", partitions, count, None, spaces[0])
    pred = predicate(scene, insn, partitions, count, spaces[1])
    dst = destination(scene, insn, "DVE", partitions, count, spec.Dtype(src["dtype"]).name)
    scene.add("DVE", insn, dst=dst, src=src, pred=pred, invert=scene.choose((0, 1)))
    read_the_count(scene)


def fill_predicated(scene):
    insn = "FILL_PREDICATED"
    partitions, count = scene.partitions(), scene.elements(300)
    pred = predicate(scene, insn, partitions, count, None)
    value = scalar(scene, insn, "value", "DVE", partitions, IMMEDIATE, list(STORAGE))
    dst = destination(scene, insn, "DVE", partitions, count)
    scene.add("DVE", insn, dst=dst, pred=pred, value=value, invert=scene.choose((0, 1)))
    read_the_count(scene)


def select_reduce(scene):
    insn = "SELECT_REDUCE"
    partitions, count = scene.partitions(), scene.elements(300)
    spaces = two_spaces(scene, insn, "DVE", ("on_true", "pred"))
    on_true = source(scene, insn, "on_true", "DVE", partitions, count, None, spaces[0])
    pred = predicate(scene, insn, partitions, count, spaces[1], ("U8", "U16"))
    on_false = scalar(scene, insn, "on_false", "DVE", partitions)
    dst = destination(scene, insn, "DVE", partitions, count, None, [on_true])
    scene.add("DVE", insn, dst=dst, on_true=on_true, pred=pred, on_false=on_false, invert=scene.choose((0, 1)),
              acc=spec.AccCmd[accumulator_command(scene, "LOAD_REDUCE")])
    read_accumulators(scene, "DVE")
    read_the_count(scene)


def range_select(scene):
    insn = "RANGE_SELECT"
    partitions, count = scene.partitions(), scene.elements(300)
    src = source(scene, insn, "src", "DVE", partitions, count)
    start = np.float32(scene.choose((0, 7, -20, 0.5, -3.25, 2**24 - 1 - count, -(2**24 - 1), 1e-20)))
    comparisons = ("IS_EQUAL", "IS_GT", "IS_GE", "IS_LT", "IS_LE")

    def bound():
        value = np.float32(start + np.float32(scene.rng.integers(-2, count + 2)))
        return scene.scalar(("IMM", "REG", "VECTOR"), (("F32",), ("F32",)), partitions, lambda: scene.space(insn, "bound0", "DVE"),
                            value=int(value.view(np.uint32)) if scene.chance(0.8) else None)

    operands = {"bound0": bound(), "bound1": bound()}
    dst = destination(scene, insn, "DVE", partitions, count, None, [src])
    scene.add("DVE", insn, dst=dst, src=src, cmp0=number(scene.picks.next("cmp0", comparisons)),
              cmp1=number(scene.picks.next("cmp1", comparisons)), start=int(start.view(np.uint32)),
              acc=spec.AccCmd[accumulator_command(scene, "LOAD_REDUCE")], **operands)
    read_accumulators(scene, "DVE")
    read_the_count(scene)


@case("TRANSPOSE in its small and its block form")
def check_transpose(_folder):
    fleet.check("TRANSPOSE", transpose, 300, 60)


@case("STREAM_SHUFFLE")
def check_shuffle(_folder):
    fleet.check("STREAM_SHUFFLE", shuffle, 200, 50)


@case("COPY_PREDICATED")
def check_copy_predicated(_folder):
    fleet.check("COPY_PREDICATED", copy_predicated, 250, 50)


@case("FILL_PREDICATED")
def check_fill_predicated(_folder):
    fleet.check("FILL_PREDICATED", fill_predicated, 250, 50)


@case("SELECT_REDUCE")
def check_select_reduce(_folder):
    fleet.check("SELECT_REDUCE", select_reduce, 300, 60)


@case("RANGE_SELECT with every pair of comparisons")
def check_range_select(_folder):
    fleet.check("RANGE_SELECT", range_select, 300, 60)


if __name__ == "__main__":
    sys.exit(main())
