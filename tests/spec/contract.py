# SPDX-License-Identifier: MIT
"""What the contract says, read from the TOML without the generator's own loader: the other opinion of agree_test.py."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

SIZES = {"u8": 1, "i8": 1, "char": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8}


class Contract:
    def __init__(self, spec: Path):
        paths = sorted(spec.glob("*.toml")) + sorted(spec.glob("isa/*.toml"))
        self.files = {str(p.relative_to(spec)): tomllib.loads(p.read_text()) for p in paths}
        self.constants = {c["name"]: c["value"] for c in self.all("constant")}
        self.enums = {e["name"]: {v["name"]: v["value"] for v in e["values"]} for e in self.all("enum")}
        self.enums["packet_op"] = {p["name"]: p["opcode"] for p in self.all("packet")}
        self.enums["opcode"] = {i["name"]: i["opcode"] for i in self.all("instruction")}
        self.structs = {s["name"]: s for s in self.all("struct") if "fields" in s}
        self.packets = {p["name"]: p for p in self.all("packet")}
        self.instructions = {i["name"]: i for i in self.all("instruction")}
        self.blocks = self.all("block")

    def all(self, kind: str) -> list[dict]:
        return [entry for table in self.files.values() for entry in table.get(kind, [])]

    def registers(self) -> Iterator[tuple[str, int | None, int]]:
        """(BLOCK_REGISTER, number of the block or None, offset), for the first and the last block."""
        for b in self.blocks:
            count = b.get("count", 1)
            count = self.constants[count] if isinstance(count, str) else count
            for r in b["registers"]:
                for n in sorted({0, count - 1}):
                    yield f"{b['name']}_{r['name']}", n if "stride" in b else None, b["offset"] + r[
                        "offset"
                    ] + n * b.get("stride", 0)

    def fields(self) -> Iterator[tuple[str, int, int]]:
        """(name, lsb, mask) of every field of a register or word."""
        groups = [(f"{b['name']}_{r['name']}", r.get("fields", [])) for b in self.blocks for r in b["registers"]]
        groups += [(s["name"].upper(), s.get("bitfields", [])) for s in self.all("struct")]
        for prefix, fields in groups:
            for f in fields:
                yield f"{prefix}_{f['name']}", f["lsb"], ((1 << f["bits"]) - 1) << f["lsb"]

    def leaves(self, fields: list[dict], base: int = 0, path: str = "") -> Iterator[tuple[str, int, str]]:
        """(access path, offset, type) of every integer that is not reserved."""
        for f in fields:
            if f["name"].startswith("reserved"):
                continue
            kind = f["type"].removeprefix("struct ")
            size = SIZES[kind] if kind in SIZES else self.structs[kind]["size"]
            for i in range(f.get("array", 1)):
                name = path + f["name"] + (f"[{i}]" if "array" in f else "")
                at = base + f["offset"] + i * size
                if kind in SIZES:
                    yield name, at, kind
                else:
                    yield from self.leaves(self.structs[kind]["fields"], at, name + ".")


def pattern(offset: int, kind: str) -> int:
    """A value for the integer at `offset`: every byte of it tells where it is, and it is never zero."""
    return int.from_bytes(bytes(0x80 | (offset + i) & 0x7F for i in range(SIZES[kind])), "little")


def image(size: int, leaves: list[tuple[str, int, str]]) -> bytes:
    raw = bytearray(size)
    for _, offset, kind in leaves:
        raw[offset : offset + SIZES[kind]] = pattern(offset, kind).to_bytes(SIZES[kind], "little")
    return bytes(raw)
