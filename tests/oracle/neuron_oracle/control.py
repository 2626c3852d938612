# SPDX-License-Identifier: MIT
"""Group control of the reference: what one sequencer's instruction does to registers, memory and semaphores.

A function gets the sequencer `s` and the operands. It returns the index of the next instruction, None for the following one,
or BLOCKED: then it runs again later.
"""

from __future__ import annotations

import numpy as np

from .casts import STORAGE
from .context_memory import Block
from .machine import Fault

BLOCKED = -1
_WORD = 2**32


def signed(word: int) -> int:
    return word - _WORD if word >= _WORD // 2 else word


def _b(s, o) -> int:
    return (s.get(o.get("rb", 0)) + o.get("imm", 0)) % _WORD


def nop(s, o):
    return None


def end(s, o):
    s.done = True


def move(s, o):
    s.set(o["rd"], o["imm"])


_ALU = {
    "ADD": lambda a, b: a + b, "SUB": lambda a, b: a - b, "MUL": lambda a, b: a * b,
    "AND": lambda a, b: a & b, "OR": lambda a, b: a | b, "XOR": lambda a, b: a ^ b,
    "SHL": lambda a, b: a << (b & 31), "SHR": lambda a, b: a >> (b & 31),
}


def alu(s, o):
    s.set(o["rd"], _ALU[s.spec.AluOp(o["op"]).name](s.get(o["ra"]), _b(s, o)))


_CONDITIONS = {
    "ALWAYS": lambda a, b: True, "EQ": lambda a, b: a == b, "NE": lambda a, b: a != b, "LT": lambda a, b: a < b,
    "LE": lambda a, b: a <= b, "GT": lambda a, b: a > b, "GE": lambda a, b: a >= b,
}


def branch(s, o):
    if not _CONDITIONS[s.spec.Cond(o["cond"]).name](signed(s.get(o.get("ra", 0))), signed(_b(s, o))):
        return None
    if o["target"] >= len(s.stream):
        raise Fault("PC_RANGE", o["target"])
    return o["target"]


def load_arg(s, o):
    s.set(o["rd"], s.launch.args[o["arg"]] >> (32 if o.get("high", 0) else 0))


def core_id(s, o):
    s.set(o["rd"], s.launch.numbers[s.rank])


def core_rank(s, o):
    s.set(o["rd"], s.rank)


def core_count(s, o):
    s.set(o["rd"], len(s.launch.numbers))


def _extended(element: np.ndarray, dtype: str) -> int:
    """As TENSOR_LOAD: signed integers are sign-extended, other types are bits."""
    if STORAGE[dtype].kind == "i":
        return int(element)
    return int(element.view(f"u{element.itemsize}"))


def _low_bytes(word: int, dtype: str) -> np.ndarray:
    size = STORAGE[dtype].itemsize
    return np.array([word % 2 ** (8 * size)], dtype=np.uint32).astype(f"<u{size}").view(STORAGE[dtype])


def tensor_load(s, o):
    tile = s.machine.tile(o, "src")
    s.set(o["rd"], _extended(s.machine.memory.read(tile)[0, 0], tile.dtype))


def tensor_store(s, o):
    tile = s.machine.tile(o, "dst")
    s.machine.memory.write(tile, _low_bytes(s.get(o["ra"]), tile.dtype)[:, None])


def mem_load(s, o):
    block = Block(o["src"], s.launch.args, s.registers, s.spec)
    s.set(o["rd"], _extended(s.launch.memory.read(block.row(0), block.dtype)[0], block.dtype))


def mem_store(s, o):
    block = Block(o["dst"], s.launch.args, s.registers, s.spec)
    s.launch.memory.write(block.row(0), _low_bytes(s.get(o["ra"]), block.dtype))


def sem_clear(s, o):
    for number in range(o["first"], o["first"] + o["count"]):
        s.semaphores.values[number] = 0


def sem_remote(s, o):
    s.launch.semaphores[s.get(o["rank"])].update(s.spec.UpdateOp(o["op"]).name, o["sem"], o["value"])


def drain(s, o):
    return BLOCKED if s.in_flight else None


def core_barrier(s, o):
    others = len(s.launch.numbers) - 1
    if not s.in_barrier:
        for rank, semaphores in enumerate(s.launch.semaphores):
            if rank != s.rank:
                semaphores.update("ADD", o["sem"], 1)
        s.in_barrier = True
    if not s.semaphores.wait("TAKE", o["sem"], others):
        return BLOCKED
    s.in_barrier = False
    return None


def notify(s, o):
    s.launch.note("NOTIFY", s, "NOTIFY", s.pc, (o["value"] + s.get(o.get("ra", 0))) % _WORD)


def set_rounding(s, o):
    s.machine.engines[s.engine].stochastic = s.spec.Rounding(o["mode"]).name == "STOCHASTIC"


_FUNCTIONS = (nop, end, move, alu, branch, load_arg, core_id, core_rank, core_count, tensor_load, tensor_store, mem_load,
              mem_store, sem_clear, sem_remote, drain, core_barrier, notify, set_rounding)
TABLE = {function.__name__.upper(): function for function in _FUNCTIONS}
