#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The commands of docs/start.md work, one after another in one shell, and print what the page says.

A block of `sh` is run; a block of `text` behind it is what it prints, where … stands for anything, and what is not in the block
may be printed too. Each block of commands is a case.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, case, equal, main

PAGE = TOP / "docs/start.md"
BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```\n(?:```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
MARK = "-- end of block --"


class Shell:
    """One shell for all blocks, as a reader has one."""

    def __init__(self):
        shutil.rmtree(TOP / "build/start", ignore_errors=True)
        self.process = subprocess.Popen(["bash"], cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, commands: str) -> str:
        """The output; a command that fails ends the shell, unless the block deals with it."""
        if not self.alive():
            raise AssertionError("not run: an earlier block has failed")
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as block:
            block.write(commands)
            block.flush()
            # The commands must not read what the shell is told next.
            self.process.stdin.write(f"trap 'echo; echo {MARK}' EXIT\nset -e\n. {block.name} </dev/null\nset +e\necho; echo '{MARK}'\n")
            self.process.stdin.flush()
            lines = []
            for line in self.process.stdout:
                if line.strip() == MARK:
                    break
                lines.append(line)
        return "".join(lines)

    def alive(self) -> bool:
        try:
            self.process.wait(0.2)
            return False
        except subprocess.TimeoutExpired:
            return True


def pattern(output: str) -> str:
    """What the page shows as a regular expression: lines in this order, others in between."""
    lines = [line for line in output.splitlines() if line.strip() != "…"]
    return r"(?s)" + r"\n(?:.*\n)?".join(".*".join(map(re.escape, line.split("…"))).replace(".*", "[^\n]*") for line in lines)


SHELL = None


def check(commands: str, output: str) -> None:
    global SHELL  # pylint: disable=global-statement
    if SHELL is None:
        SHELL = Shell()
    said = SHELL.run(commands)
    assert SHELL.alive(), f"a command of this block failed:\n{commands}\n{said}"
    assert re.search(pattern(output), said), f"the page says\n{output}\nthe commands say\n{said}"


def register() -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    equal(len(blocks), text.count("```sh"), "blocks of commands")
    equal(sum(block["output"] is not None for block in blocks), text.count("```text"), "blocks of output behind them")
    for block in blocks:
        heading = re.findall(r"^## (.*)", text[: block.start()], re.MULTILINE)[-1]
        first = block["commands"].splitlines()[0]
        case(f"{heading}: {first}")(lambda _folder, found=block: check(found["commands"], found["output"] or ""))


if __name__ == "__main__":
    register()
    sys.exit(main())
