# SPDX-License-Identifier: MIT
"""kernels/matmul in a folder of its own: inputs, kernel file, and the comparison with the oracle."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import subprocess
from pathlib import Path

from neuronctl import KERNELS, good

MATMUL = KERNELS / "matmul"
SEED = 42
FILES = ("--in", "A=A.npy", "--in", "B=B.npy", "--out", "C=C.npy")


def python(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(["/usr/bin/python3", *map(str, words)], capture_output=True, text=True, timeout=120)


def here(script: str, *words: object) -> tuple[int, str]:
    """A script of kernels/matmul in this process, which has NumPy already: in the guest that takes seconds to load."""
    spec = importlib.util.spec_from_file_location(f"matmul_{script}", MATMUL / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = module.main([str(word) for word in words])
    return status, out.getvalue()


def inputs(folder: Path, m: int, n: int, k: int, dtype: str = "bf16") -> None:
    status, out = here("make_inputs", "--seed", SEED, "--m", m, "--n", n, "--k", k, "--dtype", dtype, "--out", folder)
    assert status == 0 and f"seed {SEED}" in out, out


def prepare(folder: Path, m: int, n: int, k: int, definitions: tuple = ()) -> None:
    """A.npy, B.npy and matmul.nko."""
    inputs(folder, m, n, k, "f32" if "IN_F32=1" in definitions else "bf16")
    good(folder, "asm", MATMUL / "matmul.s", "-D", f"M={m}", "-D", f"N={n}", "-D", f"K={k}", *definitions)


def check_words(folder: Path) -> list[str]:
    return [f"--{name.lower()}={folder / name}.npy" for name in "ABC"]


def check(folder: Path) -> subprocess.CompletedProcess:
    return python(MATMUL / "check.py", *check_words(folder))


def expect_pass(folder: Path) -> None:
    """C.npy must be what the oracle says, bit for bit."""
    status, out = here("check", *check_words(folder))
    assert status == 0 and out.splitlines()[-1].startswith("check: PASS"), out
