# SPDX-License-Identifier: MIT
"""Runs single instructions on the chip model, in a process of their own; see insn_probe.cpp."""

from __future__ import annotations

import subprocess

import numpy as np


class Fault(Exception):
    """The instruction faulted: code by name, info."""

    def __init__(self, code: str, info: int):
        super().__init__(f"{code} {info}")
        self.code, self.info = code, info


class InsnProbe:
    """One core at a time. `spec` is the generated neuron_spec module."""

    def __init__(self, path: str, spec, version: int = 4):
        self.spec = spec
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._send("targets\n", flush=True)
        self.targets = self._line().split()
        self.reset(version)

    def _send(self, line: str, *parts: bytes, flush: bool = False) -> None:
        self.process.stdin.write(line.encode() + b"".join(parts))
        if flush:
            self.process.stdin.flush()

    def _line(self) -> str:
        line = self.process.stdout.readline().decode()
        if not line:
            raise AssertionError(f"the probe ended with status {self.process.wait()}")
        return line

    def use(self, target: str) -> None:
        self._send(f"target {target}\n")

    def reset(self, version: int = 4) -> None:
        """A new core: memory, registers and engine states are zero."""
        self._send(f"core {version}\n")

    def write(self, space: str, partition: int, byte: int, rows: np.ndarray) -> None:
        """rows[i] goes to partition + i, from byte `byte` on."""
        rows = np.ascontiguousarray(rows)
        raw = rows.reshape(rows.shape[0], -1).view(np.uint8)
        self._send(f"write {space} {partition} {raw.shape[0]} {byte} {raw.shape[1]}\n", raw.tobytes())

    def ask(self, space: str, partition: int, partitions: int, byte: int, count: int) -> None:
        """Asks for what answer() returns, so that several probes can work at once."""
        self._send(f"read {space} {partition} {partitions} {byte} {count}\n", flush=True)
        self.asked = partitions, count

    def answer(self) -> np.ndarray:
        """[partitions, count] bytes, of the last ask()."""
        size = self.asked[0] * self.asked[1]
        raw = self.process.stdout.read(size)
        if len(raw) != size:
            raise AssertionError(f"the probe ended with status {self.process.wait()}")
        return np.frombuffer(raw, dtype=np.uint8).reshape(self.asked)

    def read(self, space: str, partition: int, partitions: int, byte: int, count: int) -> np.ndarray:
        """[partitions, count] bytes."""
        self.ask(space, partition, partitions, byte, count)
        return self.answer()

    def register(self, number: int, value: int) -> None:
        self._send(f"reg {number} {value & 0xFFFFFFFF}\n")

    def rounding(self, engine: str, mode: str) -> None:
        self._send(f"rounding {engine} {mode}\n")

    def start(self, engine: str, insn: str, operands: dict) -> None:
        """Hands one instruction over. finish() must follow before anything else is asked."""
        self._send(f"exec {engine}\n", self.spec.pack_insn(insn, **operands), flush=True)

    def finish(self) -> int:
        """Waits for the instruction of start(): the numeric_flag bits of what it wrote. Raises Fault."""
        words = self._line().split()
        if words[0] == "fault":
            raise Fault(words[1], int(words[2]))
        return int(words[1])

    def run(self, engine: str, insn: str, **operands) -> int:
        """Executes one instruction, as finish(). Raises Fault."""
        self.start(engine, insn, operands)
        return self.finish()
