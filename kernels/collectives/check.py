#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes inputs for ring.s and compares its results, bit for bit.

  check.py make X.npy --op all-reduce --cores 4 --columns 256 [--dtype bf16] [--seed 1]
  check.py compare X.npy Y.npy --op all-reduce --cores 4 --columns 256 [--dtype bf16]
  check.py compare 'X{chip}.npy' 'Y{chip}.npy' --chips 2 --op all-reduce --cores 4 --columns 256

With --chips each chip has files of its own: {chip} stands for its number.
"""

import argparse
import sys

import numpy as np

ROWS = 128
OPS = ("all-reduce", "reduce-scatter", "all-gather")


def bf16_to_f32(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def f32_to_bf16(values):
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)  # to nearest even; there are no NaNs


# Of each type: how .npy files have it, how it becomes fp32, and how it is rounded from that.
DTYPES = {
    "f32": (np.float32, lambda a: a, lambda a: a),
    "f16": (np.float16, lambda a: a.astype(np.float32), lambda a: a.astype(np.float16)),
    "bf16": ("V2", lambda a: bf16_to_f32(a.view(np.uint16)), lambda a: f32_to_bf16(a).view("V2")),
}


def make(options):
    width = options.columns * (1 if options.op == "all-gather" else options.ranks)
    values = np.random.default_rng(options.seed).standard_normal((options.ranks, ROWS, width), dtype=np.float32)
    return DTYPES[options.dtype][2](values)


def expected(x, options):
    """What all ranks have in the end, the first one's first."""
    _, widen, narrow = DTYPES[options.dtype]
    ranks, columns = options.ranks, options.columns
    if options.op == "all-gather":
        return np.stack([np.concatenate(list(x), axis=1)] * ranks)
    chunks = []
    for c in range(ranks):
        part = x[:, :, c * columns : (c + 1) * columns]
        total = part[(c + 1) % ranks]
        for step in range(2, ranks + 1):  # each sum is rounded, as the ring does
            total = narrow(widen(total) + widen(np.ascontiguousarray(part[(c + step) % ranks])))
        chunks.append(total)
    if options.op == "reduce-scatter":
        return np.stack(chunks)
    return np.stack([np.concatenate(chunks, axis=1)] * ranks)


def names(name, options):
    if options.chips > 1 and "{chip}" not in name:
        sys.exit(f"{name}: with several chips the name needs {{chip}}")
    return [name.replace("{chip}", str(chip)) for chip in range(options.chips)]


def load(name, options):
    return np.concatenate([np.load(part) for part in names(name, options)])


def compare(y, want, name):
    if y.shape != want.shape or y.dtype != want.dtype:
        return f"DIFFERENT: {name} is {y.dtype} {y.shape}, expected {want.dtype} {want.shape}"
    word = f"u{want.dtype.itemsize}"
    wrong = np.argwhere(y.view(word) != want.view(word))
    if not wrong.size:
        return None
    at = tuple(int(i) for i in wrong[0])
    return f"DIFFERENT: {len(wrong)} of {y.size} elements; the first is {at}: {y[at]!r}, expected {want[at]!r}"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("make", "compare"))
    parser.add_argument("files", nargs="+", metavar="FILE.npy")
    parser.add_argument("--op", choices=OPS, default=OPS[0])
    parser.add_argument("--cores", type=int, default=2, help="of a chip")
    parser.add_argument("--chips", type=int, default=1)
    parser.add_argument("--columns", type=int, default=256)
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    options.ranks = options.cores * options.chips
    if len(options.files) != (1 if options.verb == "make" else 2):
        parser.error("make takes X.npy, compare takes X.npy and Y.npy")
    if options.verb == "make":
        for part, name in zip(np.split(make(options), options.chips), names(options.files[0], options)):
            np.save(name, part)
        return 0
    x, y = (load(name, options) for name in options.files)
    problem = compare(y, expected(x, options), options.files[1])
    chips = f" of {options.chips} chips" if options.chips > 1 else ""
    print(problem or f"OK: {options.op} of {options.cores} cores{chips} is exact to the bit")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
