#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The same programs give the same memory, bit for bit, on 1 and on several threads, in any stepped order, on every instruction
set of the host.

Usage: determinism_test.py [LAUNCH_PROBE]
"""

import functools
import sys
import zlib
from dataclasses import dataclass, field

import numpy as np

from compute_generators import collect
from control_programs import ControlProgram
from dma_programs import GENERATORS
from launch_fleet import CORES, probe_path, spec
from launch_probe import Launch, LaunchProbe
from launch_scene import CORE_SHIFT, IN, OUT, SPAN, LaunchScene
from long_programs import BLOCKS, LANES, LongProgram
from scene import PARTITIONS, Picks
from tap import Skip, case, equal, main

SEED = 90210
CHUNK = 4096
REFERENCE = {"threads": 1}
WAYS = {"4 threads": {"threads": 4}, "stepped, seed 1": {"stepped": True, "seed": 1}, "stepped, seed 2": {"stepped": True, "seed": 2},
        "stepped, seed 77": {"stepped": True, "seed": 77}, "avx512, 2 threads": {"simd": "avx512", "threads": 2},
        "avx2, 3 threads": {"simd": "avx2", "threads": 3}, "scalar, 4 threads": {"simd": "scalar", "threads": 4},
        "scalar, stepped": {"simd": "scalar", "stepped": True, "seed": 5},
        # Detection of hazards changes nothing either; and it finds none, so that the programs are what they claim to be.
        "with hazards": {"hazards": True, "threads": 2}}


@dataclass
class Run:
    """A launch, what memory holds before it, and which memory is compared after it: (area, offset, bytes)."""

    name: str
    launch: Launch
    before: list[tuple[str, int, bytes]] = field(default_factory=list)
    after: list[tuple[str, int, int]] = field(default_factory=list)


def end_of(name: str) -> int:
    return areas[name][1] - SPAN


def of_scene(name: str, scene: LaunchScene) -> Run:
    run = Run(name, scene.launch())
    for area, span in scene.spans.items():
        run.before.append((area, end_of(area), span.tobytes()))
        run.after.append((area, end_of(area), SPAN))
    for rank in range(scene.cores):
        for space, window in scene.windows(rank).items():
            run.before.append(("BULK", (rank << CORE_SHIFT) + IN[space], window.tobytes()))
            run.after.append(("BULK", (rank << CORE_SHIFT) + OUT[space], PARTITIONS * scene.width))
    return run


def generator(kind: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64((SEED, kind, number)))


def transfers():
    picks = Picks(generator(0, 0))
    for number, (name, generate) in enumerate(GENERATORS.items()):
        for again in range(2):
            scene = LaunchScene(spec, generator(1, 10 * number + again), picks, areas, (2, 4)[again] if name == "DMA_SEND" else 1)
            generate(scene)
            yield of_scene(name, scene)


def control_programs():
    picks = Picks(generator(2, 0))
    for number in range(8):
        program = ControlProgram(spec, generator(3, number), picks, areas, (1, 2, 4, 5)[number % 4], [e.name for e in spec.Engine])
        run = Run(f"control {number}", program.launch)
        for area in ("HBM", "HOST"):
            run.before.append((area, end_of(area), generator(4, number).bytes(SPAN)))
            run.after.append((area, end_of(area), SPAN))
        yield run


def long_programs():
    generators = collect()
    picks = {name: Picks(generator(5, number)) for number, name in enumerate(["next", *generators])}
    for number, cores in enumerate((1, 2, 4, 2, 4)):
        program = LongProgram(spec, generator(6, number), picks, areas, generators, cores)
        data = b"".join(window.tobytes() for window in program.inputs)
        run = Run(f"long program {number} on {cores} cores", program.launch, [("BULK", 0, data)], [("BULK", 0, len(data)), ("HBM", 0, cores << 17)])
        equal(len(program.inputs), BLOCKS * LANES)
        yield run


def outcome(probe: LaunchProbe, run: Run) -> list[tuple[str, int]]:
    """Where, and the checksum of what is there, in pieces."""
    for area, offset, data in run.before:
        probe.write(probe.areas[area][0] + offset, data)
    equal(probe.launch(run.launch), None, run.name)
    found = []
    for area, offset, count in run.after:
        data = probe.read(probe.areas[area][0] + offset, count)
        found += [(f"{area} {offset + at:#x}", zlib.crc32(data[at:at + CHUNK])) for at in range(0, count, CHUNK)]
    return found


def outcomes(**config) -> list:
    """Of all programs, on one chip in a process of its own; ValueError if the host has no such chip."""
    probe = LaunchProbe(probe_path(), spec, cores=CORES, **config)
    found = [outcome(probe, run) for run in runs]
    probe.close()
    return found


_probe = LaunchProbe(probe_path(), spec)
areas = _probe.areas
_probe.close()
runs = [*transfers(), *control_programs(), *long_programs()]


@functools.cache
def reference() -> list:
    return outcomes(**REFERENCE)


def register(way: str, config: dict) -> None:
    @case(f"{way}: the same bits as on one thread")
    def check(_folder):
        try:
            found = outcomes(**config)
        except ValueError as refusal:
            if "simd" not in config or config["simd"] == "scalar":
                raise
            raise Skip(str(refusal)) from None  # not every host has them; scalar it has
        for run, got, want in zip(runs, found, reference(), strict=True):
            wrong = [place for (place, crc), (_, other) in zip(got, want, strict=True) if crc != other]
            if wrong:
                raise AssertionError(f"{run.name}: {len(wrong)} of {len(want)} pieces differ, first at {wrong[0]}")


for _way, _config in WAYS.items():
    register(_way, _config)


@case("the programs have every instruction of the contract")
def check_coverage(_folder):
    used = {insn for run in runs for stream in run.launch.streams.values() for insn, _, _ in stream}
    equal(sorted(set(spec.INSTRUCTIONS) - used), [], "instructions that no program has")


@case("each program leaves something behind, and two of a kind differ")
def check_reference(_folder):
    sums = [zlib.crc32(repr(found).encode()) for found in reference()]
    equal(len(set(sums)), len(sums), "outcomes that are alike")


if __name__ == "__main__":
    sys.exit(main())
