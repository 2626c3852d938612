# SPDX-License-Identifier: MIT
"""Random control programs: straight lines, loops, skips and semaphores of up to five engines on up to five cores."""

from __future__ import annotations

import numpy as np

from launch_probe import Launch
from launch_scene import CORE_SHIFT, SPAN, take, update
from neuron_oracle import STORAGE

PLACE = 1 << 12  # bytes of memory of each engine of each core, in area HBM: scratch, then what is dumped
DUMP = 1 << 11
ENGINE_STEP, RANK_STEP = 12, 15  # shifts
OUT_ARG, IN_ARG, FIXED = 0, 1, 4
FREE = 56  # registers 1 to 55 hold anything
COUNTER, RANK, PEER, BASE = 60, 61, 62, 63
SLOTS = 8  # words of SBUF and of PSUM of each engine
EDGES = (0, 1, -1, 2, 31, 32, 33, -31, 2**31 - 1, -2**31, 0x7FFF, -0x8000, 0xFF, 0x55555555)


class ControlProgram:
    """Every engine gets a program of its own; what it computes ends up in its place of memory."""

    def __init__(self, spec, rng, picks, areas: dict, cores: int, engines, version: int = 4):
        self.spec, self.rng, self.picks, self.areas, self.cores, self.version = spec, rng, picks, areas, cores, version
        chosen = self.rng.permutation(5)[:cores]
        self.input = int(areas["HOST"][0] + areas["HOST"][1] - SPAN)
        self.output = int(areas["HBM"][0] + areas["HBM"][1] - SPAN)
        numbers = [int(x) for x in rng.integers(0, 2**64, 32, dtype=np.uint64)]
        numbers[:FIXED] = [self.output, self.input + 777, 0, 2**63 + 2**31]
        self.launch = Launch(cores=int(sum(1 << int(n) for n in chosen)), args=numbers[:int(rng.choice([4, 20, 32]))])
        for engine in engines:
            self._engine(engine)
        self.launch.end()

    # Choices

    def choose(self, values):
        return values[int(self.rng.integers(len(values)))]

    def word(self) -> int:
        return self.choose(EDGES) if self.rng.random() < 0.5 else int(self.rng.integers(-2**31, 2**31))

    def register(self, low: int = 0) -> int:
        return int(self.rng.integers(low, FREE))

    def dtype(self, insn: str) -> str:
        names = [name for name in STORAGE if self.spec.DTYPE_SINCE[self.spec.Dtype[name]] <= self.version]
        return self.picks.next((insn, "dtype"), names)

    # Parts of a program

    def add(self, insn: str, header=None, **operands) -> None:
        self.launch.add(self.engine, insn, header, **operands)

    def _engine(self, engine: str) -> None:
        self.engine, self.number = engine, int(self.spec.Engine[engine])
        self._registers()
        for slot in range(2 * SLOTS):
            self._tensor("TENSOR_STORE", "dst", "ra", slot, "U32", 0)
        for _ in range(int(self.rng.integers(2, 7))):
            self.choose((self._straight, self._straight, self._loop, self._skip))()
        self._semaphores()
        self._neighbours()
        self._dump()

    def _registers(self) -> None:
        for number in range(1, FREE):
            self.add("MOVE", rd=number, imm=self.word())
        self.add("MOVE", rd=0, imm=77)  # lost
        self.add("CORE_RANK", rd=RANK)
        self.add("CORE_COUNT", rd=PEER)
        self.add("ALU", op=self.spec.AluOp.ADD, rd=BASE, ra=RANK, imm=1)
        # The next rank, the first after the last.
        self.add("BRANCH", cond=self.spec.Cond.LT, ra=BASE, rb=PEER, target=self.launch.here(self.engine) + 2)
        self.add("MOVE", rd=BASE, imm=0)
        self.add("ALU", op=self.spec.AluOp.OR, rd=PEER, ra=BASE)
        self.add("ALU", op=self.spec.AluOp.SHL, rd=BASE, ra=RANK, imm=RANK_STEP)

    def _straight(self, most: int = 40) -> None:
        for _ in range(int(self.rng.integers(1, most))):
            self.choose((self._alu, self._alu, self._alu, self._move, self._argument, self._about_cores, self._tensor_access,
                         self._memory_access, self._notify))()

    def _alu(self) -> None:
        op = self.picks.next("alu", list(self.spec.AluOp))
        operands = {"rb": self.register()} if self.rng.random() < 0.6 else {"imm": self.word()}
        if self.rng.random() < 0.1:
            operands = {"rb": self.register(), "imm": self.word()}
        self.add("ALU", op=op, rd=self.register(), ra=self.register(), **operands)

    def _move(self) -> None:
        self.add("MOVE", rd=self.register(), imm=self.word())

    def _argument(self) -> None:
        self.add("LOAD_ARG", rd=self.register(), arg=int(self.rng.integers(32)), high=int(self.rng.integers(2)))

    def _about_cores(self) -> None:
        self.add(self.choose(("CORE_ID", "CORE_RANK", "CORE_COUNT")), rd=self.register())

    def _notify(self) -> None:
        self.add("NOTIFY", value=int(self.rng.integers(2**32)), ra=self.register())

    def _tensor_access(self) -> None:
        insn, operand, register = self.choose((("TENSOR_LOAD", "src", "rd"), ("TENSOR_STORE", "dst", "ra")))
        dtype = self.dtype(insn)
        inner = int(self.rng.integers(4 // STORAGE[dtype].itemsize)) * STORAGE[dtype].itemsize
        self._tensor(insn, operand, register, int(self.rng.integers(2 * SLOTS)), dtype, inner)

    def _tensor(self, insn: str, operand: str, register: str, slot: int, dtype: str, inner: int) -> None:
        space = self.spec.Space(slot // SLOTS)
        partition = (0, 32, 64, 96)[slot % 4]
        offset = self.number * 64 + slot % SLOTS * 4 + inner + (131072 if space == self.spec.Space.SBUF else 8192)
        tile = {"offset": offset, "partitions": 1, "partition": partition, "space": int(space),
                "dtype": int(self.spec.Dtype[dtype]), "step": [self.word() % 5, 1, -1, 0], "num": [1, 1, 1, 1]}
        if self.rng.random() < 0.4:
            part = int(self.rng.integers(0, offset + 1))
            self.add("MOVE", rd=FREE, imm=part)
            tile |= {"offset": offset - part, "reg": FREE}
        self.add(insn, **{operand: tile, register: self.register(0 if register == "rd" else 1)})

    def _memory_access(self) -> None:
        if self.rng.random() < 0.5:
            self._memory("MEM_LOAD", "src", {"rd": self.register()}, IN_ARG, int(self.rng.integers(0, 9000)))
        else:
            self._memory("MEM_STORE", "dst", {"ra": self.register()}, OUT_ARG, int(self.rng.integers(0, DUMP - 4)))

    def _memory(self, insn: str, operand: str, register: dict, arg: int, offset: int, dtype: str | None = None) -> None:
        """An element of the shared input, or one in the engine's own place."""
        block = {"arg": arg, "dtype": int(self.spec.Dtype[dtype or self.dtype(insn)]), "num": [1, 1, 1],
                 "stride": [self.word(), 0, 5], "partition_stride": self.word()}
        if arg == OUT_ARG:
            block |= {"reg": BASE, "offset": offset + (self.number << ENGINE_STEP)}
        elif self.rng.random() < 0.6:
            value, shift = self.word(), int(self.rng.integers(32))
            self.add("MOVE", rd=FREE, imm=value)
            block |= {"reg": FREE, "shift": shift, "offset": offset - (value << shift)}
        else:
            block["offset"] = offset
        self.add(insn, **{operand: block}, **register)

    def _loop(self) -> None:
        self.add("MOVE", rd=COUNTER, imm=int(self.rng.integers(1, 5)))
        top = self.launch.here(self.engine)
        self._straight(12)
        self.add("ALU", op=self.spec.AluOp.SUB, rd=COUNTER, ra=COUNTER, imm=1)
        self.add("BRANCH", cond=self.spec.Cond.GT, ra=COUNTER, target=top)

    def _skip(self) -> None:
        """A branch over some instructions, on operands that are often equal."""
        ra = self.register()
        if self.rng.random() < 0.5:
            value = self.word()
            self.add("MOVE", rd=ra, imm=value)
            distance = int(self.choose((-1, 0, 0, 1, 2**31 - 5)))
            operands = {"imm": (value + distance + 2**31) % 2**32 - 2**31}
        else:
            operands = {"rb": self.choose((ra, self.register())), "imm": self.choose((0, 0, 1, -1))}
        operands |= {"cond": self.picks.next("cond", list(self.spec.Cond)), "ra": ra}
        self.add("BRANCH", target=0, **operands)
        branch = self.launch.streams[self.engine][-1][1]
        self._straight(6)
        branch["target"] = self.launch.here(self.engine)

    def _semaphores(self) -> None:
        """Ten of the engine's own; what they hold is asked for with EQ: a wrong value never comes."""
        first, values = 20 * self.number, [0] * 10
        for _ in range(int(self.rng.integers(5, 25))):
            i = int(self.rng.integers(10))
            kind = self.choose(("ADD", "SUB", "SET", "TAKE", "GE", "CLEAR", "REMOTE"))
            amount = int(self.rng.integers(2**32 - values[i])) if kind == "ADD" else int(self.rng.integers(values[i] + 1))
            if kind == "SET":
                amount = self.choose((0, 1, 2**32 - 1, 12345))
            if kind in ("ADD", "SUB", "SET"):
                self.add("NOP", update(self.spec, first + i, amount) | {"update_op": self.spec.UpdateOp[kind]})
                values[i] = {"ADD": values[i] + amount, "SUB": values[i] - amount, "SET": amount}[kind]
            elif kind == "TAKE":
                self.add("NOP", take(self.spec, first + i, amount))
                values[i] -= amount
            elif kind == "GE":
                self.add("NOP", take(self.spec, first + i, amount) | {"wait_op": self.spec.WaitOp.GE})
            elif kind == "CLEAR":
                count = int(self.rng.integers(1, 11 - i))
                self.add("SEM_CLEAR", first=first + i, count=count)
                values[i:i + count] = [0] * count
            else:
                self._remote(first + i, RANK, values, i)
        self._remote(first + 10, PEER, [0], 0)
        for i, value in enumerate(values):
            self.add("NOP", take(self.spec, first + i, value) | {"wait_op": self.spec.WaitOp.EQ})

    def _remote(self, semaphore: int, register: int, values: list[int], i: int) -> None:
        """SEM_REMOTE to this core, or to the next one while the one before does the same to this one."""
        op = self.picks.next("remote", [op.name for op in self.spec.UpdateOp])
        value = int(self.rng.integers(values[i] + 1)) if op == "SUB" else int(self.rng.integers(2**32 - values[i]))
        self.add("SEM_REMOTE", rank=register, sem=semaphore, op=self.spec.UpdateOp[op], value=value)
        values[i] = {"NONE": values[i], "ADD": values[i] + value, "SUB": values[i] - value, "SET": value}[op]
        if register == PEER:
            self.add("NOP", take(self.spec, semaphore, values[i]))

    def _neighbours(self) -> None:
        """Each core writes, all meet, each reads what the next one wrote."""
        here = {"dtype": int(self.spec.Dtype.U32), "num": [1, 1, 1], "stride": [0, 0, 0], "arg": OUT_ARG,
                "offset": (self.number << ENGINE_STEP) + DUMP + 512, "reg": RANK, "shift": RANK_STEP}
        for value in (1, 2):
            self.add("ALU", op=self.spec.AluOp.ADD, rd=FREE, ra=RANK, imm=1000 * value)
            self.add("MEM_STORE", dst=here, ra=FREE)
            self._meet(200 + self.number)
            self.add("MEM_LOAD", rd=FREE + value, src={**here, "reg": PEER})
            self._meet(200 + self.number)

    def _meet(self, semaphore: int) -> None:
        if self.version >= min(self.spec.INSN_SINCE["CORE_BARRIER"].values()):
            self.add("CORE_BARRIER", sem=semaphore)
            return
        for rank in range(self.cores):  # itself too
            self.add("MOVE", rd=FREE + 3, imm=rank)
            self.add("SEM_REMOTE", rank=FREE + 3, sem=semaphore, op=self.spec.UpdateOp.ADD, value=1)
        self.add("NOP", take(self.spec, semaphore, self.cores))

    def _dump(self) -> None:
        for number in range(64):
            self._memory("MEM_STORE", "dst", {"ra": number}, OUT_ARG, DUMP + 4 * number, "U32")
        for slot in range(2 * SLOTS):
            self._tensor("TENSOR_LOAD", "src", "rd", slot, "U32", 0)
            register = self.launch.streams[self.engine][-1][1]["rd"]
            if register:
                self._memory("MEM_STORE", "dst", {"ra": register}, OUT_ARG, DUMP + 256 + 4 * slot, "U32")


assert CORE_SHIFT > RANK_STEP
