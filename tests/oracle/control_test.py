#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Control instructions on the chip model and on an interpreter in Python: registers, branches, semaphores, cores, records.

Usage: control_test.py [LAUNCH_PROBE]
"""

import sys
import tomllib
from pathlib import Path

import numpy as np

import dma_programs
from control_programs import ControlProgram
from launch_fleet import SEED, LaunchFleet, read_notes, spec, version_of_case
from launch_probe import FaultRecord, Launch
from launch_scene import SPAN, LaunchScene, take, update
from neuron_oracle import FORMATS, control, dma
from scene import Picks
from tap import case, equal, main

fleet = LaunchFleet()
ENGINES = [engine.name for engine in spec.Engine]


def control_program(number: int, picks: Picks, cores: int, engines, version: int) -> ControlProgram:
    return ControlProgram(spec, np.random.Generator(np.random.SFC64((SEED, number))), picks, fleet.areas, cores, engines, version)


def play(program: ControlProgram, target: str, what: str) -> None:
    probe = fleet.chip(target, program.version)
    for name in ("HBM", "HOST"):
        fleet.put(probe, name, fleet.areas[name][1] - SPAN, program.rng.integers(0, 256, SPAN, dtype=np.uint8))
    if program.rng.random() < 0.5:
        fleet.trace(probe, program.launch, program.rng)
    equal(fleet.run(probe, program.launch, program.rng), None, what)
    for name in ("HBM", "HOST"):
        fleet.compare(probe, name, fleet.areas[name][1] - SPAN, SPAN, lambda at: f"place {at:#x}", f"{target}, {what}")


@case("random programs of all engines on 1, 2 and 5 cores")
def check_programs(_folder):
    picks = Picks(np.random.default_rng(SEED))
    for number in range(60):
        cores = (1, 2, 5)[number % 3]
        engines = ENGINES if number % 4 == 0 else [ENGINES[number % 5], ENGINES[(number + 2) % 5]]
        version = version_of_case([4, 3, 2], number // 6)
        program = control_program(number, picks, cores, engines, version)
        play(program, ("threaded", "stepped")[number // 3 % 2], f"program {number}, version {version}")
    for insn in ("TENSOR_LOAD", "TENSOR_STORE", "MEM_LOAD", "MEM_STORE"):
        equal(picks.seen[(insn, "dtype")], {dtype.name for dtype in spec.Dtype}, insn)
    equal(picks.seen["alu"], set(spec.AluOp), "ALU")
    equal(picks.seen["cond"], set(spec.Cond), "BRANCH")


def rounds(scene):
    """Modes one after the other, several engines at once; each starts with nearest even."""
    for mode in ("NEAREST_EVEN", "STOCHASTIC", "STOCHASTIC", "NEAREST_EVEN"):
        src = scene.tile(32, 30, "F32", "SBUF", repeat=True)
        dst = scene.tile(32, 30, scene.picks.next("narrow", scene.types(FORMATS)), "SBUF")
        scene.add(scene.engine, "COPY", dst=dst, src=src)
        scene.add(scene.engine, "SET_ROUNDING", mode=spec.Rounding[mode])
        if scene.chance(0.3):
            scene.add(scene.engine, "SET_RNG_SEED", src=scene.tile(1, 1, "U32", "SBUF"))


def rounding_scene(number: int, picks: Picks) -> LaunchScene:
    scene = LaunchScene(spec, np.random.Generator(np.random.SFC64((SEED + 1, number))), picks, fleet.areas, 1 + number % 2,
                        version=version_of_case([4, 3, 2], number // 4))
    scene.engine = ("ACT", "POOL")[number % 2]  # those that round and transfer
    rounds(scene)
    return scene


@case("SET_ROUNDING decides how COPY rounds, from the next instruction to the end of the launch")
def check_rounding(_folder):
    picks = Picks(np.random.default_rng(SEED + 1))
    for number in range(30):
        fleet.play(rounding_scene(number, picks), ("threaded", "stepped")[number // 2 % 2], f"rounding {number}")


def element(address_arg: int, offset: int, dtype: str = "U32") -> dict:
    return {"arg": address_arg, "offset": offset, "dtype": int(spec.Dtype[dtype]), "stride": [4, 0, 0], "num": [1, 1, 1]}


@case("DRAIN waits for the transfers of its sequencer and for their updates")
def check_drain(_folder):
    bulk = fleet.areas["BULK"][0]
    for target, probe in fleet.probes.items():
        for engine in spec.ENGINES["DRAIN"]:
            data = np.arange(16 << 10, dtype=np.uint32) * 7 + len(engine)
            fleet.put(probe, "BULK", 0, data.view(np.uint8))
            launch = Launch(args=[bulk])
            rows = {"stride": [4, 0, 0], "num": [1024, 1, 1], "dtype": int(spec.Dtype.U32)}
            for ring in range(16):
                launch.add(engine, "DMA_COPY", update(spec, 9), dst={**rows, "offset": (1 << 20) + ring * 4096},
                           src={**rows, "offset": ring * 4096}, rows=1, ring=ring)
            launch.add(engine, "DRAIN")
            launch.add(engine, "NOP", take(spec, 9, 16) | {"wait_op": spec.WaitOp.EQ})
            for ring in range(16):
                launch.add(engine, "MEM_LOAD", rd=1, src=element(0, (1 << 20) + ring * 4096 + 4092))
                launch.add(engine, "MEM_STORE", dst=element(0, (2 << 20) + 4 * ring), ra=1)
            launch.end()
            equal(fleet.run(probe, launch, np.random.default_rng(1)), None, engine)
            got = np.frombuffer(probe.read(bulk + (2 << 20), 64), dtype=np.uint32)
            equal(got.tolist(), data[1023::1024].tolist(), f"{target}, {engine}")


@case("a semaphore that leaves its range, a branch outside and an end that never comes fault by name")
def check_faults(_folder):
    def program(engine, insn, header=None, **operands):
        launch = Launch(cores=4, args=[fleet.areas["READ_ONLY"][0]])
        launch.add(engine, "MOVE", rd=1, imm=0)
        launch.add(engine, "NOP", update(spec, 3, 2**32 - 1))
        launch.add(engine, insn, header, **operands)
        launch.end()
        return launch
    size = fleet.areas["READ_ONLY"][1]
    cases = (("NOP", update(spec, 3, 1), {}, "SEMAPHORE", 3), ("NOP", update(spec, 4, 1) | {"update_op": spec.UpdateOp.SUB}, {}, "SEMAPHORE", 4),
             ("SEM_REMOTE", None, {"rank": 1, "sem": 3, "op": spec.UpdateOp.ADD, "value": 1}, "SEMAPHORE", 3),
             ("SEM_REMOTE", None, {"rank": 1, "sem": 5, "op": spec.UpdateOp.SUB, "value": 1}, "SEMAPHORE", 5),
             ("BRANCH", None, {"cond": spec.Cond.ALWAYS, "target": 4}, "PC_RANGE", 4),
             ("BRANCH", None, {"cond": spec.Cond.EQ, "ra": 1, "target": 2**32 - 1}, "PC_RANGE", 2**32 - 1),
             ("MEM_STORE", None, {"dst": element(0, 8), "ra": 1}, "PAGE_READ_ONLY", 0),
             ("MEM_LOAD", None, {"src": element(0, size), "rd": 1}, "PAGE_NOT_MAPPED", 0),
             ("MEM_LOAD", None, {"src": element(0, size - 3), "rd": 1}, "PAGE_NOT_MAPPED", 0))
    for probe in fleet.probes.values():
        for engine in ENGINES:
            for insn, header, operands, code, info in cases:
                record = fleet.run(probe, program(engine, insn, header, **operands), np.random.default_rng(1))
                equal((record.code, record.unit, record.core, record.pc, record.info), (code, engine, 2, 2, info), insn)
    launch = Launch(cores=1)
    launch.add("DVE", "NOP")
    for probe in fleet.probes.values():
        equal(fleet.run(probe, launch, np.random.default_rng(1)), FaultRecord("PC_RANGE", "DVE", 0, 0, 0, 0, 0, 1))


@case("without a ring NOTIFY does nothing; a ring of one record keeps the last")
def check_small_ring(_folder):
    for probe in fleet.probes.values():
        launch = Launch(cores=16)
        for value in range(5):
            launch.add("SP", "NOTIFY", value=value)
        launch.end()
        equal(fleet.run(probe, launch, np.random.default_rng(1)), None)
        launch.notify = fleet.areas["HOST"][0]
        probe.write(launch.notify, bytes(32))
        equal(fleet.run(probe, launch, np.random.default_rng(1)), None)
        (record,) = read_notes(probe, launch)
        equal((record["value"], record["sequence"], record["core"], record["pc"]), (4, 5, 4, 4))
        probe.write(launch.notify, bytes(32))


@case("the oracle knows every control and DMA instruction of the contract, and a test runs each")
def check_coverage(_folder):
    folder = Path(__file__).resolve().parents[2] / "spec" / "isa"
    names = {group: [insn["name"] for insn in tomllib.loads((folder / f"{group}.toml").read_text())["instruction"]]
             for group in ("control", "dma")}
    equal(sorted(control.TABLE), sorted(names["control"]), "control")
    equal(sorted(dma.TABLE), sorted(names["dma"]), "DMA")
    equal(sorted(set(names["control"]) - fleet.seen), [], "control instructions that no test here ran")
    equal(sorted(dma_programs.GENERATORS), sorted(names["dma"]), "what dma_test.py checks")


if __name__ == "__main__":
    sys.exit(main())
