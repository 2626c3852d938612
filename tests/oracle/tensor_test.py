#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The tensor engine on the chip model and on the oracle: parts of the array, types, accumulation groups, transposes.

Usage: tensor_test.py [INSN_PROBE]
"""

import sys

import numpy as np

import samples
from fleet import Fleet, spec
from neuron_oracle import FORMATS, STORAGE, from_f32
from scene import Picks, Scene, start_partitions
from tap import case, main

fleet = Fleet()
SIZES = {"WHOLE": 128, "HALF": 64, "QUARTER": 32}
FP8 = [name for name in FORMATS if STORAGE[name].itemsize == 1]
WIDE = ("F32", "TF32")
NARROW = [name for name in FORMATS if name not in WIDE]
PARTNERS = {**{name: WIDE for name in WIDE}, **{name: tuple(NARROW) for name in NARROW}}
START, STOP = int(spec.MatmulFlag.START), int(spec.MatmulFlag.STOP)


def contents(scene, fields):
    """Numbers around 1, mostly: a NaN or an infinity anywhere spoils whole rows of results."""
    if scene.chance(0.2):
        return
    tile = scene.place(fields)
    scale = 2.0 ** (-60 if scene.chance(0.1) else -3 if tile.dtype == "F8E3M4" else 0)
    values = (scene.rng.standard_normal((tile.partitions, tile.count)) * scale).astype(np.float32)
    scene.fill(fields, from_f32(values, tile.dtype).view(f"<u{tile.size}"))


def in_a_bank(scene, partitions, count, dtype, partition=None):
    """A tile of PSUM within one bank, or None."""
    for attempt in range(20):
        tile = scene.tile(partitions, count, dtype, "PSUM", repeat=scene.chance(0.1), plain=attempt > 10, partition=partition)
        reached = scene.place(tile).bytes
        if reached.min() // spec.PSUM_BANK_BYTES == (reached.max() + STORAGE[dtype].itemsize - 1) // spec.PSUM_BANK_BYTES:
            return tile
    return None


def place_in(scene, size: str, count: int) -> int:
    """First row or column of a part."""
    return scene.choose(start_partitions(count)) if size == "WHOLE" else scene.choose(range(0, 128, SIZES[size]))


def load(scene, held):
    sizes = scene.known("PeTile", SIZES)
    rows = scene.picks.next("rows", sizes)
    mode = scene.picks.next("mode", scene.known("PeMode", ("NORMAL", "NORMAL", "DOUBLE_ROW")))
    cols = "WHOLE" if mode == "DOUBLE_ROW" else scene.picks.next("cols", sizes)
    dtype = scene.dtype("LDWEIGHTS", "src", FP8 if mode == "DOUBLE_ROW" else None)
    k, m = (most if scene.chance(0.25) else int(scene.rng.integers(1, most + 1)) for most in (SIZES[rows], SIZES[cols]))
    if dtype in WIDE:
        m = min(m, 40)
    count = 2 * m if mode == "DOUBLE_ROW" else m
    src = scene.tile(k, count, dtype, "SBUF", repeat=scene.chance(0.1), partition=place_in(scene, rows, k))
    contents(scene, src)
    col = 0 if cols == "WHOLE" else scene.choose(range(0, 128, SIZES[cols]))
    scene.add("PE", "LDWEIGHTS", src=src, mode=spec.PeMode[mode], rows=spec.PeTile[rows], cols=spec.PeTile[cols], col=col)
    first = (0 if rows == "WHOLE" else src["partition"], col)
    for other in list(held):
        if (first[0] < other[0] + SIZES[other[2]] and other[0] < first[0] + SIZES[rows]
                and first[1] < other[1] + SIZES[other[3]] and other[1] < first[1] + SIZES[cols]):
            del held[other]
    held[(*first, rows, cols)] = (k, m, mode, dtype)


def multiply(scene, held, groups):
    part = scene.choose(list(held))
    row, col, rows, cols = part
    k, m, mode, dtype = held[part]
    partner = scene.picks.next(("with", dtype, mode), scene.types(FP8 if mode == "DOUBLE_ROW" else PARTNERS[dtype]))
    n = min(scene.elements(40 if dtype in WIDE else 300), scene.width // 8)
    if scene.chance(0.06) and rows == "WHOLE" and k < 128:
        k += 1  # not the rows that it has
    moving = scene.tile(k, 2 * n if mode == "DOUBLE_ROW" else n, partner, "SBUF", repeat=scene.chance(0.2),
                        partition=row if rows != "WHOLE" else place_in(scene, rows, k))
    contents(scene, moving)
    dst = in_a_bank(scene, m, n, "F32", col if cols != "WHOLE" else place_in(scene, cols, m))
    if dst is None:
        return
    contents(scene, dst)
    tile = scene.place(dst)
    bank, quadrants = int(tile.bytes.min()) // spec.PSUM_BANK_BYTES, slice(tile.partition // 32, (tile.partition + m + 31) // 32)
    group = groups[bank, quadrants]
    flags = START if not group.any() else 0  # a mixture is a fault either way
    if scene.chance(0.08):
        flags ^= START
    wrong = group.any() if flags & START else not group.all()
    if scene.chance(0.6):
        flags |= STOP
    scene.add("PE", "MATMUL", dst=dst, moving=moving, flags=flags, mode=spec.PeMode[mode], rows=spec.PeTile[rows], cols=spec.PeTile[cols])
    if not wrong and k == held[part][0]:
        groups[bank, quadrants] = not flags & STOP


def programs(scene):
    """Loads and products in turn. What earlier programs loaded, and the groups that they left open, are still there."""
    scene.stochastic = False
    held = {}
    names = {size: name for name, size in SIZES.items()}
    for (row, rows, col, cols), (k, mode, dtype, elements) in fleet.machine.stationary.items():
        held[(row, col, names[rows], names[cols])] = (k, elements.shape[1], mode, dtype)
    groups = fleet.machine.groups.copy()
    for _ in range(2):
        if not held or scene.chance(0.7):
            load(scene, held)
        for _ in range(scene.choose((1, 1, 2))):
            multiply(scene, held, groups)
    if groups.sum() > 12 and scene.program[-1][1] == "MATMUL":
        close_all(scene, held, groups)


def close_all(scene, held, groups):
    """Ends the groups that are open, so that programs to come can start some."""
    src = scene.tile(1, 32, "BF16", "SBUF", plain=True, partition=0)
    scene.add("PE", "LDWEIGHTS", src=src, mode=0, rows=0, cols=0, col=0)
    for bank, quadrant in zip(*np.nonzero(groups)):
        dst = {"partitions": 32, "partition": 32 * int(quadrant), "space": int(spec.Space.PSUM), "dtype": int(spec.Dtype.F32),
               "offset": int(bank) * spec.PSUM_BANK_BYTES, "step": [1, 0, 0, 0], "num": [1, 1, 1, 1]}
        moving = {**scene.like(src, "BF16"), "num": [1, 1, 1, 1]}
        scene.add("PE", "MATMUL", dst=dst, moving=moving, flags=STOP, mode=0, rows=0, cols=0)


def missing_part(scene):
    """Loading a part forgets what overlapped it: the product with that is a fault."""
    scene.stochastic = False
    src = scene.tile(16, 16, "BF16", "SBUF", partition=64)
    pairs = ((("WHOLE", "WHOLE", 0), ("HALF", "HALF", 64)), (("HALF", "WHOLE", 0), ("WHOLE", "HALF", 64)),
             (("QUARTER", "HALF", 0), ("HALF", "QUARTER", 32)), (("HALF", "WHOLE", 0), ("QUARTER", "QUARTER", 96)))
    first, second = scene.choose(pairs[:2] if scene.version == 2 else pairs)
    for rows, cols, col in (first, second):
        scene.add("PE", "LDWEIGHTS", src=src, mode=0, rows=spec.PeTile[rows], cols=spec.PeTile[cols], col=col)
    for rows, cols, col in (first, second):
        scene.add("PE", "MATMUL", dst=in_a_bank(scene, 16, 4, "F32", col), moving=scene.tile(16, 4, "F8E5M2", "SBUF", partition=64),
                  flags=START | STOP, mode=0, rows=spec.PeTile[rows], cols=spec.PeTile[cols])


def transposes(scene):
    scene.stochastic = False
    dtype = scene.dtype("PE_TRANSPOSE", "src")
    k, n = (int(scene.rng.integers(1, most + 1)) for most in (128, min(128, scene.width // 8)))
    if scene.chance(0.2):
        k, n = min(128, scene.width // 8), 128 if scene.width >= 1024 else 32
    size = STORAGE[dtype].itemsize
    target = "U16" if size == 1 else scene.dtype("PE_TRANSPOSE", "dst", [d for d in STORAGE if STORAGE[d].itemsize == size])
    if k * STORAGE[target].itemsize > scene.width // 2:
        k = scene.width // 8
    dst = in_a_bank(scene, n, k, target)
    if dst is not None:
        scene.add("PE", "PE_TRANSPOSE", dst=dst, src=scene.tile(k, n, dtype, "SBUF", repeat=True))


@case("LDWEIGHTS and MATMUL in parts of the array, with every pair of types, in both modes")
def check_programs(_folder):
    fleet.check("MATMUL", programs, 350, 40)


@case("a stationary operand is forgotten when another one overlaps it")
def check_missing(_folder):
    fleet.check("LDWEIGHTS", missing_part, 30, 30)


@case("PE_TRANSPOSE of every type")
def check_transposes(_folder):
    fleet.check("PE_TRANSPOSE", transposes, 250, 50)


@case("PE_TRANSPOSE into an open group is a fault")
def check_open_group(_folder):
    fleet.reset()
    generator = np.random.default_rng(5)
    scene = Scene(spec, generator, Picks(generator), 4096)
    scene.base["PSUM"] = 0
    src = scene.tile(32, 32, "BF16", "SBUF", plain=True)
    dst = {**scene.tile(32, 8, "F32", "PSUM", plain=True, partition=64), "offset": 2048, "reg": 0}
    other = {**dst, "partition": 96, "dtype": int(spec.Dtype.BF16), "num": [32, 1, 1, 1]}
    scene.add("PE", "LDWEIGHTS", src=src, mode=0, rows=0, cols=0, col=0)
    scene.add("PE", "MATMUL", dst=dst, moving={**src, "num": [8, 1, 1, 1], "step": [1, 0, 0, 0]}, flags=START, mode=0, rows=0, cols=0)
    scene.add("PE", "PE_TRANSPOSE", dst=other, src=src)
    scene.add("PE", "PE_TRANSPOSE", dst={**other, "partition": 64}, src=src)
    fleet.play(scene, "open group")
    if not fleet.machine.groups[1, 2]:
        raise AssertionError("no group was open")


@case("sums where rounding is hard, in F32 and TF32")
def check_hard_sums(_folder):
    fleet.reset()
    generator = np.random.default_rng(17)
    a, b, c = samples.hard_fma_triples(generator, 128 * 24)
    for number in range(24):
        if number == 6:
            fleet.drop_slow()
        part = slice(128 * number, 128 * (number + 1))
        scene = Scene(spec, generator, Picks(generator), 4096)
        scene.stochastic = False
        dtype = "F32" if number % 3 else "TF32"
        src, moving = (scene.tile(1, 128, dtype, "SBUF", plain=True) for _ in range(2))
        moving["offset"], moving["reg"] = scene.base["SBUF"], 0
        src["offset"], src["reg"] = scene.base["SBUF"] + 1024, 0
        dst = in_a_bank(scene, 128, 128, "F32")
        if dst is None:
            continue
        for fields, values in ((src, a), (moving, b)):
            scene.fill(fields, values[part].view(np.uint32)[None])
        scene.fill(dst, np.zeros((128, 128), dtype=np.uint32))
        add = {"mode": 0, "rows": 0, "cols": 0}
        # The matching triples sit on the diagonal. c comes in as c * 1 before, so that the group need not be split.
        ones = {**scene.tile(128, 128, dtype, "SBUF", plain=True), "offset": scene.base["SBUF"] + 2048, "reg": 0}
        scene.fill(ones, np.eye(128, dtype=np.float32).view(np.uint32))
        diagonal = {**ones, "offset": scene.base["SBUF"] + 2048 + 512}
        scene.fill(diagonal, np.diag(np.where(np.isfinite(c[part]), c[part], 0)).astype(np.float32).view(np.uint32))
        scene.add("PE", "LDWEIGHTS", src=ones, col=0, **add)
        scene.add("PE", "MATMUL", dst=dst, moving=diagonal, flags=START, **add)
        scene.add("PE", "LDWEIGHTS", src=src, col=0, **add)
        scene.add("PE", "MATMUL", dst=dst, moving=moving, flags=STOP, **add)
        fleet.play(scene, f"hard sums {number}")


if __name__ == "__main__":
    sys.exit(main())
