# SPDX-License-Identifier: MIT
"""Random situations for whole launches: what a Scene has, and blocks in the memory of the context."""

from __future__ import annotations

import numpy as np

from launch_probe import Launch
from neuron_oracle import STORAGE
from scene import PARTITIONS, POOLS, Scene, _NOISE

SPAN = 1 << 19  # bytes of each area that programs may name; its end is the end of the area
CORE_SHIFT = 21  # windows of a core in area BULK
IN, OUT = {"SBUF": 0, "PSUM": 1 << 19}, {"SBUF": 2 << 19, "PSUM": 3 << 19}
BULK_ARG = 31
WINDOW_SEM, BARRIER_SEM, DONE_SEM = 255, 254, 1
RANK = 63  # register


class LaunchScene(Scene):
    """Body instructions of one engine, on all cores of a launch, between the loading and the storing of the windows."""

    def __init__(self, spec, rng, picks, areas: dict, cores: int = 1, width: int | None = None, version: int = 4):
        super().__init__(spec, rng, picks, width, version)
        self.areas, self.cores = areas, cores
        self.registers = {RANK: 0}
        self.spans = {name: _noise(rng, SPAN) for name in ("HBM", "HOST")}
        self.start = {name: areas[name][0] + areas[name][1] - SPAN for name in self.spans}
        self.args = [self.start["HBM"], self.start["HOST"], 0, 2**40 + 12345, self.start["HBM"] + 3, 2**61 + 5]
        self.engine = picks.next("DMA engine", ("ACT", "POOL", "SP"))
        self.taken: list[tuple[int, int]] = []

    # Choices

    def pair(self, op: str) -> tuple[str, str]:
        """Source and destination types that `op` takes: such that no scene of the test had before, on cores of any version."""
        names = self.types(d.name for d in self.spec.Dtype if op == "WRITE" or d.name not in ("I32", "U32"))
        pairs = [(a, b) for a in names for b in names]
        seen = self.picks.seen.setdefault((op, "pairs"), set())
        left = [pair for pair in pairs if pair not in seen] or pairs
        new = [pair for pair in left if any(self.spec.VALUE_SINCE.get(("Dtype", name)) == self.version for name in pair)]
        pair = self.choose(new if new and self.chance(0.5) else left)  # older cores have only the others
        seen.add(pair)
        return pair

    def few(self, partitions: int, most: int = 1 << 16) -> int:
        """Elements per partition, so that the oracle gets done."""
        return self.elements(max(1, most // (4 * partitions)))

    # Operands

    def register(self, value: int) -> int:
        """A register that holds the value at first."""
        return self._register(value)

    def block(self, rows: int, count: int, dtype: str, named: bool, repeat: bool = False) -> dict:
        """A memory operand, filled, apart from those before it."""
        for attempt in range(60):
            nums, strides = self._walk(rows, count, STORAGE[dtype].itemsize, repeat, attempt >= 30)
            place = self._place(nums, strides, STORAGE[dtype].itemsize)
            if place is not None:
                break
        else:
            raise AssertionError(f"no room for {rows} x {count} {dtype}")
        fields = {**self._address(place), "dtype": int(self.spec.Dtype[dtype]) if named else 0,
                  "partition_stride": strides[3], "stride": strides[:3], "num": nums[:3]}
        self._fill(place, nums, strides, dtype)
        return fields

    def _walk(self, rows: int, count: int, size: int, repeat: bool, plain: bool) -> tuple[list[int], list[int]]:
        nums = [1, 1, 1]
        for prime in _primes(count):
            nums[int(self.rng.integers(3))] *= prime
        nums.append(rows)
        order = list(range(4)) if plain or self.chance(0.4) else list(self.rng.permutation(4))
        strides, reach = [0] * 4, size
        for place in order:
            gap = 0 if plain else self.choose((0, 0, 0, 1, 3, size, 2 * size, 5000 if nums[place] < 30 else 0))
            strides[place] = reach + gap
            reach = nums[place] * strides[place]
        if not plain:
            for place in range(4):
                if self.chance(0.25):
                    strides[place] = -strides[place]
                if repeat and self.chance(0.3):
                    strides[place] = self.choose((0, 0, 1, size - 1))
        return nums, [int(stride) for stride in strides]

    def _place(self, nums, strides, size) -> int | None:
        """Context address of the first element."""
        low = sum(min(0, stride * (num - 1)) for stride, num in zip(strides, nums))
        high = sum(max(0, stride * (num - 1)) for stride, num in zip(strides, nums)) + size
        if high - low > SPAN:
            return None
        room = SPAN - (high - low)
        offset = room if self.chance(0.1) else int(self.rng.integers(0, room + 1))
        first = self.start[self.choose(("HBM", "HOST"))] + offset
        if any(first < end and begin < first + high - low for begin, end in self.taken):
            return None
        self.taken.append((first, first + high - low))
        return first - low

    def _address(self, address: int) -> dict:
        fields = {"arg": int(self.rng.integers(len(self.args)))}
        rest = address - self.args[fields["arg"]]
        if self.chance(0.5):
            value = int(self.rng.integers(-2**31, 2**31)) if self.chance(0.3) else int(self.rng.integers(-3000, 3000))
            fields |= {"reg": self._register(value), "shift": int(self.choose((0, 0, 1, 2, 7, 12, 31)))}
            rest -= value << fields["shift"]
        fields["offset"] = rest
        return fields

    def _fill(self, address: int, nums, strides, dtype: str) -> None:
        walk = np.zeros(1, dtype=np.int64)
        for num, stride in zip(nums, strides):
            walk = (np.arange(num)[:, None] * stride + walk).ravel()
        name = "HBM" if address >= self.start["HBM"] and address < self.start["HBM"] + SPAN else "HOST"
        pool = POOLS[dtype][int(self.rng.choice(4, p=[.45, .2, .2, .15]))]
        codes = pool[self.rng.integers(0, pool.size, walk.size)]
        for byte in range(codes.itemsize):
            self.spans[name][address - self.start[name] + walk + byte] = (codes >> (8 * byte)) & 0xFF

    # Programs

    def transfer(self, insn: str, **operands) -> None:
        self.add(self.engine, insn, ring=int(self.rng.integers(self.spec.DMA_RINGS)), **operands)

    def windows(self, core: int) -> dict[str, np.ndarray]:
        """What the windows of a core hold at first: those of the scene, or other bytes in the same styles."""
        return {space: np.roll(window, 32 * core, axis=0) for space, window in self.window.items()}

    def launch(self) -> Launch:
        launch = Launch(cores=self.mask(), args=self.args + [0] * (BULK_ARG - len(self.args)) + [self.areas["BULK"][0]])
        for number, value in self.registers.items():
            launch.add(self.engine, "MOVE", rd=number, imm=value - 2**32 if value >= 2**31 else value)
        self._move_windows(launch, "DMA_LOAD", "dst", "src", IN)
        self._meet(launch)
        for _, insn, operands in self.program:
            self._body(launch, insn, operands)
        self._meet(launch)
        self._move_windows(launch, "DMA_STORE", "src", "dst", OUT)
        launch.end()
        return launch

    def _meet(self, launch: Launch) -> None:
        """Only transfers between cores need it, which come with it."""
        if self.engines("CORE_BARRIER"):
            launch.add(self.engine, "CORE_BARRIER", sem=BARRIER_SEM)

    def _body(self, launch: Launch, insn: str, operands: dict) -> None:
        """One transfer and the wait for it, or another instruction."""
        if insn == "RANK_PLUS":
            self._rank_plus(launch, **operands)
        elif not insn.startswith("DMA_"):
            launch.add(self.engine, insn, **operands)
        elif self.chance(0.3):
            launch.add(self.engine, insn, **operands)
            launch.add(self.engine, "DRAIN")
        else:
            launch.add(self.engine, insn, update(self.spec, DONE_SEM), **operands)
            launch.add(self.engine, "NOP", take(self.spec, DONE_SEM, 1))

    def _rank_plus(self, launch: Launch, rd: int, distance: int) -> None:
        """The rank of a core some ranks on, the first one after the last."""
        launch.add(self.engine, "CORE_RANK", rd=rd)
        launch.add(self.engine, "CORE_COUNT", rd=RANK)
        launch.add(self.engine, "ALU", op=self.spec.AluOp.ADD, rd=rd, ra=rd, imm=distance)
        launch.add(self.engine, "BRANCH", cond=self.spec.Cond.LT, ra=rd, rb=RANK, target=launch.here(self.engine) + 2)
        launch.add(self.engine, "ALU", op=self.spec.AluOp.SUB, rd=rd, ra=rd, rb=RANK)

    def _move_windows(self, launch: Launch, insn: str, tile: str, block: str, where: dict) -> None:
        launch.add(self.engine, "CORE_RANK", rd=RANK)
        for space in self.window:
            fields = {"offset": self.base[space], "partitions": PARTITIONS, "space": int(self.spec.Space[space]),
                      "dtype": int(self.spec.Dtype.U8), "step": [1, 0, 0, 0], "num": [self.width, 1, 1, 1]}
            memory = {"offset": where[space], "arg": BULK_ARG, "reg": RANK, "shift": CORE_SHIFT,
                      "partition_stride": self.width, "stride": [1, 0, 0], "num": [self.width, 1, 1]}
            launch.add(self.engine, insn, update(self.spec, WINDOW_SEM), **{tile: fields, block: memory}, ring=15)
        launch.add(self.engine, "NOP", take(self.spec, WINDOW_SEM, len(self.window)))

    def mask(self) -> int:
        """Some cores of the five: not always the first ones."""
        chosen = self.rng.permutation(5)[:self.cores]
        return int(sum(1 << number for number in chosen))


def update(spec, sem: int, value: int = 1) -> dict:
    return {"update_op": spec.UpdateOp.ADD, "update_sem": sem, "update_value": value}


def take(spec, sem: int, value: int) -> dict:
    return {"wait_op": spec.WaitOp.TAKE, "wait_sem": sem, "wait_value": value}


def _noise(rng, size: int) -> np.ndarray:
    first = int(rng.integers(0, _NOISE.size - size))
    return _NOISE[first:first + size].copy()


def _primes(number: int) -> list[int]:
    primes, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            primes.append(divisor)
            number //= divisor
        divisor += 1
    return primes
