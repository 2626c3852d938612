# SPDX-License-Identifier: MIT
"""What the random programs of several groups have in common; all take a Scene."""

from __future__ import annotations

from fleet import spec
from neuron_oracle.casts import INTEGERS, STORAGE
from scene import PARTITIONS

OPS = [op.name for op in spec.TensorOp]
BITS = [op.name for op in spec.TensorOp if op >= 32]
POOL_ONLY = ("POW", "RSQRT")
VECTOR_ARITHMETIC = [op for op in OPS if op not in POOL_ONLY and op not in BITS]
OF_SIZE = {size: [name for name in INTEGERS if STORAGE[name].itemsize == size] for size in (1, 2, 4)}
ALL_OF_SIZE = {size: [name for name in STORAGE if STORAGE[name].itemsize == size] for size in (1, 2, 4)}
IMMEDIATE = ("F32", "I32", "U32")
NOTHING = {"dtype": int(spec.Dtype.F32)}  # an IMM of +0


def number(name: str) -> int:
    return int(spec.TensorOp[name])


def engine(scene, insn: str) -> str:
    """Each of the instruction's engines in turn."""
    return scene.picks.next((insn, "engine"), scene.engines(insn))


def scalar(scene, insn, operand, on, partitions, value_types=IMMEDIATE, vector_types=("F32",)):
    return scene.scalar(("IMM", "REG", "VECTOR"), (value_types, vector_types), partitions,
                        lambda: scene.space(insn, operand, on))


def source(scene, insn, operand, on, partitions, count, dtype=None, space=None, **how):
    return scene.tile(partitions, count, dtype or scene.dtype(insn, operand), space or scene.space(insn, operand, on),
                      repeat=True, **how)


def destination(scene, insn, on, partitions, count, dtype=None, sources=()):
    """A new tile, or one of the inputs in place."""
    dtype = dtype or scene.dtype(insn, "dst")
    size = STORAGE[dtype].itemsize
    in_place = [s for s in sources if STORAGE[spec.Dtype(s["dtype"]).name].itemsize == size and 0 not in s["step"]]
    if in_place and scene.chance(0.2):
        return scene.like(scene.choose(in_place), dtype)
    return scene.tile(partitions, count, dtype, scene.space(insn, "dst", on), repeat=scene.chance(0.1))


def two_spaces(scene, insn, on, names):
    """At most one of two inputs in PSUM."""
    spaces = [scene.space(insn, name, on) for name in names]
    if spaces.count("PSUM") > 1:
        spaces[scene.choose(range(2))] = "SBUF"
    return spaces


def read_the_count(scene):
    """How many random words the program took."""
    if scene.stochastic:
        for on in scene.engines("RNG"):
            scene.add(on, "RNG", dst=scene.tile(1, 5, "U32", "SBUF"))


def read_accumulators(scene, on):
    """All of them, as fp32, to where they are compared."""
    dst = scene.tile(PARTITIONS, 1, "F32", "SBUF")
    scene.add(on, "READ_ACC", dst=dst, negate=scene.choose((0, 1)))


def accumulator_command(scene, *without):
    """Each command in turn."""
    names = [command.name for command in spec.AccCmd if command.name not in without]
    return scene.picks.next(("acc", *names), names)


def start_value(scene, insn, operand, on, partitions, command):
    """init: only LOAD_REDUCE has one."""
    return scalar(scene, insn, operand, on, partitions) if command == "LOAD_REDUCE" else dict(NOTHING)
