# SPDX-License-Identifier: MIT
"""Finds numbers and names of the contract that somebody wrote by hand instead of taking the generated ones.

Searched is code, not comments. Two kinds of finding:
- a literal with a value that only the contract can have meant: a magic number, a PCI id, a register offset, a geometry.
  That is: a value of at least 4096 that is no power of two. Powers of two (BAR sizes, block offsets) occur everywhere;
  they count only in hexadecimal and only on a line that is about a BAR, a register or a block;
- a second definition of a name that the generated headers define.

A comment `spec-ok: reason` on the line, or alone on the line above, lets a line pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from specgen.c import names as c_names
from specgen.model import Spec
from specgen.text import camel

C_LIKE = {".c", ".h", ".cpp", ".hpp", ".cc", ".inc"}
HASH_LIKE = {".py", ".sh", ".toml", ".build", ".mak", ""}
ASSEMBLY = {".s", ".S", ".asm"}

NUMBER = re.compile(r"(?<![\w.$])(0[xX][0-9a-fA-F']+|0[bB][01']+|[1-9][0-9_']*)[uUlLzZ]*(?![\w.])")
WAIVER = re.compile(r"spec-ok:\s*\w")
PLACE_WORDS = re.compile(r"bar|reg|block|mmio|doorbell", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def _is_power_of_two(value: int) -> bool:
    return value & (value - 1) == 0


class Drift:
    def __init__(self, spec: Spec):
        self.values: dict[int, str] = {}
        self.places: dict[int, str] = {}
        self._numbers(spec)
        constants = {c.name for c in spec.all_constants()} | {s.name for s in spec.strings}
        self.c_names = {name for name, _, _ in c_names(spec)} | {f"NRN_{name}" for name in constants}
        self.enums = {camel(e.name) for e in spec.enums}
        self.c_types = {f"nrn_{x.name}" for x in spec.enums + spec.structs} | {
            f"nrn_packet_{p.name.lower()}" for p in spec.packets
        }
        self.constants = constants
        vendor, device = (spec.constant(name).value for name in ("PCI_VENDOR", "PCI_DEVICE"))
        self.pci_text = re.compile(rf"{vendor:04x}[:,]{device:04x}|v0000{vendor:04x}d0000{device:04x}", re.IGNORECASE)
        self.strings = {s.value: s.name for s in spec.strings if len(s.value) > 8}

    def _number(self, value: int, name: str) -> None:
        if value >= 0x1000 and not _is_power_of_two(value):
            self.values.setdefault(value, name)

    def _numbers(self, spec: Spec) -> None:
        for c in spec.constants + spec.derived:
            self._number(c.value, c.name)
            if (
                c.value >= 0x10000
                and _is_power_of_two(c.value)
                and (c.name.startswith("BAR_") or c.name.startswith("BLOCK_"))
            ):
                self.places[c.value] = c.name
        for b in spec.blocks:
            for r in b.registers:
                self._number(b.offset + r.offset, f"register {b.name}.{r.name}")
        for p in spec.profiles:
            self._number(p.hbm_bytes, f"hbm_bytes of profile {p.name}")
            self._number(p.sbuf_bytes, f"sbuf_bytes of profile {p.name}")

    def scan(self, name: str, text: str) -> list[Finding]:
        """Findings in one file; `name` tells its language."""
        suffix = Path(name).suffix
        raw, code = text.splitlines(), _without_comments(text, suffix).splitlines()
        out = []
        for i, line in enumerate(code):
            problems = self._literals(line) + self._definitions(line, suffix)
            if problems and not _waived(raw, code, i):
                out += [Finding(name, i + 1, problem) for problem in problems]
        return out

    def _literals(self, line: str) -> list[str]:
        out = []
        for match in NUMBER.finditer(line):
            digits = match.group(1).replace("'", "").replace("_", "")
            value = int(digits, 0)
            if value in self.values:
                out.append(f"{match.group(1)} is {self.values[value]} of the contract")
            elif value in self.places and digits[:2].lower() == "0x" and PLACE_WORDS.search(line):
                out.append(f"{match.group(1)} is {self.places[value]} of the contract")
        if match := self.pci_text.search(line):
            out.append(f"{match.group(0)} is the PCI id of the contract")
        for value, name in self.strings.items():
            if f'"{value}"' in line:
                out.append(f'"{value}" is {name} of the contract')
        return out

    def _definitions(self, line: str, suffix: str) -> list[str]:
        names = []
        if suffix in C_LIKE:
            names += [
                m for m in re.findall(r"^\s*#\s*define\s+(\w+)", line) if m in self.c_names or m in self.constants
            ]
            names += [m for m in re.findall(r"^\s*(NRN_\w+)\s*=[^=]", line) if m in self.c_names]
            names += [
                m
                for m in re.findall(r"\b(?:constexpr|const)\b[^=({;]*?\b([A-Z][A-Z0-9_]+)\s*[={]", line)
                if m in self.constants
            ]
            names += [m for m in re.findall(r"\b(?:enum|struct)\s+(nrn_\w+)\s*\{", line) if m in self.c_types]
            names += [m for m in re.findall(r"\benum\s+(?:class|struct)\s+(\w+)\b(?![^{]*;)", line) if m in self.enums]
        else:
            names += [
                m
                for m in re.findall(r"^\s*(?:readonly\s+|export\s+)?([A-Z][A-Z0-9_]+)\s*=\s*\(?\d", line)
                if m in self.constants
            ]
        return [f"{name} is defined by the generated headers" for name in names]


def _waived(raw: list[str], code: list[str], i: int) -> bool:
    if WAIVER.search(raw[i]):
        return True
    return i > 0 and not code[i - 1].strip() and WAIVER.search(raw[i - 1]) is not None


def _without_comments(text: str, suffix: str) -> str:
    """The text with comments blanked; lines keep their numbers, strings stay."""
    string = r'"(?:\\.|[^"\\\n])*"'
    if suffix in C_LIKE:
        # A quote between digits separates them and opens no character literal.
        pattern = string + r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|//[^\n]*|/\*.*?\*/"
    elif suffix in ASSEMBLY:
        pattern = string + r"|//[^\n]*|;[^\n]*|#(?!\d)[^\n]*"
    else:
        pattern = string + r"|'(?:\\.|[^'\\\n])*'|(?<![^\s;])#[^\n]*"

    def blank(match: re.Match) -> str:
        found = match.group(0)
        return found if found[0] in "\"'" else re.sub(r"[^\n]", " ", found)

    return re.sub(pattern, blank, text, flags=re.DOTALL)


def sources(top: Path, folders: tuple[str, ...]) -> list[Path]:
    """Source files below the folders: by suffix, or scripts by their first line."""
    out = []
    for folder in folders:
        for path in sorted((top / folder).rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            if path.suffix in C_LIKE | ASSEMBLY or (
                path.suffix in HASH_LIKE and (path.suffix or path.read_bytes()[:2] == b"#!")
            ):
                out.append(path)
    return out
