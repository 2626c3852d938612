# SPDX-License-Identifier: MIT
"""A core that executes the compute instructions one by one, as the reference describes them."""

from __future__ import annotations

import numpy as np

from . import philox
from .casts import FORMATS, STORAGE, cast, from_f32, to_f32
from .memory import Memory, Tile

PARTITIONS = 128


class Fault(Exception):
    """The instruction ends with a fault: its name in enum fault, and info."""

    def __init__(self, code: str, info: int):
        super().__init__(f"{code} {info}")
        self.code, self.info = code, info


class Scalar:
    """A scalar operand: `values` [partitions, width] or [1, 1] in the storage type of `dtype`."""

    def __init__(self, values: np.ndarray, dtype: str, is_vector: bool):
        self.values, self.dtype, self.is_vector = values, dtype, is_vector

    def f32(self) -> np.ndarray:
        return to_f32(self.values, self.dtype)

    def bits(self, size: int) -> np.ndarray:
        """Low bits, as unsigned integers of `size` bytes."""
        return self.values.view(f"u{self.values.itemsize}").astype(f"u{size}")


class Engine:
    """What an engine keeps from one instruction to the next."""

    def __init__(self):
        self.accumulators = np.zeros(PARTITIONS, dtype=np.float32)
        self.seed, self.count = 0, 0
        self.stochastic = False


class Machine:
    """`spec` is the generated neuron_spec module, `version` that of the NeuronCore. `inexact(name, *arrays)` gives the fp32 results of the functions whose
    last bit the reference leaves open."""

    def __init__(self, spec, inexact, profile: str = "trn3", version: int = 4):
        self.spec, self.inexact, self.version = spec, inexact, version
        self.memory = Memory(spec.PROFILES[profile].sbuf_bytes, spec.PSUM_BYTES)
        self.registers = np.zeros(spec.SEQ_REGISTERS, dtype=np.uint32)
        self.engines = {engine.name: Engine() for engine in spec.Engine}
        self.stationary: dict = {}  # by part of the array: see tensor.py
        self.groups = np.zeros((spec.PSUM_BANKS, 4), dtype=bool)

    def run(self, engine: str, insn: str, operands: dict) -> None:
        """Raises Fault; then nothing has changed."""
        from .instructions import TABLE
        self.engine, self.engine_name = self.engines[engine], engine
        TABLE[insn](self, operands)

    def numeric_flags(self, insn: str, operands: dict) -> int:
        """numeric_flag bits of the tiles that the instruction has written."""
        flags = 0
        for name, (kind, access, *_) in self.spec.OPERANDS[insn].items():
            if kind != "tile" or access == "read":
                continue
            tile = self.tile(operands, name)
            if tile.dtype in FORMATS or tile.dtype == "F32":
                values = self.f32(tile)
                flags |= int(self.spec.NumericFlag.NAN_WRITTEN) * bool(np.isnan(values).any())
                flags |= int(self.spec.NumericFlag.INF_WRITTEN) * bool(np.isinf(values).any())
        return flags

    # Operands

    def tile(self, operands: dict, name: str) -> Tile:
        return Tile(operands[name], self.registers, self.spec)

    def scalar(self, operands: dict, name: str, partitions: int, width: int = 1) -> Scalar:
        fields = operands[name]
        dtype = self.spec.Dtype(fields["dtype"]).name
        kind = self.spec.ScalarKind(fields.get("kind", 0)).name
        if kind == "VECTOR":
            place = {"offset": fields["value"], "dtype": fields["dtype"], "partitions": partitions, "step": [1, 0, 0, 0],
                     "num": [width, 1, 1, 1], **{k: fields.get(k, 0) for k in ("reg", "partition", "space")}}
            return Scalar(self.memory.read(Tile(place, self.registers, self.spec)), dtype, True)
        word = fields.get("value", 0) if kind == "IMM" else int(self.registers[fields["reg"]])
        return Scalar(np.array([[word]], dtype=np.uint32).view(STORAGE[dtype]), dtype, False)

    def enum(self, operands: dict, name: str, enum) -> str:
        return enum(operands.get(name, 0)).name

    def op(self, operands: dict, name: str) -> str:
        return self.enum(operands, name, self.spec.TensorOp)

    def f32(self, tile: Tile) -> np.ndarray:
        return to_f32(self.memory.read(tile), tile.dtype)

    @staticmethod
    def f32_field(operands: dict, name: str) -> np.float32:
        return np.uint32(operands.get(name, 0)).view(np.float32)

    # Results

    def random_words(self, tile: Tile, count: int) -> np.ndarray:
        """[partitions of tile, count]; the engine's count goes on."""
        partitions = range(tile.partition, tile.partition + tile.partitions)
        number = self.spec.Engine[self.engine_name]
        words = philox.words(self.engine.seed, number, partitions, self.engine.count, count)
        self.engine.count += count
        return words

    def rounding_words(self, dst: Tile) -> np.ndarray | None:
        """What the rounding of an instruction takes, whether or not an element needs it."""
        if self.engine.stochastic and dst.dtype in FORMATS:
            return self.random_words(dst, dst.count)
        return None

    def put(self, dst: Tile, values: np.ndarray, where=None) -> None:
        """Arithmetic results: fp32 [partitions, elements], converted."""
        values = np.broadcast_to(values, (dst.partitions, dst.count))
        self.memory.write(dst, from_f32(values, dst.dtype, self.rounding_words(dst)), where)

    def put_cast(self, dst: Tile, values: np.ndarray, dtype: str, where=None) -> None:
        """Elements of `dtype`, converted as COPY does."""
        values = np.broadcast_to(values, (dst.partitions, dst.count))
        self.memory.write(dst, cast(values, dtype, dst.dtype, self.rounding_words(dst)), where)

    def put_bits(self, dst: Tile, codes: np.ndarray, where=None) -> None:
        """Elements of any type of the size of dst's, bits unchanged: nothing rounds, so no random words are taken."""
        self.memory.write(dst, np.ascontiguousarray(codes).view(STORAGE[dst.dtype]), where)

    def bits(self, tile: Tile) -> np.ndarray:
        return self.memory.read(tile).view(f"u{tile.size}")
