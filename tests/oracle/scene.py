# SPDX-License-Identifier: MIT
"""Random instructions with everything they need: tiles inside a window of memory, scalars, registers and contents."""

from __future__ import annotations

import math

import numpy as np

import samples
from neuron_oracle import FORMATS, STORAGE, from_f32
from neuron_oracle.memory import Tile

PARTITIONS = 128
_POOL = 4096


def start_partitions(partitions: int) -> tuple[int, ...]:
    """The start rule of tiles."""
    return (0, 32, 64, 96) if partitions <= 32 else (0, 64) if partitions <= 64 else (0,)


def _edge_codes(dtype: str) -> np.ndarray:
    bits = 8 * STORAGE[dtype].itemsize
    if dtype == "F32":
        return samples.EDGES_F32.astype(np.uint64)
    if dtype in FORMATS:
        exponent_bits, mantissa_bits, low = FORMATS[dtype]
        binades = np.arange(1 << exponent_bits) << mantissa_bits
        positive = np.concatenate([binades, binades + 1, binades[1:] - 1, binades + (1 << mantissa_bits) // 2])
        codes = np.concatenate([positive, positive | 1 << (mantissa_bits + exponent_bits)]) << low
        return (codes | np.arange(codes.size) % (1 << low)).astype(np.uint64)
    powers = np.array([2**k + d for k in range(bits) for d in (-1, 0, 1)] + [2**bits - 1], dtype=object)
    return np.concatenate([powers, -powers] if bits > 8 else [np.arange(256)]).astype(object) % 2**bits


def _pools(dtype: str) -> list[np.ndarray]:
    """Styles of contents, as codes: ordinary numbers, small whole ones, edges, anything."""
    rng = np.random.default_rng(sum(map(ord, dtype)))
    code = np.dtype(f"<u{STORAGE[dtype].itemsize}")
    ordinary = rng.standard_normal(_POOL) * 2.0 ** rng.integers(-3, 9, _POOL)
    if dtype in ("I32", "U32"):
        ordinary *= 2.0 ** rng.integers(0, 25, _POOL)
    as_type = [from_f32(x.astype(np.float32), dtype).view(code) for x in (ordinary, rng.integers(-6, 7, _POOL))]
    edges = rng.choice(_edge_codes(dtype), _POOL).astype(np.uint64).astype(code)
    return [*as_type, edges, rng.integers(0, 2 ** (8 * code.itemsize), _POOL, dtype=code)]


POOLS = {dtype: _pools(dtype) for dtype in STORAGE}
_NOISE = np.random.default_rng(1).integers(0, 256, 1 << 22, dtype=np.uint8)


def profile_of(spec, version: int):
    """A chip whose cores are of that version."""
    return next(profile for profile in spec.PROFILES.values() if profile.core_version == version)


def versions_of(spec, insn: str) -> list[int]:
    """The core versions that have the instruction, on some engine, the newest first."""
    versions = {profile.core_version for profile in spec.PROFILES.values()}
    return sorted((v for v in versions if v >= min(spec.INSN_SINCE[insn].values())), reverse=True)


class Scene:
    """One random situation for a core of `version`: it has what such cores have. `picks` is shared by the scenes of a test: it goes
    round all values of each choice."""

    def __init__(self, spec, rng: np.random.Generator, picks: "Picks", width: int | None = None, version: int = 4):
        self.spec, self.rng, self.picks, self.version = spec, rng, picks, version
        self.width = width or int(rng.choice([768, 1536, 4096], p=[0.6, 0.3, 0.1]))
        sbuf = profile_of(spec, version).sbuf_bytes
        self.base = {"SBUF": int(rng.choice([0, 65536 - 64, sbuf - self.width])),
                     "PSUM": int(rng.choice([0, 4096 - 64, spec.PSUM_BYTES - self.width]))}
        self.window = {}
        for space in self.base:
            first = int(rng.integers(0, _NOISE.size - PARTITIONS * self.width))
            self.window[space] = _NOISE[first:first + PARTITIONS * self.width].reshape(PARTITIONS, self.width).copy()
        self.registers: dict[int, int] = {}
        self.program: list[tuple[str, str, dict]] = []
        self.stochastic = bool(rng.random() < 0.25)

    # Choices

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def choose(self, values):
        return values[int(self.rng.integers(len(values)))]

    def partitions(self) -> int:
        return int(self.rng.choice([1, 2, 7, 16, 31, 32, 33, 64, 65, 127, 128],
                                   p=[.1, .1, .1, .1, .1, .15, .05, .1, .05, .05, .1]))

    def elements(self, most: int) -> int:
        most = min(most, self.width // 4)
        few = int(self.rng.integers(1, min(most, 40) + 1))
        return few if self.chance(0.6) else int(self.rng.integers(1, most + 1))

    def _register(self, value: int) -> int:
        free = [number for number in range(1, 64) if number not in self.registers]
        number = self.choose(free)
        self.registers[number] = value & 0xFFFFFFFF
        return number

    # What cores of the version have

    def known(self, enum: str, names) -> list[str]:
        return [name for name in names if self.spec.VALUE_SINCE.get((enum, name), 0) <= self.version]

    def ops(self, names) -> list[str]:
        return self.known("TensorOp", names)

    def types(self, names) -> list[str]:
        return self.known("Dtype", names)

    def engines(self, insn: str) -> list[str]:
        return [engine for engine, since in self.spec.INSN_SINCE[insn].items() if since <= self.version]

    # Operands

    def dtype(self, insn: str, operand: str, among=None) -> str:
        """An element type that the operand may have: each in turn."""
        legal = self.spec.OPERANDS[insn][operand][3] or tuple(self.spec.Dtype)
        names = self.types(d.name for d in legal if among is None or d.name in among)
        return self.picks.next((insn, operand, "dtype", tuple(names)), names)

    def space(self, insn: str, operand: str, engine: str) -> str:
        spaces = self.spec.ENGINE_SPACES.get(insn, {}).get(engine) or self.spec.OPERANDS[insn][operand][2]
        return "SBUF" if self.chance(0.5) and self.spec.Space.SBUF in spaces else self.choose(spaces).name

    def tile(self, partitions: int, count: int, dtype: str, space: str, *, nums=None, repeat=False, plain=False,
             partition=None) -> dict:
        """A tile in the window, filled. `repeat`: the walk may name an element twice."""
        size = STORAGE[dtype].itemsize
        nums = list(nums) if nums is not None else self._factors(count)
        steps = self._steps(nums, repeat, plain, self.width // size)
        low = sum(min(0, step * (num - 1)) for step, num in zip(steps, nums))
        high = sum(max(0, step * (num - 1)) for step, num in zip(steps, nums))
        first = self.base[space] + size * (int(self.rng.integers(0, self.width // size - (high - low))) - low)
        fields = {"offset": first, "partitions": partitions, "space": int(self.spec.Space[space]),
                  "partition": self.choose(start_partitions(partitions)) if partition is None else partition,
                  "dtype": int(self.spec.Dtype[dtype]), "step": steps, "num": nums}
        if self.chance(0.2):
            part = int(self.rng.integers(0, first + 1))
            fields |= {"offset": first - part, "reg": self._register(part)}
        self.fill(fields)
        return fields

    def like(self, tile: dict, dtype: str) -> dict:
        """The same elements, for an instruction that works in place; the size of dtype must be the same."""
        return {**tile, "dtype": int(self.spec.Dtype[dtype])}

    def _factors(self, count: int) -> list[int]:
        nums = [1, 1, 1, 1]
        rest = count
        for place in self.rng.permutation(4)[:3]:
            divisors = [d for d in range(1, int(math.isqrt(rest)) + 1) if rest % d == 0]
            divisor = self.choose(divisors) if self.chance(0.5) else rest // self.choose(divisors)
            nums[place] *= divisor
            rest //= divisor
        nums[int(self.rng.integers(4))] *= rest
        return nums

    def _steps(self, nums: list[int], repeat: bool, plain: bool, room: int) -> list[int]:
        def dense(order, gaps):
            steps, reach = [0] * 4, 1
            for place, gap in zip(order, gaps):
                steps[place] = reach * gap
                reach *= nums[place] * gap
            return steps

        plain_steps = dense(range(4), (1, 1, 1, 1))
        if plain or self.chance(0.4):
            return plain_steps
        order = self.rng.permutation(4) if self.chance(0.5) else range(4)
        steps = dense(order, [self.choose((1, 1, 2, 3)) for _ in range(4)])
        for place in range(4):
            if self.chance(0.25):
                steps[place] = -steps[place]
            if repeat and self.chance(0.3):
                steps[place] = self.choose((0, 0, 1))
        span = sum(abs(step) * (num - 1) for step, num in zip(steps, nums))
        return steps if span < room and max(map(abs, steps)) < 2**15 else plain_steps

    def scalar(self, kinds, dtypes, partitions: int, space_of, width: int = 1, value=None) -> dict:
        """kinds among IMM, REG, VECTOR; dtypes: (of IMM and REG, of VECTOR); space_of(): of a VECTOR."""
        kind = self.choose(kinds)
        number = int(self.spec.ScalarKind[kind])
        if kind == "VECTOR":
            column = self.tile(partitions, width, self.choose(self.types(dtypes[1])), space_of(), nums=(width, 1, 1, 1), plain=True)
            return {"value": column["offset"], "kind": number, **{k: column.get(k, 0) for k in ("reg", "partition", "space", "dtype")}}
        dtype = self.choose(dtypes[0])
        bits = value if value is not None else int(self.choose(POOLS[dtype][self.choose((0, 0, 1, 1, 2, 3))]))
        if kind == "IMM":
            return {"value": bits, "kind": number, "dtype": int(self.spec.Dtype[dtype])}
        return {"reg": self._register(bits), "kind": number, "dtype": int(self.spec.Dtype[dtype])}

    def f32(self) -> int:
        """Bits of some fp32 number."""
        return int(self.choose(POOLS["F32"][self.choose((0, 0, 1, 2))]))

    # Contents

    def place(self, fields: dict) -> Tile:
        registers = np.zeros(64, dtype=np.uint32)
        for number, value in self.registers.items():
            registers[number] = value
        return Tile(fields, registers, self.spec)

    def view(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the window in the tile's storage codes, and the columns of the walk."""
        rows = self.window[tile.space].view(f"<u{tile.size}")[tile.partition:tile.partition + tile.partitions]
        return rows, (tile.bytes - self.base[tile.space]) // tile.size

    def fill(self, fields: dict, codes: np.ndarray | None = None) -> None:
        """Contents: random ones, every partition in a style of its own, or the given codes."""
        tile = self.place(fields)
        rows, columns = self.view(tile)
        if codes is not None:
            rows[:, columns] = codes
            return
        pools = POOLS[tile.dtype]
        styles = self.rng.choice(4, tile.partitions, p=[.45, .2, .2, .15])
        numbers = self.rng.integers(0, _POOL, (tile.partitions, tile.count))
        for style, pool in enumerate(pools):
            chosen = np.flatnonzero(styles == style)
            if chosen.size:
                rows[chosen[:, None], columns[None, :]] = pool[numbers[chosen]]

    def ranges_meet(self, first: dict, second: dict) -> bool:
        """Whether the bytes from the lowest to the highest of two tiles of one space have some in common."""
        a, b = self.place(first), self.place(second)
        return a.bytes.min() < b.bytes.max() + b.size and b.bytes.min() < a.bytes.max() + a.size

    def add(self, engine: str, insn: str, **operands) -> None:
        self.program.append((engine, insn, operands))


class Picks:
    """Goes round the values of each choice in a random order, and remembers what there was."""

    def __init__(self, rng: np.random.Generator):
        self.rng, self.left, self.seen = rng, {}, {}

    def next(self, key, values):
        round_of = (key, tuple(map(str, values)))  # which differ between versions
        if not self.left.get(round_of):
            self.left[round_of] = list(self.rng.permutation(len(values)))
        value = values[self.left[round_of].pop()]
        self.seen.setdefault(key, set()).add(value)
        return value
