#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reductions and the accumulators on the chip model and on the oracle.

Usage: reduce_test.py [INSN_PROBE]
"""

import math
import sys

from fleet import Fleet, spec
from generators import (BITS, OF_SIZE, VECTOR_ARITHMETIC, accumulator_command, destination, engine, number, read_accumulators,
                        read_the_count, scalar, source, start_value)
from tap import case, main

fleet = Fleet()
REDUCTIONS = ("ADD", "SUBTRACT", "MULT", "MAX", "MIN", "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_XOR", "BITWISE_AND", "BITWISE_OR", "BITWISE_XOR")


def tensor_reduce(scene):
    insn = "TENSOR_REDUCE"
    op, axes = scene.picks.next("op", REDUCTIONS), scene.picks.next("axes", (1, 2, 3, 4))
    partitions, count = scene.partitions(), scene.elements(400)
    types = [None, None]
    if op in BITS:
        names = OF_SIZE[scene.picks.next("size", (1, 2, 4))]
        types = [scene.choose(names) for _ in range(2)]
    src = source(scene, insn, "src", "DVE", partitions, count, types[0])
    groups = math.prod(src["num"][axes:])
    dst = destination(scene, insn, "DVE", partitions, groups, types[1])
    scene.add("DVE", insn, dst=dst, src=src, op=number(op), axes=axes, negate=0 if op in BITS else scene.choose((0, 1)))
    read_the_count(scene)


def tensor_scalar_reduce(scene):
    insn = "TENSOR_SCALAR_REDUCE"
    partitions, count = scene.partitions(), scene.elements(300)
    command = accumulator_command(scene)
    src = source(scene, insn, "src", "DVE", partitions, count)
    operands = {"operand0": scalar(scene, insn, "operand0", "DVE", partitions),
                "init": start_value(scene, insn, "init", "DVE", partitions, command)}
    dst = destination(scene, insn, "DVE", partitions, count, None, [src])
    scene.add("DVE", insn, dst=dst, src=src, op0=number(scene.picks.next("op0", scene.ops(VECTOR_ARITHMETIC))),
              reduce=number(scene.picks.next("reduce", ("ADD", "MULT", "MAX", "MIN"))), acc=spec.AccCmd[command],
              flags=scene.choose((0, 1)), **operands)
    read_accumulators(scene, "DVE")
    read_the_count(scene)


def read_acc(scene):
    on = engine(scene, "READ_ACC")
    partitions = scene.partitions()
    if on == "DVE":
        src = source(scene, "TENSOR_SCALAR_REDUCE", "src", on, partitions, scene.elements(40))
        scene.add(on, "TENSOR_SCALAR_REDUCE", dst=src, src=src, op0=0, operand0={"dtype": 3}, init={"dtype": 3},
                  reduce=number("MAX"), acc=spec.AccCmd.RESET_REDUCE)
    else:
        src = source(scene, "ACTIVATE", "src", on, partitions, scene.elements(40))
        scene.add(on, "ACTIVATE", dst=src, src=src, scale=scalar(scene, "ACTIVATE", "scale", on, partitions),
                  bias={"dtype": 3}, acc=spec.AccCmd.RESET_REDUCE)
    partitions = scene.partitions()
    dst = destination(scene, "READ_ACC", on, partitions, 1)
    scene.add(on, "READ_ACC", dst=dst, negate=scene.choose((0, 1)))
    read_the_count(scene)


@case("TENSOR_REDUCE with every operation over one to four dimensions")
def check_tensor_reduce(_folder):
    fleet.check("TENSOR_REDUCE", tensor_reduce, 500, 100)


@case("TENSOR_SCALAR_REDUCE with every operation, reduction and accumulator command")
def check_tensor_scalar_reduce(_folder):
    fleet.check("TENSOR_SCALAR_REDUCE", tensor_scalar_reduce, 500, 100)


@case("READ_ACC to every type, on both engines")
def check_read_acc(_folder):
    fleet.check("READ_ACC", read_acc, 200, 50)


if __name__ == "__main__":
    sys.exit(main())
