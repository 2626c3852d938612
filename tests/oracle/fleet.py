# SPDX-License-Identifier: MIT
"""The chip model on every instruction set of this host, side by side with the oracle."""

from __future__ import annotations

import math
import os
import sys
import zlib
from pathlib import Path

import numpy as np

_TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NEURON_BUILD", _TOP / "build"))
sys.path.insert(0, str(_TOP / "tests" / "support"))
sys.path.insert(0, str(BUILD / "spec"))
sys.dont_write_bytecode = True

import neuron_spec as spec  # noqa: E402
from insn_probe import Fault as ProbeFault, InsnProbe  # noqa: E402
from neuron_oracle import Fault, Machine  # noqa: E402
from neuron_oracle.functions import reference, reference_power, within_one_ulp  # noqa: E402
from scene import PARTITIONS, Picks, Scene, profile_of, versions_of  # noqa: E402

SEED = 20261
SLOW = ("SCALAR", "EMU128")
ENGINES_THAT_ROUND = ("ACT", "DVE", "POOL")


def _probe_path() -> str:
    return sys.argv[1] if len(sys.argv) > 1 else str(BUILD / "user" / "tests" / "oracle" / "insn_probe")


class Functions:
    """The inexact functions as the model computes them, each result checked against a reference: what the tolerance leaves
    open is settled here, everything else can be compared bit by bit."""

    def __init__(self, probe: InsnProbe):
        self.probe = probe

    def __call__(self, name: str, *arguments) -> np.ndarray:
        shape = arguments[0].shape
        flat = [np.ascontiguousarray(a, dtype=np.float32).ravel() for a in arguments]
        parts = [self._run(name, [f[i:i + 128 * 4096] for f in flat]) for i in range(0, flat[0].size, 128 * 4096)]
        return np.concatenate(parts).reshape(shape)

    def _run(self, name: str, flat: list[np.ndarray]) -> np.ndarray:
        count = -(-flat[0].size // PARTITIONS)
        def tile(offset): return {"offset": offset, "partitions": PARTITIONS, "dtype": int(spec.Dtype.F32),
                                  "step": [1, 0, 0, 0], "num": [count, 1, 1, 1]}
        for number, values in enumerate(flat):
            rows = np.zeros(PARTITIONS * count, dtype=np.float32)
            rows[:values.size] = values
            self.probe.write("SBUF", 0, number * 16384, rows.reshape(PARTITIONS, count))
        if len(flat) == 2:
            self.probe.run("POOL", "TENSOR_TENSOR", dst=tile(32768), a=tile(0), b=tile(16384), op=spec.TensorOp[name])
            want = reference("RSQRT", flat[0]) if name == "RSQRT" else reference_power(*flat)
        else:
            one, nothing = 0x3F800000, 0x80000000  # adding -0 changes no number, not even a zero
            self.probe.run("ACT", "ACTIVATE", dst=tile(32768), src=tile(0), func=spec.Activation[name],
                           scale={"value": one, "dtype": int(spec.Dtype.F32)},
                           bias={"value": nothing, "dtype": int(spec.Dtype.F32)})
            want = reference(name, flat[0])
        got = self.probe.read("SBUF", 0, PARTITIONS, 32768, 4 * count).copy().view(np.float32).ravel()[:flat[0].size]
        wrong = np.flatnonzero(~within_one_ulp(got, want))
        if wrong.size:
            i = wrong[0]
            raise AssertionError(f"{name} of {[f'{f[i]!r} ({int(f[i].view(np.uint32)):#x})' for f in flat]}: the chip gives "
                                 f"{got[i]!r}, the reference {want[i]!r}; {wrong.size} of {got.size} are off")
        return got


class Fleet:
    """Probes, one per instruction set, and the oracle."""

    def __init__(self):
        first = InsnProbe(_probe_path(), spec)
        self.probes = {target: InsnProbe(_probe_path(), spec) for target in first.targets[1:]}
        self.probes = {first.targets[0]: first, **self.probes}
        for target, probe in self.probes.items():
            probe.use(target)
        self.functions = Functions(InsnProbe(_probe_path(), spec))
        self.seen: set[str] = set()
        self.reset()

    def reset(self, version: int = 4) -> None:
        """A new core of that version on all sides."""
        for probe in self.probes.values():
            probe.reset(version)
        self.version = version
        self.machine = Machine(spec, self.functions, profile_of(spec, version).name, version)
        self.active = dict(self.probes)

    def drop_slow(self) -> None:
        """From now on without the slow instruction sets."""
        self._compare_everything([target for target in self.active if target in SLOW])
        self.active = {target: probe for target, probe in self.active.items() if target not in SLOW}

    def check(self, name: str, generate, cases: int, slow: int, versions=None) -> None:
        """`generate(scene)` makes a program around instruction `name`; `slow` of the cases run on the slow instruction sets too. Both
        numbers are shared by all core versions that have the instruction, or by those given; half goes to the newest one.
        Calls of this function are what oracle_test.py counts as covering an instruction."""
        versions = versions or versions_of(spec, name)
        seen: dict = {}
        for version in versions:
            self.seen.discard(name)
            part = 1 if len(versions) == 1 else 1 / 2 if version == versions[0] else 1 / 2 / (len(versions) - 1)
            picks = self._check_version(name, generate, math.ceil(cases * part), math.ceil(slow * part), version)
            for key, values in picks.seen.items():
                seen.setdefault(key, set()).update(values)
            if name not in self.seen:
                raise AssertionError(f"no program ran {name} on version {version}")
        self._all_types_seen(seen)

    def _check_version(self, name: str, generate, cases: int, slow: int, version: int) -> "Picks":
        self.reset(version)
        seed = (SEED, zlib.crc32(name.encode()), version)
        picks = Picks(np.random.default_rng(seed))
        for number in range(cases):
            if number == slow:
                self.drop_slow()
            scene = Scene(spec, np.random.Generator(np.random.SFC64((*seed, number))), picks, version=version)
            generate(scene)
            self.play(scene, f"{name}, version {version}, case {number}, seed {seed}")
        self._compare_everything(list(self.active))
        return picks

    def play(self, scene: Scene, what: str) -> None:
        self._set_up(scene)
        for engine, insn, operands in scene.program:
            self.seen.add(insn)
            self._step(engine, insn, operands, what)
        for space in scene.window:
            self._compare(scene, space, what)

    def _set_up(self, scene: Scene) -> None:
        for space, window in scene.window.items():
            base = scene.base[space]
            self.machine.memory.spaces[space][:, base:base + window.shape[1]] = window
            for probe in self.active.values():
                probe.write(space, 0, base, window)
        for number, value in scene.registers.items():
            self.machine.registers[number] = value
            for probe in self.active.values():
                probe.register(number, value)
        for engine in ENGINES_THAT_ROUND:
            self.machine.engines[engine].stochastic = scene.stochastic
            for probe in self.active.values():
                probe.rounding(engine, "STOCHASTIC" if scene.stochastic else "NEAREST_EVEN")

    def _step(self, engine: str, insn: str, operands: dict, what: str) -> None:
        for probe in self.active.values():
            probe.start(engine, insn, operands)
        try:
            self.machine.run(engine, insn, operands)
            want = f"ok, numeric {self.machine.numeric_flags(insn, operands)}"
        except Fault as fault:
            want = str(fault)
            if fault.code not in (f.name for f in spec.FAULTS[insn]):
                raise AssertionError(f"{insn} ends with {fault}, which its page does not name") from fault
        answers = {}
        for target, probe in self.active.items():
            try:
                answers[target] = f"ok, numeric {probe.finish()}"
            except ProbeFault as fault:
                answers[target] = str(fault)
        for target, got in answers.items():
            if got != want:
                raise AssertionError(f"{target}: {got}, oracle: {want}; {what}: {engine} {insn} {operands}")

    def _compare(self, scene: Scene, space: str, what: str) -> None:
        base, width = scene.base[space], scene.width
        want = self.machine.memory.spaces[space][:, base:base + width]
        for probe in self.active.values():
            probe.ask(space, 0, PARTITIONS, base, width)
        answers = {target: probe.answer() for target, probe in self.active.items()}
        for target, got in answers.items():
            if not np.array_equal(got, want):
                raise AssertionError(f"{target}: {describe(got, want, scene, space)}\n{what}: {scene.program}, "
                                     f"registers {scene.registers}, {'stochastic' if scene.stochastic else 'nearest even'}")

    def _compare_everything(self, targets) -> None:
        """Of one version: it takes its time."""
        for target in targets if self.version == 4 else ():
            for space, want in self.machine.memory.spaces.items():
                got = self.active[target].read(space, 0, *want.shape[:1], 0, want.shape[1])
                if not np.array_equal(got, want):
                    p, byte = (int(x[0]) for x in np.nonzero(got != want))
                    raise AssertionError(f"{target}: {space} partition {p}, byte {byte}: a place that no instruction names")

    @staticmethod
    def _all_types_seen(all_seen: dict) -> None:
        for key, seen in all_seen.items():
            if "dtype" in key and set(key[-1]) != seen:
                raise AssertionError(f"{key[:2]}: never had type {sorted(set(key[-1]) - seen)}: more cases are needed")


def describe(got: np.ndarray, want: np.ndarray, scene: Scene, space: str) -> str:
    """The first difference, in terms of the tile that it lies in."""
    partition, byte = (int(x[0]) for x in np.nonzero(got != want))
    total = int(np.count_nonzero(got != want))
    text = f"{space}: {total} bytes differ, first in partition {partition} at byte {scene.base[space] + byte}"
    for engine, insn, operands in scene.program:
        for name in ("dst", "index"):
            if not isinstance(operands.get(name), dict):
                continue
            tile = scene.place(operands[name])
            if tile.space != space or not tile.partition <= partition < tile.partition + tile.partitions:
                continue
            codes_got, codes_want = (x.copy().view(f"<u{tile.size}")[partition] for x in (got, want))
            columns = (tile.bytes - scene.base[space]) // tile.size
            wrong = np.flatnonzero(codes_got[columns] != codes_want[columns])
            if wrong.size:
                i = int(wrong[0])
                column = columns[i]
                text += (f"\n{insn} {name}[{partition - tile.partition}, {i}] of type {tile.dtype}: chip "
                         f"{int(codes_got[column]):#x}, oracle {int(codes_want[column]):#x}; wrong elements {wrong[:12]} of "
                         f"{tile.count}")
    return text
