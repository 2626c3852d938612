# SPDX-License-Identifier: MIT
"""What docs/debugging.md shows of bugs of the corpus, held to what is said of them."""

from __future__ import annotations

import re

from tap import TOP

GUIDE = TOP / "docs/debugging.md"
BLOCK = re.compile(r"<!-- bug: ([\w-]+) -->\n```\n(.*?)```", re.S)
PROMPT = re.compile(r"[#$] ")
NUMBER = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)*")


def blocks() -> dict[str, list[str]]:
    """Lines of output by the name of the bug, without the commands."""
    return {name: [line for line in text.splitlines() if not PROMPT.match(line)] for name, text in BLOCK.findall(GUIDE.read_text())}


def pattern(line: str) -> re.Pattern:
    """A line of the guide: any number fits another one, and what was cut is anything."""
    parts = (re.escape(NUMBER.sub("0", part)) for part in line.split("…"))
    return re.compile(".*".join(parts))


def missing(lines: list[str], said: str) -> list[str]:
    """The lines that were not said."""
    plain = [NUMBER.sub("0", line.rstrip()) for line in said.splitlines()]
    return [line for line in lines if not any(pattern(line.rstrip()).fullmatch(each) for each in plain)]
