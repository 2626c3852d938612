# SPDX-License-Identifier: MIT
"""Group elementwise of the reference, and the accumulators."""

from __future__ import annotations

import numpy as np

from .casts import INTEGERS
from .functions import EXACT, exact_activation
from .operations import EXACT_ON_INTEGERS, NEUTRAL, arithmetic, bitwise, fold, on_integers

REVERSE0, REVERSE1 = 1, 2


def accumulate(m, dst, command: str, op: str, values: np.ndarray, init=None) -> None:
    """Enum acc_cmd. `values` [partitions, elements] are what R reduces."""
    if command == "IDLE":
        return
    acc = m.engine.accumulators[dst.partition:dst.partition + dst.partitions]
    if command == "RESET":
        acc[:] = NEUTRAL[op]
        return
    reduced = fold(op, np.broadcast_to(values, (dst.partitions, dst.count)))
    if command == "REDUCE":
        acc[:] = arithmetic(op, acc, reduced)
    elif command == "RESET_REDUCE":
        acc[:] = reduced
    else:
        acc[:] = arithmetic(op, init.f32()[:, 0], reduced)


def ordered(a, b, reverse) -> tuple:
    return (b, a) if reverse else (a, b)


def _on_bits(op: str) -> bool:
    return op.startswith(("BITWISE", "LOGICAL_SHIFT", "ARITH_SHIFT"))


def _looks_at(op: str, reverse) -> bool:
    """Whether an exact integer operation looks at its scalar operand."""
    return bool(reverse) or op not in ("BYPASS", "ABS")


def _chain(m, dst, first, steps) -> None:
    """dst = (first op0 x) op1 y ...; steps: (op, operand, reverse) with operands that are tiles or scalars."""
    ops = [op for op, _, _ in steps]
    dtypes = {dst.dtype, first.dtype, *(o.dtype for op, o, reverse in steps if hasattr(o, "count") or _looks_at(op, reverse))}
    if any(map(_on_bits, ops)):
        result = m.bits(first)
        for op, operand, reverse in steps:
            other = m.bits(operand) if hasattr(operand, "count") else operand.bits(first.size)
            result = bitwise(op, *ordered(result, other, reverse))
        m.put_bits(dst, np.broadcast_to(result, (dst.partitions, dst.count)))
    elif m.engine_name == "POOL" and dtypes in ({"I32"}, {"U32"}) and all(op in EXACT_ON_INTEGERS for op in ops):
        result = m.memory.read(first)
        for op, operand, reverse in steps:
            other = m.memory.read(operand) if hasattr(operand, "count") else operand.values if _looks_at(op, reverse) else result
            result = on_integers(op, *ordered(result, other, reverse))
        m.put_bits(dst, np.broadcast_to(result, (dst.partitions, dst.count)))
    else:
        result = m.f32(first)
        for op, operand, reverse in steps:
            other = m.f32(operand) if hasattr(operand, "count") else operand.f32()
            result = arithmetic(op, *ordered(result, other, reverse), m.inexact)
        m.put(dst, result)


def copy(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    if m.version == 2 and m.engine_name == "ACT":  # converts equal types as well
        m.put(dst, m.f32(src))
    else:
        m.put_cast(dst, m.memory.read(src), src.dtype)


def set_value(m, dst, value, where=None) -> None:
    """MEMSET, and the same by a predicate."""
    if value.dtype in ("I32", "U32") and dst.dtype in INTEGERS:
        m.put_bits(dst, np.broadcast_to(value.bits(dst.size), (dst.partitions, dst.count)), where)
    else:
        m.put_cast(dst, value.values, value.dtype, where)


def memset(m, o) -> None:
    dst = m.tile(o, "dst")
    set_value(m, dst, m.scalar(o, "value", dst.partitions))


def tensor_tensor(m, o) -> None:
    _chain(m, m.tile(o, "dst"), m.tile(o, "a"), [(m.op(o, "op"), m.tile(o, "b"), False)])


def tensor_scalar(m, o) -> None:
    dst, flags = m.tile(o, "dst"), o.get("flags", 0)
    _chain(m, dst, m.tile(o, "src"), [(m.op(o, "op0"), m.scalar(o, "operand0", dst.partitions), flags & REVERSE0),
                                      (m.op(o, "op1"), m.scalar(o, "operand1", dst.partitions), flags & REVERSE1)])


def scalar_tensor_tensor(m, o) -> None:
    dst, flags = m.tile(o, "dst"), o.get("flags", 0)
    _chain(m, dst, m.tile(o, "a"), [(m.op(o, "op0"), m.scalar(o, "operand0", dst.partitions), flags & REVERSE0),
                                    (m.op(o, "op1"), m.tile(o, "b"), flags & REVERSE1)])


def reciprocal(m, o) -> None:
    x = m.f32(m.tile(o, "src"))
    m.put(m.tile(o, "dst"), arithmetic("RECIPROCAL", x, x))


def activate(m, o) -> None:
    dst, src = m.tile(o, "dst"), m.tile(o, "src")
    scale, bias = (m.scalar(o, name, dst.partitions).f32() for name in ("scale", "bias"))
    y = arithmetic("ADD", arithmetic("MULT", m.f32(src), scale), bias)
    name = m.enum(o, "func", m.spec.Activation)
    z = exact_activation(name, y, m.f32_field(o, "param")) if name in EXACT else m.inexact(name, y)
    m.put(dst, z)
    accumulate(m, dst, m.enum(o, "acc", m.spec.AccCmd), "ADD", z)
