#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks a result of kernels/matmul: C = A^T B.

First against the oracle, bit for bit: the hardware contract says what every bit must be. Then against NumPy in fp64,
which knows nothing of the contract: the error must be within what rounding can explain.
The last line is the verdict; the exit status says the same.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "oracle"))

from neuron_oracle import from_f32, matmul, to_f32  # noqa: E402


class Mismatch(Exception):
    """The result is wrong; the text says how."""


def load(path: Path, name: str):
    """The dtype and the array in the oracle's storage type."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Mismatch(f"{name}: {path}: {error}") from None
    if array.dtype == np.dtype("V2"):
        return "BF16", array.view("<u2")
    if array.dtype == np.dtype("<f4"):
        return "F32", array
    raise Mismatch(f"{name}: {path} holds {array.dtype}, neither bf16 (V2) nor float32")


def check_shapes(a, b, c) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[0]:
        raise Mismatch(f"A {list(a.shape)} and B {list(b.shape)} do not fit A^T B")
    want = [a.shape[1], b.shape[1]]
    if list(c.shape) != want:
        raise Mismatch(f"C is {list(c.shape)}, A^T B is {want}")


def check_bits(a, b, c, in_dtype: str, c_dtype: str) -> None:
    want = from_f32(matmul(a, b, in_dtype, in_dtype), c_dtype)
    bits = f"<u{want.dtype.itemsize}"
    wrong = np.argwhere(c.view(bits) != want.view(bits))
    if wrong.size:
        m, n = map(int, wrong[0])
        raise Mismatch(f"{len(wrong)} of {c.size} elements differ from the oracle, first C[{m}, {n}]: "
                       f"{int(c.view(bits)[m, n]):#x} instead of {int(want.view(bits)[m, n]):#x}")
    print(f"bits: all {c.size} elements equal the oracle's")


def check_error(a, b, c, in_dtype: str, c_dtype: str) -> None:
    a64, b64 = (to_f32(x, in_dtype).astype(np.float64) for x in (a, b))
    got, want = to_f32(c, c_dtype).astype(np.float64), a64.T @ b64
    # One fp32 rounding per step of K, relative to the size of the sums on the way; one more to C's type.
    steps = a.shape[0] * 2.0**-24 * (np.abs(a64).T @ np.abs(b64))
    bound = steps + (np.abs(want) + steps) * (2.0**-8 if c_dtype == "BF16" else 2.0**-24)
    error = np.abs(got - want)
    print(f"fp64: largest error {error.max():.3g} where values go up to {np.abs(want).max():.3g}")
    if not np.all(error <= bound):
        m, n = map(int, np.unravel_index(np.argmax(error - bound), error.shape))
        raise Mismatch(f"C[{m}, {n}] = {got[m, n]:.9g} is further from {want[m, n]:.9g} than rounding explains")


def main(argv) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in "abc":
        parser.add_argument(f"--{name}", type=Path, default=Path(f"{name.upper()}.npy"), help=f"default {name.upper()}.npy")
    options = parser.parse_args(argv)
    try:
        a_dtype, a = load(options.a, "A")
        b_dtype, b = load(options.b, "B")
        c_dtype, c = load(options.c, "C")
        if a_dtype != b_dtype:
            raise Mismatch(f"A is {a_dtype} and B is {b_dtype}; both must be of one type")
        check_shapes(a, b, c)
        check_bits(a, b, c, a_dtype, c_dtype)
        check_error(a, b, c, a_dtype, c_dtype)
    except Mismatch as mismatch:
        print(f"check: FAIL: {mismatch}")
        return 1
    print(f"check: PASS: C = A^T B, {a.shape[1]}x{b.shape[1]}x{a.shape[0]}, {c_dtype.lower()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
