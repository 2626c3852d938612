#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scans on the chip model and on the oracle.

Usage: scan_test.py [INSN_PROBE]
"""

import sys

from fleet import Fleet, spec
from generators import (VECTOR_ARITHMETIC, destination, number, read_accumulators, read_the_count, scalar, source, start_value,
                        two_spaces)
from tap import case, main

fleet = Fleet()


def cumulative(scene):
    insn = "TENSOR_SCALAR_CUMULATIVE"
    partitions, count = scene.partitions(), scene.elements(120)
    command = scene.picks.next("acc", ("RESET_REDUCE", "REDUCE", "LOAD_REDUCE"))
    src = source(scene, insn, "src", "DVE", partitions, count)
    operands = {"operand0": scalar(scene, insn, "operand0", "DVE", partitions),
                "init": start_value(scene, insn, "init", "DVE", partitions, command)}
    dst = destination(scene, insn, "DVE", partitions, count, None, [src])
    scene.add("DVE", insn, dst=dst, src=src, op0=number(scene.picks.next("op0", scene.ops(VECTOR_ARITHMETIC))),
              op1=number(scene.picks.next("op1", ("ADD", "SUBTRACT", "MULT", "MAX", "MIN"))), acc=spec.AccCmd[command], **operands)
    read_accumulators(scene, "DVE")
    read_the_count(scene)


def scan(scene):
    insn = "TENSOR_TENSOR_SCAN"
    partitions, count = scene.partitions(), scene.elements(120)
    a, b = (source(scene, insn, name, "DVE", partitions, count, None, space)
            for name, space in zip("ab", two_spaces(scene, insn, "DVE", "ab")))
    initial = scalar(scene, insn, "initial", "DVE", partitions)
    dst = destination(scene, insn, "DVE", partitions, count, None, [a, b])
    op0, op1 = (scene.picks.next(name, scene.ops(VECTOR_ARITHMETIC)) for name in ("op0", "op1"))
    if scene.chance(0.4):  # the pairs that programs use
        op0, op1 = scene.choose((("MULT", "ADD"), ("MULT", "SUBTRACT"), ("ADD", "MAX"), ("MAX", "MIN")))
    scene.add("DVE", insn, dst=dst, a=a, b=b, initial=initial, op0=number(op0), op1=number(op1), flags=int(scene.rng.integers(4)))
    read_the_count(scene)


@case("TENSOR_SCALAR_CUMULATIVE with every operation, start and running operation")
def check_cumulative(_folder):
    fleet.check("TENSOR_SCALAR_CUMULATIVE", cumulative, 300, 60)


@case("TENSOR_TENSOR_SCAN with every pair of operations and order of operands")
def check_scan(_folder):
    fleet.check("TENSOR_TENSOR_SCAN", scan, 400, 80)


if __name__ == "__main__":
    sys.exit(main())
