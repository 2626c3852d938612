#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The limits of the instructions on the chip model: at each boundary what is legal runs, and what is beyond is a fault that
changes nothing. Limits that every tile has are in the range cases.

Usage: limits_test.py [INSN_PROBE]
"""

import sys

import numpy as np

from fleet import Fleet, ProbeFault, spec
from generators import NOTHING, number
from tap import case, contains, equal, main

fleet = Fleet()
D, PSUM = spec.Dtype, int(spec.Space.PSUM)
SBUF_BYTES = spec.PROFILES["trn3"].sbuf_bytes


def t(partitions: int, count: int, dtype=D.F32, offset: int = 0, **more) -> dict:
    return {"partitions": partitions, "dtype": int(dtype), "offset": offset, "step": [1, 0, 0, 0], "num": [count, 1, 1, 1], **more}


def imm(value: int, dtype=D.F32) -> dict:
    return {"value": value, "dtype": int(dtype)}


def vector(dtype, offset: int = 0) -> dict:
    return {"value": offset, "kind": int(spec.ScalarKind.VECTOR), "dtype": int(dtype)}


class Limit:
    """`legal` runs; each of `beyond`, the operands that it changes, is a fault of an operand."""

    def __init__(self, engine: str, insn: str, legal: dict, *beyond: dict, first=()):
        self.engine, self.insn, self.legal, self.beyond, self.first = engine, insn, legal, beyond, first


PAIR = {"dst": t(4, 10, offset=4096), "src": t(4, 10)}
TWO = {"dst": t(4, 10, offset=4096), "a": t(4, 10), "b": t(4, 10, space=PSUM)}
OTHER_SHAPES = ({"dst": t(4, 9, offset=4096)}, {"dst": t(3, 10, offset=4096)}, {"dst": t(4, 11, offset=4096)})
TWO_IN_PSUM = {"a": t(4, 10, space=PSUM)}
BIT = number("BITWISE_AND")
ONE = imm(0x3F800000)
WEIGHTS = ("LDWEIGHTS", {"src": t(8, 6, D.BF16), "mode": 0, "rows": 0, "cols": 0, "col": 0})
PRODUCT = {"dst": t(6, 512, space=PSUM), "moving": t(8, 512, D.BF16), "flags": 3, "mode": 0, "rows": 0, "cols": 0}
EIGHT = {"dst": t(4, 8, offset=8192), "src": t(4, 8)}
I8, U8, U16, I32, U32 = D.I8, D.U8, D.U16, D.I32, D.U32
POW, RSQRT, ADD, MULT = (number(op) for op in ("POW", "RSQRT", "ADD", "MULT"))
LOAD_REDUCE, REDUCE, RESET, IDLE = (int(spec.AccCmd[c]) for c in ("LOAD_REDUCE", "REDUCE", "RESET", "IDLE"))

LIMITS = (
    Limit("DVE", "COPY", PAIR, *OTHER_SHAPES),
    Limit("DVE", "TENSOR_TENSOR", {**TWO, "op": ADD}, *OTHER_SHAPES, {"b": t(4, 9)}, TWO_IN_PSUM, {"op": POW}, {"op": RSQRT}),
    Limit("POOL", "TENSOR_TENSOR", {**TWO, "b": t(4, 10), "op": POW}),
    Limit("DVE", "TENSOR_TENSOR", {"dst": t(4, 10, U8), "a": t(4, 10, I8), "b": t(4, 10, U8), "op": BIT}, {"a": t(4, 10, U16)},
          {"dst": t(4, 10, D.F8E4M3)}),
    Limit("POOL", "TENSOR_TENSOR", {"dst": t(4, 10, U8), "a": t(4, 10, I8), "b": t(4, 10, U8), "op": ADD}, {"op": BIT}),
    Limit("DVE", "TENSOR_SCALAR", {**PAIR, "op0": ADD, "operand0": ONE, "op1": 0, "operand1": ONE, "flags": 3}, *OTHER_SHAPES,
          {"op0": POW}, {"op1": RSQRT}, {"op1": BIT}, {"operand0": vector(D.BF16)}, {"operand1": vector(I32)}),
    Limit("ACT", "TENSOR_SCALAR", {**PAIR, "op0": MULT, "operand0": ONE, "op1": ADD, "operand1": ONE, "flags": 0}, {"flags": 1},
          {"op0": ADD}, {"op1": MULT}, {"op0": 0}),
    Limit("DVE", "TENSOR_SCALAR", {"dst": t(4, 10, U16), "src": t(4, 10, D.I16), "op0": BIT, "operand0": imm(1, U32), "op1": BIT,
                                   "operand1": vector(U16), "flags": 0}, {"op1": ADD}, {"operand1": vector(U32)},
          {"operand1": vector(D.BF16)}, {"src": t(4, 10, I32)}),
    Limit("DVE", "SCALAR_TENSOR_TENSOR", {**TWO, "op0": ADD, "op1": MULT, "operand0": ONE, "flags": 3}, *OTHER_SHAPES, TWO_IN_PSUM,
          {"op0": BIT}, {"op1": BIT}, {"op0": POW}, {"op1": RSQRT}, {"operand0": vector(D.F16)}),
    Limit("DVE", "RECIPROCAL", PAIR, *OTHER_SHAPES),
    Limit("ACT", "ACTIVATE", {**PAIR, "func": spec.Activation.EXP, "scale": ONE, "bias": vector(D.BF16), "param": 0, "acc": REDUCE},
          *OTHER_SHAPES, {"scale": vector(D.BF16)}, {"bias": vector(D.TF32)}, {"acc": LOAD_REDUCE}, {"param": 1}),
    Limit("DVE", "TENSOR_REDUCE", {"dst": t(4, 6), "src": {**t(4, 12), "num": [2, 3, 2, 1]}, "op": ADD, "axes": 1, "negate": 1},
          {"op": number("ABS")}, {"op": number("IS_EQUAL")}, {"op": 0}, {"axes": 0}, {"axes": 5}, {"axes": 2}, {"dst": t(4, 7)}),
    Limit("DVE", "TENSOR_REDUCE", {"dst": t(4, 6, U8), "src": t(4, 12, I8, num=[2, 6, 1, 1]), "op": BIT, "axes": 1, "negate": 0},
          {"negate": 1}, {"dst": t(4, 6, U16)}, {"dst": t(4, 6, D.F8E5M2)}),
    Limit("DVE", "TENSOR_SCALAR_REDUCE", {**PAIR, "op0": ADD, "operand0": ONE, "reduce": MULT, "acc": LOAD_REDUCE, "init": ONE,
                                          "flags": 1},
          *OTHER_SHAPES, {"op0": POW}, {"op0": BIT}, {"reduce": number("SUBTRACT")}, {"acc": REDUCE}, {"flags": 2},
          {"operand0": vector(D.F16)}, {"init": vector(I32)}),
    Limit("DVE", "TENSOR_SCALAR_CUMULATIVE", {**PAIR, "op0": ADD, "operand0": ONE, "op1": number("SUBTRACT"), "acc": LOAD_REDUCE,
                                              "init": ONE},
          *OTHER_SHAPES, {"op0": RSQRT}, {"op0": BIT}, {"op1": number("IS_EQUAL")}, {"op1": 0}, {"acc": REDUCE},
          {"acc": IDLE, "init": NOTHING}, {"acc": RESET, "init": NOTHING}, {"operand0": vector(D.F16)}),
    Limit("DVE", "TENSOR_TENSOR_SCAN", {**TWO, "initial": ONE, "op0": ADD, "op1": MULT, "flags": 3}, *OTHER_SHAPES, TWO_IN_PSUM,
          {"b": t(4, 9)}, {"op0": POW}, {"op1": BIT}, {"initial": vector(D.BF16)}),
    Limit("DVE", "READ_ACC", {"dst": t(4, 1)}, {"dst": t(4, 2)}),
    Limit("DVE", "BN_STATS", {"dst": t(4, 6, offset=4096), "src": t(4, 512)}, {"src": t(4, 513)}, {"dst": t(4, 5)}, {"dst": t(3, 6)}),
    Limit("DVE", "BN_AGGR", {"dst": t(4, 2), "src": t(4, 9)}, {"src": t(4, 8)}, {"dst": t(4, 3)}, {"dst": t(5, 2)}),
    Limit("DVE", "MAX8", EIGHT, {"src": t(4, 7)}, {"dst": t(4, 9)}, {"dst": t(4, 7)}, {"src": t(3, 8)}),
    Limit("DVE", "MAX8", {"dst": t(4, 8), "src": t(4, 16384)}, {"src": t(4, 16385)}),
    Limit("DVE", "FIND_INDEX8", {"dst": t(4, 8, U16), "values": t(4, 8), "src": t(4, 8, space=PSUM)}, {"src": t(4, 7)},
          {"values": t(4, 7)}, {"dst": t(4, 9, U16)}, {"values": t(4, 8, space=PSUM)}, {"src": t(4, 16385)}, {"values": t(3, 8)}),
    Limit("DVE", "MATCH_REPLACE8", {"dst": t(4, 20), "values": t(4, 8), "src": t(4, 20)}, {"src": t(4, 7), "dst": t(4, 7)},
          {"dst": t(4, 19)}, {"values": t(4, 9)}, {"values": t(4, 8, space=PSUM), "src": t(4, 20, space=PSUM)}),
    Limit("DVE", "MATCH_REPLACE8_INDEX", {"dst": t(4, 20), "index": t(4, 8, U16, 80), "values": vector(D.BF16, SBUF_BYTES - 16),
                                          "src": t(4, 20)},
          {"index": t(4, 8, U16, 78)}, {"index": t(4, 7, U16, 80)}, {"values": ONE}, {"dst": t(4, 19)},
          {"values": {**vector(D.F32, 64), "space": PSUM}, "src": t(4, 20, space=PSUM)}),
    Limit("DVE", "TRANSPOSE", {"dst": t(32, 20), "src": t(20, 32, D.U32)}, {"dst": t(32, 21)}, {"dst": t(31, 20)}, {"dst": t(32, 20, U16)}),
    Limit("DVE", "TRANSPOSE", {"dst": t(32, 64), "src": t(32, 64)}, {"dst": t(64, 32)}, {"dst": t(32, 63), "src": t(32, 63)},
          {"dst": t(33, 64), "src": t(33, 64)}),
    Limit("DVE", "STREAM_SHUFFLE", {"dst": t(64, 5), "src": t(64, 5, U32), "mask": [31, 255] * 16}, {"mask": [32] * 32},
          {"mask": [254] * 32}, {"dst": t(16, 5), "src": t(16, 5)}, {"dst": t(64, 4)}, {"src": t(96, 5)}, {"src": t(64, 5, D.F16)}),
    Limit("DVE", "COPY_PREDICATED", {**PAIR, "pred": t(4, 10, U8, space=PSUM)}, *OTHER_SHAPES, {"dst": t(4, 10, I32)},
          {"pred": t(4, 9, U8)}, {"src": t(4, 10, space=PSUM)}),
    Limit("DVE", "FILL_PREDICATED", {"dst": t(4, 10), "pred": t(4, 10, U8), "value": vector(D.F8E4M3)}, {"dst": t(4, 9)},
          {"dst": t(5, 10)}),
    Limit("DVE", "SELECT_REDUCE", {"dst": t(4, 10), "on_true": t(4, 10), "pred": t(4, 10, U16, space=PSUM), "on_false": ONE, "acc": REDUCE},
          {"pred": t(4, 10, U32)}, {"acc": LOAD_REDUCE}, {"on_true": t(4, 10, space=PSUM)}, {"dst": t(4, 9)}, {"on_false": vector(D.F16)}),
    Limit("DVE", "RANGE_SELECT", {**PAIR, "cmp0": number("IS_GE"), "cmp1": number("IS_EQUAL"), "bound0": ONE, "bound1": ONE, "acc": REDUCE,
                                  "start": int(np.float32(2**24 - 11).view(np.uint32))}, *OTHER_SHAPES, {"cmp0": number("NOT_EQUAL")},
          {"cmp1": ADD}, {"acc": LOAD_REDUCE}, {"start": int(np.float32(2**24 - 10).view(np.uint32))},
          {"start": int(np.float32(-2**24).view(np.uint32))}, {"start": 0x7FC00000}),
    Limit("DVE", "SET_RNG_SEED", {"src": t(1, 1, U32)}, {"src": t(2, 1, U32)}, {"src": t(1, 2, U32)}),
    Limit("DVE", "DROPOUT", {**PAIR, "prob": vector(D.F32)}, *OTHER_SHAPES, {"prob": vector(D.F16)}),
    Limit("POOL", "AFFINE_SELECT", {**PAIR, "cmp": number("NOT_EQUAL"), "steps": [1, 2, 3, 4]}, *OTHER_SHAPES, {"cmp": ADD}),
    Limit("POOL", "PARTITION_REDUCE", {"dst": t(1, 10), "src": t(7, 10), "op": 0}, {"dst": t(2, 10)}, {"dst": t(1, 9)}),
    Limit("POOL", "PARTITION_REDUCE", {"dst": t(1, 10, U8), "src": t(7, 10, I8), "op": int(spec.PartitionOp.BITWISE_OR)},
          {"dst": t(1, 10, U16)}, {"src": t(7, 10, D.F8E3M4)}),
    Limit("POOL", "GATHER", {"dst": t(4, 5), "src": t(4, 10, U32), "index": t(4, 5, U32, SBUF_BYTES - 20)}, {"src": t(4, 10, D.BF16)},
          {"dst": t(4, 6)}, {"index": t(3, 5, U32, SBUF_BYTES - 20)}),
    Limit("POOL", "LOCAL_GATHER", {"dst": t(16, 64), "src": t(16, 40, U32), "index": t(16, 2, U16, SBUF_BYTES - 4), "run": 2},
          {"dst": t(16, 65)}, {"dst": t(16, 66)}, {"run": 3}, {"run": 64}, {"run": 0}, {"src": t(16, 40, U16)},
          {"dst": t(15, 64), "src": t(15, 40), "index": t(15, 2, U16, SBUF_BYTES - 4)}, {"index": t(32, 2, U16, SBUF_BYTES - 4)}),
    Limit("POOL", "LOCAL_GATHER", {"dst": t(16, 4096, U8), "src": t(16, 4, U8), "index": t(16, 256, U16, SBUF_BYTES - 512), "run": 1},
          {"dst": t(16, 4112, U8), "index": t(16, 257, U16, SBUF_BYTES - 514)}),
    Limit("PE", "LDWEIGHTS", {"src": t(64, 128, D.BF16), "mode": 0, "rows": 1, "cols": 0, "col": 0}, {"src": t(65, 128, D.BF16)},
          {"src": t(64, 129, D.BF16)}, {"src": t(32, 8, D.BF16, partition=32)}, {"cols": 1}, {"col": 64},
          {"src": t(64, 64, D.BF16), "cols": 1, "col": 32}),
    Limit("PE", "LDWEIGHTS", {"src": t(64, 256, D.F8E5M2), "mode": 1, "rows": 0, "cols": 0, "col": 0}, {"src": t(64, 255, D.F8E5M2)},
          {"src": t(64, 258, D.F8E5M2)}, {"src": t(64, 64, D.F8E5M2), "cols": 1}, {"src": t(64, 64, D.BF16)}),
    Limit("PE", "MATMUL", PRODUCT, {"dst": t(6, 513, space=PSUM), "moving": t(8, 513, D.BF16)}, {"dst": t(6, 512, space=PSUM, offset=4)},
          {"dst": t(5, 512, space=PSUM)}, {"moving": t(7, 512, D.BF16)}, {"moving": t(8, 511, D.BF16)}, {"moving": t(8, 512, D.F32)},
          {"rows": 1}, {"cols": 2}, {"mode": 1, "moving": t(8, 1024, D.F8E4M3)}, first=(WEIGHTS,)),
    Limit("PE", "PE_TRANSPOSE", {"dst": t(128, 16, space=PSUM), "src": t(16, 128)}, {"dst": t(128, 16, D.BF16, space=PSUM)},
          {"dst": t(128, 15, space=PSUM)}, {"src": t(16, 129)}, {"dst": t(127, 16, space=PSUM)},
          {"dst": t(128, 16, space=PSUM, offset=2048 - 60)}),
    Limit("PE", "PE_TRANSPOSE", {"dst": t(8, 16, U16, space=PSUM), "src": t(16, 8, D.F8E4M3)}, {"dst": t(8, 16, U8, space=PSUM)},
          {"dst": t(8, 16, D.BF16, space=PSUM)}),
)


def outcome(probe, engine: str, insn: str, operands: dict) -> ProbeFault | None:
    try:
        probe.run(engine, insn, **operands)
        return None
    except ProbeFault as fault:
        return fault


def contents(probe) -> list[bytes]:
    return [probe.read(space, 0, 128, first, 9000).tobytes() for space, first in (("SBUF", 0), ("PSUM", 0), ("SBUF", SBUF_BYTES - 9000))]


@case("every limit: what is legal runs, one beyond is a fault of an operand and changes nothing")
def check_limits(_folder):
    noise = np.random.default_rng(5).integers(1, 2, (128, 16000), dtype=np.uint8)
    wrong = []
    for limit in LIMITS:
        probe = next(iter(fleet.probes.values()))
        offsets = {field[1] for field in spec.INSTRUCTIONS[limit.insn]}
        for change in ({}, *limit.beyond):
            probe.reset()
            for space in ("SBUF", "PSUM"):
                probe.write(space, 0, 0, noise)
            probe.write("SBUF", 0, SBUF_BYTES - 9000, np.zeros((128, 9000), dtype=np.uint8))
            for insn, operands in limit.first:
                probe.run(limit.engine, insn, **operands)
            before = contents(probe)
            fault = outcome(probe, limit.engine, limit.insn, {**limit.legal, **change})
            if not change:
                if fault:
                    wrong.append(f"{limit.engine} {limit.insn} {limit.legal}: {fault}")
            elif not fault or fault.code != "ILLEGAL_OPERAND" or fault.info not in offsets:
                wrong.append(f"{limit.engine} {limit.insn} with {change}: {fault or 'ran'}")
            elif contents(probe) != before:
                wrong.append(f"{limit.engine} {limit.insn} with {change}: changed memory")
    if wrong:
        raise AssertionError("\n".join(wrong))


def broken_rules(limit: Limit):
    """(what, operands) for each rule of the tables that tiles must agree, broken by each of its tiles in turn."""
    rules, ranges = spec.TILE_RULES[limit.insn], spec.RANGES[limit.insn]

    def other(name, kind, now):
        r = ranges.get(name, {}).get(kind)
        step = r.multiple if r else 1
        return now + step if not r or r.max is None or now + step <= r.max else now - step

    def with_room(tile):
        return {**tile, "offset": tile["offset"] if tile.get("space", 0) == PSUM else 100000}

    tiles = {name: with_room(tile) for name, tile in limit.legal.items() if isinstance(tile, dict) and "num" in tile}
    for name in rules.get("same_partitions", ()):
        yield "same_partitions", {name: {**tiles[name], "partitions": other(name, "partitions", tiles[name]["partitions"])}}
    for name in rules.get("same_elements", ()):
        num = tiles[name]["num"]
        yield "same_elements", {name: {**tiles[name], "num": [other(name, "elements", num[0]), *num[1:]]}}
    for name in rules.get("same_size", ()):
        size = spec.DTYPE_BYTES[D(tiles[name]["dtype"])]
        types = spec.OPERANDS[limit.insn][name][3] or tuple(D)
        yield from (("same_size", {name: {**tiles[name], "dtype": int(d)}}) for d in types if spec.DTYPE_BYTES[d] != size)
    if names := rules.get("one_in_psum"):
        yield "one_in_psum", {name: {**limit.legal[name], "offset": 0, "space": PSUM} if name in tiles else
                              {**limit.legal[name], "value": 0, "space": PSUM} for name in names}


@case("tiles agree in what the tables of the contract say")
def check_rules(_folder):
    probe, wrong, seen = next(iter(fleet.probes.values())), [], set()
    for limit in LIMITS:
        for rule, change in broken_rules(limit):
            probe.reset()
            fault = outcome(probe, limit.engine, limit.insn, {**limit.legal, **change})
            seen.add((limit.insn, rule))
            if not fault or fault.code != "ILLEGAL_OPERAND":
                wrong.append(f"{limit.engine} {limit.insn}, {rule} with {change}: {fault or 'ran'}")
    if wrong:
        raise AssertionError("\n".join(wrong))
    of_engines = {(insn, rule) for insn, rules in spec.TILE_RULES.items() for rule in rules if spec.Opcode[insn] >= 0x20}
    equal(of_engines - seen, set(), "rules that no limit here has")


@case("ACTIVATE of a NeuronCore-v2 takes a column as bias or none, and none for the reciprocal; later ones take any")
def check_bias_of_version_2(_folder):
    legal = {**PAIR, "func": spec.Activation.EXP, "scale": ONE, "bias": NOTHING, "param": 0, "acc": IDLE}
    reciprocal = {"func": spec.Activation.RECIPROCAL}
    register = {"kind": int(spec.ScalarKind.REG), "reg": 5, "dtype": int(D.F32)}
    bias = next(field[1] for field in spec.INSTRUCTIONS["ACTIVATE"] if field[0] == "bias")
    cases = ((True, {}), (True, {"bias": vector(D.BF16)}), (True, {"bias": vector(I32)}), (True, {"scale": vector(D.F32)}),
             (True, {**reciprocal}), (False, {"bias": ONE}), (False, {"bias": imm(0x80000000)}), (False, {"bias": register}),
             (False, {**reciprocal, "bias": vector(D.F32)}), (False, {**reciprocal, "bias": ONE}))
    for target, probe in fleet.probes.items():
        for version in (2, 3, 4):
            probe.reset(version)
            for of_version_2, change in cases:
                fault = outcome(probe, "ACT", "ACTIVATE", {**legal, **change})
                want = None if version > 2 or of_version_2 else ("ILLEGAL_OPERAND", bias)
                equal(fault and (fault.code, fault.info), want, f"{target}, version {version}, {change}")
        probe.reset(2)
        fault = outcome(probe, "ACT", "TENSOR_SCALAR", {**PAIR, "op0": MULT, "operand0": ONE, "op1": 0, "operand1": ONE})
        equal(fault and fault.code, "UNSUPPORTED", target)


@case("every instruction with operands that have limits is among them")
def check_complete(_folder):
    without = {"MEMSET", "RNG", "IOTA"}  # their pages name no limit
    compute = {name for name in spec.OPERANDS if spec.Opcode[name] >= 0x20}
    equal(compute - {limit.insn for limit in LIMITS}, without)


@case("a tile may end where memory ends, not beyond, whatever the register adds")
def check_range(_folder):
    for target, probe in fleet.probes.items():
        probe.reset()
        for space, size in (("SBUF", SBUF_BYTES), ("PSUM", spec.PSUM_BYTES)):
            place = {"space": int(spec.Space[space])}
            cases = (  # offset, register, step, whether it fits
                (size - 40, 0, 1, True), (size - 36, 0, 1, False), (0, size - 40, 1, True), (0, size - 36, 1, False),
                (size - 4, 0, -1, True), (36, 0, -1, True), (32, 0, -1, False), (4, 2**32 - 4, 1, False), (2**32 - 4, 40, 1, False),
                (size, 0, 0, False), (size - 4, 0, 0, True),
            )
            for offset, register, step, fits in cases:
                probe.register(5, register)
                dst = {**t(4, 10, offset=offset, **place), "reg": 5, "step": [step, 0, 0, 0]}
                fault = outcome(probe, "DVE", "COPY", {"dst": dst, "src": t(4, 10, offset=64)})
                equal(fault and fault.code, None if fits else "TILE_RANGE", f"{target}, {space}, {offset} + {register}, step {step}")
            probe.register(5, 2)
            fault = outcome(probe, "DVE", "COPY", {"dst": {**t(4, 10, **place), "reg": 5}, "src": t(4, 10, offset=64)})
            equal(fault and fault.code, "ILLEGAL_OPERAND", f"{target}, {space}: an element that is not aligned")
        dst = {"dst": t(4, 8, U16, 0), "values": vector(D.F32, SBUF_BYTES - 28), "index": t(4, 8, U16, 64), "src": t(4, 8, offset=128)}
        fault = outcome(probe, "DVE", "MATCH_REPLACE8_INDEX", dst)
        equal(fault and fault.code, "TILE_RANGE", f"{target}: seven of eight values")


@case("a fault names the operand and the instruction says so")
def check_info(_folder):
    probe = next(iter(fleet.probes.values()))
    probe.reset()
    fault = outcome(probe, "DVE", "COPY", {"dst": t(4, 10, offset=SBUF_BYTES), "src": t(4, 10)})
    equal((fault.code, fault.info), ("TILE_RANGE", 16))
    fault = outcome(probe, "DVE", "COPY", {"dst": t(4, 10), "src": t(4, 10, offset=SBUF_BYTES)})
    equal((fault.code, fault.info), ("TILE_RANGE", 44))
    contains(str(fault), "TILE_RANGE 44")


if __name__ == "__main__":
    sys.exit(main())
