# SPDX-License-Identifier: MIT
"""Runs neuronctl and judges how it ended."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import schema
from tap import BUILD, TOP

NEURONCTL = Path(os.environ.get("NEURONCTL", BUILD / "user/tools/neuronctl/neuronctl"))
KERNELS = TOP / "kernels"

# Chip 1 faults; the others would wait for ever.
ONE_CHIP_FAULTS = """
    .param CHIP, scalar
    .param MAIL, inout, u32, 1
    .engine sp
    load_arg r1, CHIP
    beq r1, 1, wrong
idle: mem_load r2, MAIL.u32[0]
    beq r2, 0, idle
    end
wrong: mem_load r2, MAIL.u32[0x10000000]
    end
"""


class Result:
    def __init__(self, process: subprocess.CompletedProcess):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def json(self):
        """The answer, which fits the schema."""
        answer = json.loads(self.out)
        schema.validate(answer)
        return answer


def ctl(folder: Path, *words: object, before: tuple = (), **more) -> Result:
    """Runs neuronctl in `folder`, whatever comes of it. `before`: a program, with its words, that starts it."""
    command = [*before, NEURONCTL, *map(str, words)]
    return Result(subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, **more))


def good(folder: Path, *words: object, **more) -> Result:
    result = ctl(folder, *words, **more)
    if result.code != 0:
        raise AssertionError(f"exit code {result.code}: {result.err}{result.out}")
    return result


def bad(folder: Path, code: int, part: str, *words: object, **more) -> Result:
    """Must fail with this exit code and an error that says `part`; the JSON must say the same."""
    result = ctl(folder, *words, **more)
    text = result.err
    if result.code != code or part not in text or result.out:
        raise AssertionError(f"exit code {result.code}, want {code} and {part!r} on stderr only, got: {text}{result.out}")
    if "--json" not in words:
        machine = ctl(folder, "--json", *words, **more)
        answer = machine.json
        if machine.code != code or answer["ok"] or part.splitlines()[0] not in answer["error"]["message"] + machine.out:
            raise AssertionError(f"JSON disagrees: exit code {machine.code}, {machine.out}")
    return result


def assemble(folder: Path, text: str, name: str = "k") -> str:
    """A kernel file from source text; gives its name."""
    (folder / f"{name}.s").write_text(text)
    good(folder, "asm", f"{name}.s")
    return f"{name}.nko"
