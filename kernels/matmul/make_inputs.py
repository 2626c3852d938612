#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Inputs of kernels/matmul: A [K, M] and B [K, N], normally distributed, as bf16 or f32.

A file of bf16 holds two-byte voids (V2), as ml_dtypes writes it: NumPy itself has no such type.
"""

import argparse
import secrets
import sys
from pathlib import Path

import numpy as np


def to_bf16(values: np.ndarray) -> np.ndarray:
    """Codes of finite fp32 values, rounded to nearest even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16).astype("<u2")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def main(argv) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the numbers (default: a new one)")
    for name in "mnk":
        parser.add_argument(f"--{name}", type=positive, default=512, help=f"{name.upper()} (default 512)")
    parser.add_argument("--dtype", choices=("bf16", "f32"), default="bf16", help="default bf16; f32 is for -D IN_F32=1")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for A.npy and B.npy (default: here)")
    options = parser.parse_args(argv)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    rng = np.random.default_rng(seed)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, columns in (("A", options.m), ("B", options.n)):
        values = rng.standard_normal((options.k, columns), dtype=np.float32)
        np.save(options.out / f"{name}.npy", to_bf16(values).view("V2") if options.dtype == "bf16" else values)
        print(f"{name}: {options.dtype} [{options.k}, {columns}], seed {seed} -> {options.out / name}.npy")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
