# SPDX-License-Identifier: MIT
"""Chips that run whole launches, threaded and stepped, side by side with the oracle."""

from __future__ import annotations

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
from launch_probe import FaultRecord, Launch, LaunchProbe  # noqa: E402
from launch_scene import CORE_SHIFT, IN, OUT, SPAN, LaunchScene  # noqa: E402
from neuron_oracle import Machine  # noqa: E402
from neuron_oracle.context_memory import ContextMemory  # noqa: E402
from neuron_oracle.launch import LaunchFault, LaunchOracle  # noqa: E402
from scene import PARTITIONS, Picks, profile_of, versions_of  # noqa: E402

SEED = 4711
CORES = 5
NOTES = 12 << 20  # place of the notification ring in area BULK
WAYS = {"threaded": {"threads": 2}, "stepped": {"stepped": True, "seed": SEED}}


def probe_path() -> str:
    return sys.argv[1] if len(sys.argv) > 1 else str(BUILD / "user" / "tests" / "oracle" / "launch_probe")


def version_of_case(versions: list[int], number: int) -> int:
    """The first one every other time, the others in turn."""
    return versions[0] if number % 2 == 0 or len(versions) == 1 else versions[1:][number // 2 % (len(versions) - 1)]


def ranks(mask: int) -> list[int]:
    return [number for number in range(spec.MAX_CORES) if mask >> number & 1]


def read_notes(probe: LaunchProbe, launch: Launch) -> list[dict]:
    """The records in the ring, oldest first."""
    size = spec.STRUCTS["notification"][0]
    raw = probe.read(launch.notify, size << launch.notify_log2)
    found = [spec.unpack_struct("notification", raw[at:at + size]) for at in range(0, len(raw), size)]
    for place, record in enumerate(found):
        if record["sequence"] and (record["sequence"] - 1) % len(found) != place:
            raise AssertionError(f"notification {record} is at index {place}")
    return sorted((record for record in found if record["sequence"]), key=lambda record: record["sequence"])


def check_notes(probe: LaunchProbe, launch: Launch, expected: list[tuple]) -> None:
    """Records of one source come in order, sources in any. `expected`: LaunchOracle.notes."""
    def asked_for(kind: str, engine: str) -> bool:
        flag = {"DMA": "DMA", "NUMERIC": "NUMERIC"}.get(kind, engine)
        return kind == "NOTIFY" or bool(launch.trace & int(spec.TraceFlag[flag]))

    want = [note for note in expected if asked_for(note[0], note[2])]
    records = read_notes(probe, launch)
    ring = 1 << launch.notify_log2
    sequences = [record["sequence"] for record in records]
    if sequences != list(range(max(0, len(want) - ring) + 1, len(want) + 1)):
        raise AssertionError(f"notifications {sequences[:1]}..{sequences[-1:]}, {len(sequences)} of them, want {len(want)} in a ring of {ring}")
    sources: dict[tuple, list] = {}
    for record in records:
        if record["start_ns"] > record["end_ns"]:
            raise AssertionError(f"{record} ends before it starts")
        note = (spec.NotificationKind(record["kind"]).name, record["core"], spec.Engine(record["engine"]).name,
                spec.Opcode(record["opcode"]).name, record["pc"], record["value"])
        sources.setdefault(_source(note), []).append(note)
    for source, notes in sources.items():
        of_source = [note for note in want if _source(note) == source]
        if notes != of_source[len(of_source) - len(notes):] or len(want) <= ring and len(notes) != len(of_source):
            raise AssertionError(f"notifications of {source}: {notes}, want {of_source}")


def _source(note: tuple) -> tuple:
    kind, core, engine, _, _, value = note
    return (kind, core, value) if kind == "DMA" else (kind, core, engine)


class LaunchFleet:
    """A threaded and a stepped chip of five cores, in turn, and the oracle. `exact` programs only: no function whose last bit the
    reference leaves open."""

    def __init__(self):
        self.chips: dict[tuple[str, int], LaunchProbe] = {}
        self.machines: dict[int, list[Machine]] = {}
        self.probes = {target: self.chip(target, 4) for target in WAYS}
        self.areas = self.probes["threaded"].areas
        self.memory = ContextMemory()
        self.bytes = {name: self.memory.add(va, size, writable) for name, (va, size, writable) in self.areas.items()}
        self.seen: set[str] = set()

    def chip(self, target: str, version: int) -> LaunchProbe:
        """A chip with cores of that version."""
        if (target, version) not in self.chips:
            profile = profile_of(spec, version).name
            self.chips[target, version] = LaunchProbe(probe_path(), spec, profile=profile, cores=CORES, **WAYS[target])
            self.chips[target, version].version = version
            self.machines.setdefault(version, [Machine(spec, None, profile, version) for _ in range(CORES)])
        return self.chips[target, version]

    def check(self, name: str, generate, cases: int, cores=lambda number: 1) -> None:
        """`generate(scene)` makes the body of a program around instruction `name`. Half of the cases go to the newest cores, the
        others to those before that have the instruction."""
        seed = (SEED, zlib.crc32(name.encode()))
        picks = self.picks = getattr(self, "picks", None) or Picks(np.random.default_rng(SEED))
        for number in range(cases):
            rng = np.random.Generator(np.random.SFC64((*seed, number)))
            version = version_of_case(versions_of(spec, name), number // 2)
            scene = LaunchScene(spec, rng, picks, self.areas, cores(number), version=version)
            generate(scene)
            self.play(scene, ("threaded", "stepped")[number % 2], f"{name}, version {version}, case {number}")
        if name not in self.seen:
            raise AssertionError(f"no program ran {name}")

    def play(self, scene: LaunchScene, target: str, what: str) -> None:
        probe = self.chip(target, scene.version)
        for name, span in scene.spans.items():
            self.put(probe, name, self.areas[name][1] - SPAN, span)
        for rank in range(scene.cores):
            for space, window in scene.windows(rank).items():
                self.put(probe, "BULK", (rank << CORE_SHIFT) + IN[space], window.ravel())
        launch = scene.launch()
        if scene.chance(0.25):
            self.trace(probe, launch, scene.rng)
        fault = self.run(probe, launch, scene.rng)
        what = f"{target}, {what}: {scene.engine} {scene.program}, registers {scene.registers}, args {scene.args}"
        if fault is not None:
            raise AssertionError(f"{fault}; {what}")
        for name in scene.spans:
            self.compare(probe, name, self.areas[name][1] - SPAN, SPAN, lambda at: "", what)
        for rank in range(scene.cores):
            for space in OUT:
                self.compare(probe, "BULK", (rank << CORE_SHIFT) + OUT[space], PARTITIONS * scene.width,
                             lambda at: f"{space} of core {rank}, partition {at // scene.width}, byte "  # noqa: B023
                                        f"{scene.base[space] + at % scene.width}", what)  # noqa: B023

    def put(self, probe: LaunchProbe, area: str, offset: int, data: np.ndarray) -> None:
        self.bytes[area][offset:offset + data.size] = data
        probe.write(self.areas[area][0] + offset, data.tobytes())

    def run(self, probe: LaunchProbe, launch: Launch, rng) -> FaultRecord | None:
        """On both; the fault is the same. `self.last` is the oracle's side."""
        numbers = ranks(launch.cores)
        self.last = LaunchOracle(spec, self.machines[probe.version][:len(numbers)], numbers, self.memory, launch.args, launch.streams, rng)
        got = probe.launch(launch)
        try:
            self.last.run()
            want = None
        except LaunchFault as fault:
            want = FaultRecord(fault.code, fault.unit, fault.core, fault.ring, fault.pc, int(fault.write), fault.va, fault.info)
        self.seen |= self.last.seen
        if got != want:
            raise AssertionError(f"chip: {got}, oracle: {want}; {launch}")
        if launch.notify and got is None:
            check_notes(probe, launch, self.last.notes)
        return got

    def trace(self, probe: LaunchProbe, launch: Launch, rng) -> None:
        """Gives the launch a notification ring, empty, and some of the traces."""
        launch.notify, launch.notify_log2 = self.areas["BULK"][0] + NOTES, int(rng.choice([0, 5, 14]))
        launch.trace = int(rng.integers(0, 2 * spec.TraceFlag.NUMERIC))
        probe.write(launch.notify, bytes(spec.STRUCTS["notification"][0] << launch.notify_log2))

    def compare(self, probe: LaunchProbe, area: str, offset: int, count: int, describe, what: str) -> None:
        got = np.frombuffer(probe.read(self.areas[area][0] + offset, count), dtype=np.uint8)
        want = self.bytes[area][offset:offset + count]
        wrong = np.flatnonzero(got != want)
        if wrong.size:
            at = int(wrong[0])
            raise AssertionError(f"{area}: {wrong.size} bytes differ, first at {self.areas[area][0] + offset + at:#x} {describe(at)}: "
                                 f"chip {got[at:at + 8].tobytes().hex()}, oracle {want[at:at + 8].tobytes().hex()}; {what}")

    def untouched(self) -> None:
        """What no program names has stayed as it was."""
        for probe in self.chips.values():
            for name in ("HBM", "HOST"):
                if any(probe.read(self.areas[name][0], self.areas[name][1] - SPAN)):
                    raise AssertionError(f"{name}: a place that no program names has changed")
