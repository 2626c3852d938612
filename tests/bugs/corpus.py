# SPDX-License-Identifier: MIT
"""What a bug of the corpus is, and how it is judged: by the output of the first command that a person runs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from neuronctl import NEURONCTL
from tap import BUILD, TOP

BUG = BUILD / "user/tests/bugs/bug"
KERNELS = TOP / "tests/bugs/kernels"
# What is expected has four parts; a bug leaves out those that it has not: a kernel's deadlock is about no buffer.
PARTS = ("cause", "job", "buffer", "place")


@dataclass
class Bug:
    """`act` makes the mistake, runs the first command and returns what that said; `names` is what must be in it, by part."""

    name: str
    whose: str  # program, kernel, driver, system, device, firmware
    story: str
    first: str  # the command, for people
    act: Callable[[Path], str]
    names: dict[str, str] = field(default_factory=dict)

    def missing(self, said: str) -> list[str]:
        """The parts that were not named."""
        assert self.names and set(self.names) <= set(PARTS), self.name
        return [part for part, pattern in self.names.items() if not re.search(pattern, said)]


BUGS: list[Bug] = []


def bug(name: str, whose: str, story: str, first: str, **names: str):
    """Registers a bug."""

    def register(act: Callable[[Path], str]) -> Callable[[Path], str]:
        assert all(each.name != name for each in BUGS), name
        assert all(not re.search(pattern, "") for pattern in names.values()), f"{name}: a part that anything names"
        BUGS.append(Bug(name, whose, story, first, act, names))
        return act

    return register


# A driver that is loaded, or finds its device.
NO_NEWS = re.compile(r"\[drm\] (spec \d|Initialized)|loading out-of-tree module|module verification failed")


class KernelLog:
    """The lines of the kernel's log from here on, but for those of a driver that begins."""

    def __init__(self) -> None:
        self.file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.file, 0, os.SEEK_END)

    def lines(self) -> list[str]:
        out = []
        with contextlib.suppress(BlockingIOError):
            while True:
                record = os.read(self.file, 8192).decode(errors="replace")
                out.append(record.partition(";")[2].splitlines()[0])
        os.close(self.file)
        return [line for line in out if not NO_NEWS.search(line)]


def output(folder: Path, *words: object, seconds: float = 60) -> str:
    """What a command says, whatever comes of it."""
    done = subprocess.run([*map(str, words)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds)
    return done.stdout


def assembled(folder: Path, kernel: str) -> Path:
    out = folder / f"{kernel}.nko"
    subprocess.run([NEURONCTL, "asm", KERNELS / f"{kernel}.s", "-o", out], check=True, capture_output=True)
    return out


def program(folder: Path, name: str, kernel: str | None = None) -> str:
    """What a program with that mistake says."""
    words = [assembled(folder, kernel)] if kernel else []
    return output(folder, BUG, name, *words)


@contextlib.contextmanager
def standing_still(folder: Path, name: str, kernel: str | None = None, binary: Path = BUG):
    """A program with that mistake, for as long as it stands still; `address` is what else it said."""
    words = [str(assembled(folder, kernel))] if kernel else []
    process = subprocess.Popen([binary, name, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline()
        assert said.startswith("stuck"), process.stderr.read()
        process.address = int(said.removeprefix("stuck"), 16)
        yield process
    finally:
        if not process.stdin.closed:
            process.stdin.close()
        process.wait(timeout=60)


def explained(folder: Path, want: str, *words: object) -> str:
    """neuronctl explain, as soon as the state that is to be explained has come about."""
    end = time.monotonic() + 20
    while True:
        said = output(folder, NEURONCTL, "explain", *words)
        if re.search(want, said) or time.monotonic() > end:
            return said
