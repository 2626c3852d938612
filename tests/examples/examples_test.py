#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The examples, as their readers run them. The argument is the backend."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import good
from tap import BUILD, TOP, case, contains, equal, main

BACKEND = sys.argv[1] if len(sys.argv) > 1 else "sim"


def example(name: str, folder: Path, *words: str) -> tuple[int, str, str]:
    program = BUILD / "user/examples" / name / f"example-{name}"
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def kernel(folder: Path) -> str:
    good(folder, "asm", str(TOP / "kernels/hello/hello.s"), "-o", "hello.nko")
    return "hello.nko"


@case("hello loads a kernel, runs it, and finds every element right")
def hello(folder):
    equal(example("hello", folder, kernel(folder), BACKEND), (0, "hello: 65536 elements are right\n", ""))


@case("pipeline gets all blocks right, with both lanes under way")
def pipeline(folder):
    equal(example("pipeline", folder, kernel(folder), BACKEND),
          (0, "pipeline: 12 blocks are right, up to 2 of them under way at a time\n", ""))


@case("event-loop hears of each job's end and of the timer")
def event_loop(folder):
    equal(example("event-loop", folder, BACKEND), (0, "event-loop: 8 jobs of 2 queues ended well, and the timer ticked\n", ""))


@case("share works with two processes on accel, and says on others why it cannot")
def share(folder):
    if BACKEND == "accel":
        equal(example("share", folder), (0, "share: two processes filled a half each of 8 MiB of HBM\n", ""))
    else:
        equal(example("share", folder, BACKEND),
              (1, "", f"share: backend '{BACKEND}': only HBM of the backend accel can be shared between processes\n"))


@case("without a kernel, or with too many words, there is one line about the usage")
def usage(folder):
    for name, words in (("hello", ()), ("hello", ("a", "b", "c")), ("pipeline", ()), ("pipeline", ("a", "b", "c")),
                        ("event-loop", ("a", "b")), ("share", ("a", "b"))):
        kernel_word = "KERNEL.nko " if name in ("hello", "pipeline") else ""
        equal(example(name, folder, *words), (2, "", f"usage: {name} {kernel_word}[BACKEND]\n"))


@case("a backend or a kernel that is not there is named, in one line")
def wrong_words(folder):
    for name, words, part in (
        ("hello", ("none.nko", BACKEND), "none.nko: No such file"),
        ("pipeline", ("none.nko", BACKEND), "none.nko: No such file"),
        ("hello", (kernel(folder), "gpu"), "unknown backend 'gpu'"),
        ("pipeline", (kernel(folder), "gpu"), "unknown backend 'gpu'"),
        ("event-loop", ("gpu",), "unknown backend 'gpu'"),
        ("share", ("gpu",), "backend 'gpu'"),
    ):
        code, out, error = example(name, folder, *words)
        equal((code, out, error.count("\n")), (1, "", 1), error)
        contains(error, f"{name}: ")
        contains(error, part)


if __name__ == "__main__":
    sys.exit(main())
