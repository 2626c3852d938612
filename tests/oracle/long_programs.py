# SPDX-License-Identifier: MIT
"""Long programs of all engines on several cores, in which nothing depends on the order of what runs at once."""

from __future__ import annotations

import numpy as np

from compute_generators import work_on
from launch_probe import Launch
from launch_scene import take, update
from neuron_oracle import Fault, Machine
from scene import PARTITIONS, Scene

WIDTH = 768
LANES = 4  # programs side by side in a core, each with memory and a semaphore of its own
BLOCKS = 16
RANK, PEER, COUNT = 61, 62, 63  # registers
ARRIVED, MEET = 10, 11  # semaphores
EXCHANGE = 131072  # SBUF byte of what the core before sends
ENGINES_THAT_ROUND = ("ACT", "DVE", "POOL")


class LongProgram:
    """`generators` by instruction, `picks` by instruction and for "next". Blocks of LANES scenes each. A core runs the blocks of its rank; after a round the cores exchange results. The windows come
    from BULK (`inputs`) and go back to the same place."""

    def __init__(self, spec, rng, picks: dict, areas: dict, generators: dict, cores: int):
        self.spec, self.rng, self.picks, self.generators = spec, rng, picks, generators
        self.machines = [Machine(spec, lambda name, *arguments: np.zeros_like(arguments[0])) for _ in range(cores)]
        self.launch = Launch(cores=(1 << cores) - 1, args=[areas["BULK"][0], areas["HBM"][0]])
        self.inputs: list[np.ndarray] = []
        self.counts = np.zeros((cores, LANES), dtype=np.int64)  # what the semaphore of a lane reaches: it only grows
        for engine in spec.Engine:
            self._start(engine.name, cores)
        for number in range(BLOCKS):
            self._block(number % cores)
            if number % cores == cores - 1:
                self._exchange()
        self.launch.end()

    def _start(self, engine: str, cores: int) -> None:
        self.launch.add(engine, "CORE_RANK", rd=RANK)
        self.launch.add(engine, "CORE_COUNT", rd=COUNT)
        self.launch.add(engine, "ALU", op=self.spec.AluOp.ADD, rd=PEER, ra=RANK, imm=1)
        self.launch.add(engine, "BRANCH", cond=self.spec.Cond.LT, ra=PEER, rb=COUNT, target=5)
        self.launch.add(engine, "MOVE", rd=PEER, imm=0)

    # Scenes

    def _scene(self, rank: int, lane: int) -> Scene:
        machine = self.machines[rank]
        work_on(machine)
        name = self.picks["next"].next("generator", list(self.generators))
        scene = Scene(self.spec, self.rng, self.picks[name], WIDTH)
        scene.base = {"SBUF": 16384 * lane, "PSUM": 4096 * lane}
        scene.registers = {number: 0 for number in (RANK, PEER, COUNT)}
        self.generators[name](scene)
        for space, window in scene.window.items():
            machine.memory.spaces[space][:, scene.base[space]:scene.base[space] + WIDTH] = window
        for number, value in scene.registers.items():
            machine.registers[number] = value
        for engine in ENGINES_THAT_ROUND:
            machine.engines[engine].stochastic = scene.stochastic
        scene.program = scene.program[:self._sound(scene, machine)]
        return scene

    def _sound(self, scene: Scene, machine: Machine) -> int:
        """How many instructions run without a fault and stay in the window; those have run on the oracle."""
        for number, (engine, insn, operands) in enumerate(scene.program):
            tiles = [scene.place(o) for o in operands.values() if isinstance(o, dict) and "num" in o]
            if not all(scene.base[t.space] <= t.bytes.min() and t.bytes.max() + t.size <= scene.base[t.space] + WIDTH for t in tiles):
                return number
            try:
                machine.run(engine, insn, operands)
            except Fault:
                return number
        return len(scene.program)

    # Programs

    def _block(self, rank: int) -> None:
        scenes = [self._scene(rank, lane) for lane in range(LANES)]
        engines = [engine.name for engine in self.spec.Engine]
        skips = {}
        for engine in engines:
            self.launch.add(engine, "BRANCH", cond=self.spec.Cond.NE, ra=RANK, imm=rank, target=0)
            skips[engine] = self.launch.streams[engine][-1][1]
        for lane, scene in enumerate(scenes):
            self._windows(scene, lane, "DMA_LOAD", "dst", "src", None, len(self.inputs) + lane)
        counts = self.counts[rank]
        counts += 2
        for step in range(max(len(scene.program) for scene in scenes)):
            for lane in self.rng.permutation(LANES):
                if step < len(scenes[lane].program):
                    self._step(scenes[lane], int(lane), step, int(counts[lane]))
                    counts[lane] += 1
        for lane, scene in enumerate(scenes):
            self._windows(scene, lane, "DMA_STORE", "src", "dst", self._reached(lane, int(counts[lane])), len(self.inputs) + lane)
        self.launch.add("SP", "DRAIN")
        for scene in scenes:
            self.inputs.append(np.stack([scene.window["SBUF"], scene.window["PSUM"]]))
        for engine, skip in skips.items():
            skip["target"] = self.launch.here(engine)

    def _step(self, scene: Scene, lane: int, step: int, count: int) -> None:
        """After the one before it in the lane, on whatever engine that was."""
        engine, insn, operands = scene.program[step]
        if engine in ENGINES_THAT_ROUND:
            self.launch.add(engine, "SET_ROUNDING", mode=self.spec.Rounding.STOCHASTIC if scene.stochastic else 0)
        for number, value in scene.registers.items():
            if number < RANK:
                self.launch.add(engine, "MOVE", rd=number, imm=value - 2**32 if value >= 2**31 else value)
        self.launch.add(engine, insn, self._reached(lane, count) | update(self.spec, lane), **operands)

    def _reached(self, lane: int, count: int) -> dict:
        return take(self.spec, lane, count) | {"wait_op": self.spec.WaitOp.GE}

    def _windows(self, scene: Scene, lane: int, insn: str, tile: str, block: str, wait: dict | None, place: int) -> None:
        loads = insn == "DMA_LOAD"
        for number, space in enumerate(("SBUF", "PSUM")):
            header = ({} if number or wait is None else wait) | (update(self.spec, lane) if loads else {})
            self.launch.add("SP", insn, header, ring=2 * lane + number,
                            **{tile: _bytes(self.spec, space, scene.base[space]), block: _rows(0, (2 * place + number) * PARTITIONS * WIDTH)})

    def _exchange(self) -> None:
        """Each core sends two windows to the next one, which adds them up in memory."""
        for lane in (0, 1):
            self.launch.add("SP", "CORE_BARRIER", sem=MEET)
            self.launch.add("SP", "DMA_SEND", dst=_bytes(self.spec, "SBUF", EXCHANGE), src=_bytes(self.spec, "SBUF", 16384 * lane),
                            rank=PEER, sem=ARRIVED, value=1, ring=lane)
            self.launch.add("SP", "NOP", take(self.spec, ARRIVED, 1))
            out = _rows(1, 0) | {"reg": RANK, "shift": 17}
            self.launch.add("SP", "DMA_STORE", op=self.spec.DmaOp.ADD, dst=out, src=_bytes(self.spec, "SBUF", EXCHANGE), ring=7)
            self.launch.add("SP", "DRAIN")
        self.launch.add("SP", "CORE_BARRIER", sem=MEET)


def _bytes(spec, space: str, offset: int) -> dict:
    return {"offset": offset, "partitions": PARTITIONS, "space": int(spec.Space[space]), "dtype": int(spec.Dtype.U8),
            "step": [1, 0, 0, 0], "num": [WIDTH, 1, 1, 1]}


def _rows(arg: int, offset: int) -> dict:
    return {"arg": arg, "offset": offset, "partition_stride": WIDTH, "stride": [1, 0, 0], "num": [WIDTH, 1, 1]}
