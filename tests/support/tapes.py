# SPDX-License-Identifier: MIT
"""Makes tapes of small jobs, and takes tapes apart."""

from __future__ import annotations

import sys
from pathlib import Path

from copies import copy_kernel
from neuronctl import good
from tap import BUILD

sys.path.insert(0, str(BUILD / "spec"))
import neuron_spec as spec

SIM = ("run", "--backend", "sim", "--sim-hbm", "1G", "--sim-cores", "1")
EVENT = 40

def recorded(folder: Path, count: int = 100, *more: str) -> bytes:
    kernel = copy_kernel(folder, count)
    good(folder, *SIM, "--record", "job.tape", *more, kernel, "--in", "X=x.npy", "--out", "Y=y.npy")
    return (folder / "job.tape").read_bytes()


def events(tape: bytes) -> list[tuple[int, dict]]:
    at, found = len(spec.pack_struct("tape_header")), []
    while at < len(tape):
        head = spec.unpack_struct("tape_event", tape[at:at + EVENT])
        found.append((at, head))
        at += EVENT + (head["bytes"] + 7) // 8 * 8
    return found


def fnv(data: bytes) -> int:
    value = 0x811C9DC5  # spec-ok: FNV's
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF  # spec-ok: FNV's
    return value


def with_byte(tape: bytes, at: int, byte: int, value: int) -> bytes:
    """The tape with another byte in the data of the event at `at`, and the check sum of that."""
    head = spec.unpack_struct("tape_event", tape[at:at + EVENT])
    data = bytearray(tape[at + EVENT:at + EVENT + head["bytes"]])
    data[byte] = value
    raw = spec.pack_struct("tape_event", **{**head, "check": 0})
    raw = spec.pack_struct("tape_event", **{**head, "check": fnv(raw + data)})
    return tape[:at] + raw + bytes(data) + tape[at + EVENT + len(data):]
