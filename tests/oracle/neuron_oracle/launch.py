# SPDX-License-Identifier: MIT
"""A whole launch: sequencers and DMA rings of several cores, in an order that a random generator decides."""

from __future__ import annotations

from collections import deque

import numpy as np

from . import control, dma
from .machine import Engine, Fault


class Semaphores:
    """Those of a core."""

    def __init__(self, count: int):
        self.values = [0] * count

    def wait(self, op: str, number: int, value: int) -> bool:
        """Whether the condition holds; TAKE subtracts then."""
        now = self.values[number]
        holds = {"NONE": True, "GE": now >= value, "EQ": now == value, "TAKE": now >= value}[op]
        if op == "TAKE" and holds:
            self.values[number] -= value
        return holds

    def update(self, op: str, number: int, value: int) -> None:
        now = self.values[number]
        new = {"NONE": now, "ADD": now + value, "SUB": now - value, "SET": value}[op]
        if not 0 <= new < 2**32:
            raise Fault("SEMAPHORE", number)
        self.values[number] = new


class Sequencer:
    """One engine of one core."""

    def __init__(self, launch, rank: int, engine: str, stream: list):
        self.launch, self.rank, self.engine, self.stream = launch, rank, engine, stream
        self.spec, self.machine, self.semaphores = launch.spec, launch.machines[rank], launch.semaphores[rank]
        self.registers = np.zeros(self.spec.SEQ_REGISTERS, dtype=np.uint32)
        self.pc, self.last, self.in_flight = 0, 0, 0  # last: the instruction that ran last, which faults
        self.done = not stream
        self.waited, self.in_barrier = False, False

    def get(self, number: int) -> int:
        return int(self.registers[number])

    def set(self, number: int, value: int) -> None:
        if number:
            self.registers[number] = value % 2**32

    def wait(self, header: dict) -> bool:
        op = self.spec.WaitOp(header.get("wait_op", 0)).name
        self.waited = self.waited or self.semaphores.wait(op, header.get("wait_sem", 0), header.get("wait_value", 0))
        return self.waited

    def update(self, header: dict) -> None:
        op = self.spec.UpdateOp(header.get("update_op", 0)).name
        self.semaphores.update(op, header.get("update_sem", 0), header.get("update_value", 0))

    def step(self) -> bool:
        """Runs one instruction; False if it has to wait."""
        if self.pc >= len(self.stream):
            raise Fault("PC_RANGE", self.pc)
        self.last = self.pc
        insn, operands, header = self.stream[self.pc]
        if not self.wait(header):
            return False
        self.launch.seen.add(insn)
        self.machine.registers = self.registers
        following = None
        if insn in dma.TABLE:
            self.launch.hand_over(self, insn, operands, header)
        elif insn in control.TABLE:
            following = control.TABLE[insn](self, operands)
        else:
            self.machine.run(self.engine, insn, operands)
            if flags := self.machine.numeric_flags(insn, operands):
                self.launch.note("NUMERIC", self, insn, self.pc, flags)
        if following == control.BLOCKED:
            return False
        if insn not in dma.TABLE:
            self.update(header)
        self.launch.note("TRACE", self, insn, self.pc, 0)
        self.waited = False
        self.pc = self.pc + 1 if following is None else following
        return True


class Ring:
    """A DMA ring of a core: transfers in order."""

    def __init__(self, launch, number: int):
        self.launch, self.number, self.transfers = launch, number, deque()

    def step(self) -> bool:
        if not self.transfers:
            return False
        sequencer, insn, operands, header, registers, pc = self.transfers[0]
        machine = sequencer.machine
        machine.registers = registers
        dma.TABLE[insn](machine, self.launch, operands)
        sequencer.update(header)
        self.transfers.popleft()
        sequencer.in_flight -= 1
        self.launch.note("DMA", sequencer, insn, pc, self.number)
        return True


class LaunchFault(Exception):
    """Where and how a launch ended; the fields of the event record."""

    def __init__(self, fault: Fault, unit: str, core: int, ring: int, pc: int):
        super().__init__(f"{fault} in {unit} of core {core}, ring {ring}, pc {pc}")
        self.code, self.info, self.va = fault.code, fault.info, getattr(fault, "va", 0)
        self.unit, self.core, self.ring, self.pc, self.write = unit, core, ring, pc, getattr(fault, "write", False)


class LaunchOracle:
    """`machines`: one per core, in order of rank, their on-chip memory from before. `numbers`: those of the cores. `streams`: by
    engine a list of (instruction, operands, header). `seen` collects the names of the instructions that ran. `notes` is what goes
    to the notification ring, all kinds, without times: (kind, core, engine, opcode, pc, value)."""

    def __init__(self, spec, machines, numbers, memory, args, streams, rng):
        self.spec, self.machines, self.numbers, self.memory, self.rng = spec, machines, numbers, memory, rng
        self.args = list(args) + [0] * (spec.LAUNCH_ARGS - len(args))
        self.semaphores = [Semaphores(spec.SEMAPHORES) for _ in machines]
        self.notes, self.seen = [], set()
        for machine in machines:
            machine.engines = {engine.name: Engine() for engine in spec.Engine}
        self.sequencers = [Sequencer(self, rank, engine, stream) for rank in range(len(machines))
                           for engine, stream in streams.items()]
        self.rings = [[Ring(self, number) for number in range(spec.DMA_RINGS)] for _ in machines]

    def note(self, kind: str, sequencer: Sequencer, insn: str, pc: int, value: int) -> None:
        self.notes.append((kind, self.numbers[sequencer.rank], sequencer.engine, insn, pc, value))

    def hand_over(self, sequencer: Sequencer, insn: str, operands: dict, header: dict) -> None:
        sequencer.in_flight += 1
        self.rings[sequencer.rank][operands.get("ring", 0)].transfers.append(
            (sequencer, insn, operands, header, sequencer.registers.copy(), sequencer.pc))

    def run(self) -> None:
        """Raises LaunchFault."""
        while True:
            live = [s for s in self.sequencers if not s.done] + [ring for rings in self.rings for ring in rings if ring.transfers]
            if not live:
                return
            if not any([self._turn(live[i]) for i in self.rng.permutation(len(live))]):
                raise AssertionError("the program is stuck: "
                                     + str([(s.rank, s.engine, s.pc) for s in self.sequencers if not s.done]))

    def _turn(self, unit) -> bool:
        """Some steps of a unit; whether there was one."""
        moved = False
        for _ in range(int(self.rng.integers(1, 40))):
            if getattr(unit, "done", False) or not self._step(unit):
                break
            moved = True
        return moved

    def _step(self, unit) -> bool:
        try:
            return unit.step()
        except Fault as fault:
            if isinstance(unit, Ring):
                sequencer, *_, pc = unit.transfers[0]
                raise LaunchFault(fault, "DMA", self.numbers[sequencer.rank], unit.number, pc) from fault
            raise LaunchFault(fault, unit.engine, self.numbers[unit.rank], 0, unit.last) from fault
