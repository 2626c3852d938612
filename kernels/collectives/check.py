#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes inputs for ring.s and compares its results, bit for bit.

  check.py make X.npy --op all-reduce --cores 4 --columns 256 [--seed 1]
  check.py compare X.npy Y.npy --op all-reduce --cores 4 --columns 256
"""

import argparse
import sys

import numpy as np

ROWS = 128
OPS = ("all-reduce", "reduce-scatter", "all-gather")


def make(op, cores, columns, seed):
    width = columns if op == "all-gather" else cores * columns
    return np.random.default_rng(seed).standard_normal((cores, ROWS, width), dtype=np.float32)


def expected(x, op, cores, columns):
    if op == "all-gather":
        together = np.concatenate(list(x), axis=1)
        return np.stack([together] * cores)
    chunks = []
    for c in range(cores):
        part = x[:, :, c * columns : (c + 1) * columns]
        total = part[(c + 1) % cores]
        for step in range(2, cores + 1):  # each sum is rounded to fp32, as the ring does
            total = total + part[(c + step) % cores]
        chunks.append(total)
    if op == "reduce-scatter":
        return np.stack(chunks)
    return np.stack([np.concatenate(chunks, axis=1)] * cores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("make", "compare"))
    parser.add_argument("files", nargs="+", metavar="FILE.npy")
    parser.add_argument("--op", choices=OPS, default=OPS[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--columns", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if len(options.files) != (1 if options.verb == "make" else 2):
        parser.error("make takes X.npy, compare takes X.npy and Y.npy")
    shape = (options.op, options.cores, options.columns)
    if options.verb == "make":
        np.save(options.files[0], make(*shape, options.seed))
        return 0
    x, y = (np.load(name) for name in options.files)
    want = expected(x, *shape)
    if y.shape != want.shape or y.dtype != want.dtype:
        print(f"DIFFERENT: {options.files[1]} is {y.dtype} {y.shape}, expected {want.dtype} {want.shape}")
        return 1
    wrong = np.argwhere(y.view(np.uint32) != want.view(np.uint32))
    if wrong.size:
        at = tuple(int(i) for i in wrong[0])
        print(f"DIFFERENT: {len(wrong)} of {y.size} elements; the first is {at}: {y[at]!r}, expected {want[at]!r}")
        return 1
    print(f"OK: {options.op} of {options.cores} cores is exact to the bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
