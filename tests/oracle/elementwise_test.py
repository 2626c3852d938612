#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Group elementwise of the instruction set, without ACTIVATE, on the chip model and on the oracle.

Usage: elementwise_test.py [INSN_PROBE]
"""

import sys

from fleet import Fleet, spec
from generators import (BITS, IMMEDIATE, OF_SIZE, OPS, POOL_ONLY, VECTOR_ARITHMETIC, destination, engine, number, read_the_count, scalar,
                        source, two_spaces)
from neuron_oracle.casts import STORAGE
from tap import case, main

fleet = Fleet()


def copies(scene):
    on = engine(scene, "COPY")
    partitions, count = scene.partitions(), scene.elements(400)
    src = source(scene, "COPY", "src", on, partitions, count)
    scene.add(on, "COPY", dst=destination(scene, "COPY", on, partitions, count, None, [src]), src=src)
    read_the_count(scene)


def copies_of_version_2(scene):
    partitions, count = scene.partitions(), scene.elements(300)
    names = [scene.dtype("COPY", name) for name in ("src", "dst")]
    if scene.chance(0.5):
        names[1] = names[0]
    src = source(scene, "COPY", "src", "ACT", partitions, count, names[0])
    scene.add("ACT", "COPY", dst=destination(scene, "COPY", "ACT", partitions, count, names[1], [src]), src=src)


def memsets(scene):
    on = engine(scene, "MEMSET")
    partitions, count = scene.partitions(), scene.elements(400)
    value = scalar(scene, "MEMSET", "value", on, partitions, IMMEDIATE, [d.name for d in spec.Dtype])
    dst = scene.tile(partitions, count, scene.dtype("MEMSET", "dst"), scene.space("MEMSET", "dst", on))
    scene.add(on, "MEMSET", dst=dst, value=value)
    read_the_count(scene)


def some_integer_types(scene, count):
    """Integer types of one size, signed or not."""
    names = OF_SIZE[scene.picks.next("size", (1, 2, 4))]
    return [scene.choose(names) for _ in range(count)]


def types_for(scene, insn, op, on, names):
    if op in BITS:
        return some_integer_types(scene, len(names))
    if on == "POOL" and scene.chance(0.4):
        return [scene.picks.next("word", ("I32", "U32"))] * len(names)
    return [scene.dtype(insn, name) for name in names]


def tensor_tensor(scene):
    op = scene.picks.next("op", scene.ops(OPS))
    on = "POOL" if op in POOL_ONLY else "DVE" if op in BITS else engine(scene, "TENSOR_TENSOR")
    partitions, count = scene.partitions(), scene.elements(300)
    target, *types = types_for(scene, "TENSOR_TENSOR", op, on, ("dst", "a", "b"))
    a, b = (source(scene, "TENSOR_TENSOR", "", on, partitions, count, dtype, space)
            for dtype, space in zip(types, two_spaces(scene, "TENSOR_TENSOR", on, "ab")))
    dst = destination(scene, "TENSOR_TENSOR", on, partitions, count, target, [a, b])
    if "SHIFT" in op and scene.chance(0.8):  # most counts within the width
        scene.fill(b, scene.rng.integers(0, 40, (partitions, count)))
    scene.add(on, "TENSOR_TENSOR", dst=dst, a=a, b=b, op=number(op))
    read_the_count(scene)


def pairs(scene, legal):
    """Two operations that go together, every one in turn in both places."""
    first = scene.picks.next(("op0", *legal), legal)
    fitting = [op for op in legal if "BYPASS" in (first, op) or (op in BITS) == (first in BITS)]
    second = scene.picks.next(("op1", *fitting), fitting)
    return first, second


def tensor_scalar(scene):
    on = engine(scene, "TENSOR_SCALAR")
    if on == "ACT":
        op0, op1 = scene.picks.next("act", [("MULT", "ADD"), ("MULT", "BYPASS"), ("ADD", "BYPASS")])
    else:
        op0, op1 = pairs(scene, [op for op in scene.ops(OPS) if op not in (POOL_ONLY if on == "DVE" else BITS)])
    partitions, count = scene.partitions(), scene.elements(300)
    bits = op0 in BITS or op1 in BITS
    target, dtype = types_for(scene, "TENSOR_SCALAR", op0 if op0 in BITS else op1, on, ("dst", "src"))
    exact = on == "POOL" and target == dtype and target in ("I32", "U32") and scene.chance(0.8)
    values = (target,) if exact else IMMEDIATE
    vectors = OF_SIZE[STORAGE[dtype].itemsize] if bits else ("F32",)
    src = source(scene, "TENSOR_SCALAR", "src", on, partitions, count, dtype)
    operands = {}
    for name, op in (("operand0", op0), ("operand1", op1)):
        if "SHIFT" in op and scene.chance(0.7):
            operands[name] = scene.scalar(("IMM", "REG"), (("I32", "U32"), ()), partitions, None,
                                          value=int(scene.rng.integers(0, 40)))
        else:
            operands[name] = scalar(scene, "TENSOR_SCALAR", name, on, partitions, values, vectors)
    dst = destination(scene, "TENSOR_SCALAR", on, partitions, count, target, [src])
    scene.add(on, "TENSOR_SCALAR", dst=dst, src=src, op0=number(op0), op1=number(op1),
              flags=0 if on == "ACT" else int(scene.rng.integers(4)), **operands)
    read_the_count(scene)


def scalar_tensor_tensor(scene):
    insn, on = "SCALAR_TENSOR_TENSOR", "DVE"
    op0, op1 = (scene.picks.next(name, scene.ops(VECTOR_ARITHMETIC)) for name in ("op0", "op1"))
    partitions, count = scene.partitions(), scene.elements(300)
    a, b = (source(scene, insn, name, on, partitions, count, None, space)
            for name, space in zip("ab", two_spaces(scene, insn, on, "ab")))
    operand = scalar(scene, insn, "operand0", on, partitions)
    dst = destination(scene, insn, on, partitions, count, None, [a, b])
    scene.add(on, insn, dst=dst, a=a, b=b, op0=number(op0), op1=number(op1), operand0=operand, flags=int(scene.rng.integers(4)))
    read_the_count(scene)


def reciprocals(scene):
    partitions, count = scene.partitions(), scene.elements(400)
    src = source(scene, "RECIPROCAL", "src", "DVE", partitions, count)
    scene.add("DVE", "RECIPROCAL", dst=destination(scene, "RECIPROCAL", "DVE", partitions, count, None, [src]), src=src)
    read_the_count(scene)


@case("COPY of random tiles between all types, on all engines")
def check_copy(_folder):
    fleet.check("COPY", copies, 300, 60)


@case("COPY on ACT of a NeuronCore-v2 goes through fp32 between equal types too")
def check_copy_of_version_2(_folder):
    fleet.check("COPY", copies_of_version_2, 150, 40, versions=[2])


@case("MEMSET with values of every kind")
def check_memset(_folder):
    fleet.check("MEMSET", memsets, 200, 60)


@case("TENSOR_TENSOR with every operation")
def check_tensor_tensor(_folder):
    fleet.check("TENSOR_TENSOR", tensor_tensor, 600, 100)


@case("TENSOR_SCALAR with every pair of operations and order of operands")
def check_tensor_scalar(_folder):
    fleet.check("TENSOR_SCALAR", tensor_scalar, 700, 100)


@case("SCALAR_TENSOR_TENSOR with every pair of operations and order of operands")
def check_scalar_tensor_tensor(_folder):
    fleet.check("SCALAR_TENSOR_TENSOR", scalar_tensor_tensor, 400, 80)


@case("RECIPROCAL")
def check_reciprocal(_folder):
    fleet.check("RECIPROCAL", reciprocals, 150, 40)


if __name__ == "__main__":
    sys.exit(main())
