# SPDX-License-Identifier: MIT
"""Assembles kernels/collectives/ring.s, runs it, and has its checker compare every bit."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from neuronctl import KERNELS, good

RING = KERNELS / "collectives/ring.s"
CHECK = KERNELS / "collectives/check.py"
OPS = {"all-reduce": (), "reduce-scatter": ("-D", "GATHER=0"), "all-gather": ("-D", "REDUCE=0")}


@functools.cache
def checker():
    spec = importlib.util.spec_from_file_location("check", CHECK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Ring:
    op: str = "all-reduce"
    cores: int = 2
    chips: int = 1
    columns: int = 24
    dtype: str = "f32"

    def file(self, name: str) -> str:
        return name + ("{chip}.npy" if self.chips > 1 else ".npy")

    def options(self) -> list[str]:
        """Those of the checker."""
        return [word for name in ("op", "cores", "chips", "columns", "dtype") for word in (f"--{name}", str(getattr(self, name)))]

    def check(self, folder: Path, verb: str, *files: str) -> subprocess.CompletedProcess:
        """The checker as a user starts it."""
        words = [sys.executable, CHECK, verb, *files, *self.options()]
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)

    def must_check(self, folder: Path, verb: str, *names: str) -> None:
        """The checker in this process, where starting another one takes seconds; it must be content."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = checker().main([verb, *(str(folder / self.file(name)) for name in names), *self.options()])
        assert code == 0, (self, said.getvalue())

    def assemble(self, folder: Path) -> None:
        sizes = [word for name in ("cores", "chips", "columns") for word in ("-D", f"{name.upper()}={getattr(self, name)}")]
        dtype = () if self.dtype == "f32" else ("-D", f"{self.dtype.upper()}=1")
        good(folder, "asm", RING, *sizes, *dtype, *OPS[self.op], "-o", "ring.nko")
        self.must_check(folder, "make", "x")

    def words(self) -> tuple[str, ...]:
        """What neuronctl run is told besides the device."""
        shared = ("--scalar", "CHIP={chip}", "--share", "BOX", "--share", "FLAGS") if self.chips > 1 else ()
        return ("ring.nko", "--in", f"X={self.file('x')}", "--out", f"Y={self.file('y')}", *shared)

    def run(self, folder: Path, *options: object) -> None:
        """The assembled kernel with these options: exact, or an error."""
        for old in folder.glob("y*.npy"):
            old.unlink()
        good(folder, "run", *options, *self.words())
        self.must_check(folder, "compare", "x", "y")
