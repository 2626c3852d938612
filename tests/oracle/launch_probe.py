# SPDX-License-Identifier: MIT
"""Runs whole launches on the chip model, in a process of its own; see launch_probe.cpp."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FaultRecord:
    """What the device's event record says of a launch that faulted. Names as in the reference."""

    code: str
    unit: str
    core: int
    ring: int
    pc: int
    write: int
    va: int
    info: int


@dataclass
class Launch:
    """A program (the same for all cores) and how it is launched. A step is (instruction, operands, header)."""

    cores: int = 1  # mask
    args: list[int] = field(default_factory=list)
    notify: int = 0
    notify_log2: int = 0
    trace: int = 0
    streams: dict[str, list[tuple[str, dict, dict]]] = field(default_factory=dict)

    def add(self, engine: str, insn: str, header: dict | None = None, **operands) -> None:
        self.streams.setdefault(engine, []).append((insn, operands, header or {}))

    def here(self, engine: str) -> int:
        """Index of the next instruction."""
        return len(self.streams.get(engine, []))

    def end(self) -> None:
        """An END for every stream that has instructions."""
        for engine in self.streams:
            self.add(engine, "END")


class LaunchProbe:
    """One chip at a time. `spec` is the generated neuron_spec module."""

    def __init__(self, path: str, spec, **config):
        self.spec = spec
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.chip(**config)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        if self.process.wait() != 0:
            raise AssertionError(f"the probe ended with status {self.process.returncode}")

    def _send(self, line: str, *parts: bytes, flush: bool = False) -> None:
        self.process.stdin.write(line.encode() + b"".join(parts))
        if flush:
            self.process.stdin.flush()

    def _line(self) -> str:
        line = self.process.stdout.readline().decode()
        if not line:
            raise AssertionError(f"the probe ended with status {self.process.wait()}")
        return line

    def chip(self, profile: str = "trn3", cores: int = 5, threads: int = 2, stepped: bool = False, seed: int = 1,
             simd: str = "auto", hazards: bool = False) -> None:
        """A new chip. Raises ValueError if there is no such chip on this host."""
        self._send(f"chip {profile} {cores} {threads} {int(stepped)} {seed} {simd} {int(hazards)}\n", flush=True)
        answer = self._line()
        if answer != "ok\n":
            raise ValueError(answer)
        self._send("areas\n", flush=True)
        words = self._line().split()
        self.areas = {name: (int(va), int(size), writable == "1")
                      for name, va, size, writable in zip(words[::4], words[1::4], words[2::4], words[3::4])}

    def write(self, va: int, data: bytes) -> None:
        self._send(f"write {va} {len(data)}\n", data)

    def read(self, va: int, count: int) -> bytes:
        self._send(f"read {va} {count}\n", flush=True)
        data = self.process.stdout.read(count)
        if len(data) != count:
            raise AssertionError(f"the probe ended with status {self.process.wait()}")
        return data

    def launch(self, launch: Launch) -> FaultRecord | None:
        streams = [launch.streams.get(engine.name, []) for engine in self.spec.Engine]
        code = b"".join(self.spec.pack_insn(insn, header, **operands) for stream in streams for insn, operands, header in stream)
        numbers = [launch.cores, launch.notify, launch.notify_log2, launch.trace, len(launch.args), *launch.args, *map(len, streams)]
        self._send(f"launch {' '.join(map(str, numbers))}\n", code, flush=True)
        words = self._line().split()
        return None if words[0] == "ok" else FaultRecord(words[1], words[2], *map(int, words[3:]))
