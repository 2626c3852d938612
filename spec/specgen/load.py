# SPDX-License-Identifier: MIT
"""TOML to model. Knows the keys and their types; whether the numbers make sense is check.py's business."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import Problems
from .model import (
    CORE_VERSIONS,
    INT_TYPES,
    PROFILE_NUMBERS,
    TILE_RULES,
    Bar,
    BitField,
    Block,
    Constant,
    DtypeClass,
    Enum,
    Instruction,
    Member,
    Packet,
    Profile,
    Range,
    Register,
    Spec,
    String,
    Struct,
    Value,
)

FILES = (
    "device.toml",
    "registers.toml",
    "mmu.toml",
    "packets.toml",
    "faults.toml",
    "recorder.toml",
    "sanitizer.toml",
    "object.toml",
    "plan.toml",
    "tape.toml",
)
ISA_BASE = "isa/base.toml"

# What each file may hold at its top level.
TOP_KEYS = {
    "device.toml": {"version", "pci", "bar", "constant"},
    "registers.toml": {"block", "enum", "doorbell", "constant"},
    "mmu.toml": {"mmu", "struct", "constant"},
    "packets.toml": {"packet_bytes", "enum", "header", "packet", "struct", "constant"},
    "faults.toml": {"enum", "struct", "constant"},
    "recorder.toml": {"enum", "struct", "constant"},
    "sanitizer.toml": {"enum", "struct", "constant"},
    "object.toml": {"enum", "struct", "constant", "string"},
    "plan.toml": {"enum", "constant"},
    "tape.toml": {"enum", "struct", "constant", "string"},
}
ISA_KEYS = {"enum", "struct", "instruction", "constant", "dtype_class"}

# Keys of a range: the numbers that a member may hold, or a tile may have of something.
RANGE_KEYS = {"min": (int, str), "max": (int, str), "multiple": int, "pow2": bool, "also": int}
SHAPE_KEYS = ("partitions", "elements")

# A bound by the name of a constant: "DMA_RINGS - 1", "2 * MATMUL_MAX_COLS".
BOUND = re.compile(r"(?:(\d+) \* )?([A-Z][A-Z0-9_]*)(?: - (\d+))?")

# What an instruction may have beside its layout.
INSTRUCTION_FACTS = {
    "since": int,
    "engine_since": dict,
    "engine_spaces": dict,
    "limits": list,
    "same_partitions": list,
    "same_elements": list,
    "same_size": list,
    "one_in_psum": list,
    "errors": list,
    "example": str,
}


def isa_files(spec_dir: Path) -> list[str]:
    """The base of the instruction set, then its groups."""
    found = sorted(f"isa/{path.name}" for path in (spec_dir / "isa").glob("*.toml"))
    return [ISA_BASE] + [name for name in found if name != ISA_BASE]


def profile_files(spec_dir: Path) -> list[Path]:
    return sorted((spec_dir / "profiles").glob("*.toml"))


def input_files(spec_dir: Path) -> list[Path]:
    return [spec_dir / name for name in (*FILES, *isa_files(spec_dir))] + profile_files(spec_dir)


def load(spec_dir: Path) -> Spec:
    """Reads every file below spec_dir. Raises SpecError."""
    return _Loader(spec_dir).run()


def _intro(text: str) -> str:
    """The comment a file opens with, without its licence line: it becomes the introduction of the document."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    return "\n".join(line for line in lines if "SPDX-License-Identifier" not in line).strip()


class _Loader:
    def __init__(self, spec_dir: Path):
        self.dir = spec_dir
        self.problems = Problems()
        self.spec = Spec()
        self.file = ""

    def run(self) -> Spec:
        tables = {}
        self.spec.isa_files = isa_files(self.dir)
        for name in (*FILES, *self.spec.isa_files):
            tables[name] = self.read(self.dir / name, name)
            for key in tables[name].keys() - self.top_keys(name):
                self.problems.add(name, key, "unknown key")
        self.problems.stop_if_any()
        for name, table in tables.items():
            self.file = name
            self.shared(table)
        self.device(tables["device.toml"])
        self.mmu(tables["mmu.toml"])
        self.packets(tables["packets.toml"])
        self.instructions(tables)
        self.registers(tables["registers.toml"])
        for path in profile_files(self.dir):
            self.profile(path)
        self.resolve()
        self.problems.stop_if_any()
        self.derive()
        return self.spec

    @staticmethod
    def top_keys(name: str) -> set[str]:
        if name in TOP_KEYS:
            return TOP_KEYS[name]
        return ISA_KEYS | ({"instruction_bytes"} if name == ISA_BASE else set())

    def read(self, path: Path, name: str) -> dict[str, Any]:
        try:
            text = path.read_text(encoding="utf-8")
            self.spec.intros[name] = _intro(text)
            return tomllib.loads(text)
        except OSError as error:
            self.problems.add(name, "", f"cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self.problems.add(name, "", "is not UTF-8")
        except tomllib.TOMLDecodeError as error:
            self.problems.add(name, "", f"is not TOML: {error}")
        return {}

    # One table against its keys. A missing or mistyped key stops the entry, an unknown one is only told.
    def take(
        self, table: Any, where: str, required: dict[str, type], optional: dict[str, type] | None = None
    ) -> dict | None:
        optional = optional or {}
        if not isinstance(table, dict):
            self.problems.add(self.file, where, "is not a table")
            return None
        good = True
        for key in sorted(table.keys() - required.keys() - optional.keys()):
            self.problems.add(self.file, where, f"unknown key '{key}'")
        for key, kind in {**required, **optional}.items():
            if key not in table:
                if key in required:
                    self.problems.add(self.file, where, f"'{key}' is missing")
                    good = False
            elif not isinstance(table[key], kind) or (kind is not bool and isinstance(table[key], bool)):
                name = kind.__name__ if isinstance(kind, type) else " or ".join(k.__name__ for k in kind)
                self.problems.add(self.file, where, f"'{key}' is not of type {name}")
                good = False
        if good and "doc" in required and not table["doc"].strip():
            self.problems.add(self.file, where, "'doc' is empty")
        return table if good else None

    def each(self, tables: Any, kind: str) -> list[tuple[str, dict]]:
        """(where, table) of every entry of an array of tables; `where` names it for errors."""
        if not isinstance(tables, list):
            self.problems.add(self.file, kind, "is not an array of tables")
            return []
        return [
            (f"{kind} {t.get('name', '#%d' % i) if isinstance(t, dict) else '#%d' % i}", t)
            for i, t in enumerate(tables)
        ]

    def shared(self, table: dict) -> None:
        for where, t in self.each(table.get("constant", []), "constant"):
            if self.take(t, where, {"name": str, "value": int, "doc": str}):
                self.spec.constants.append(Constant(t["name"], t["value"], t["doc"], self.file, t["value"] >= 0x1000))
        for where, t in self.each(table.get("string", []), "string"):
            if self.take(t, where, {"name": str, "value": str, "doc": str}):
                self.spec.strings.append(String(t["name"], t["value"], t["doc"], self.file))
        for where, t in self.each(table.get("enum", []), "enum"):
            if self.take(t, where, {"name": str, "doc": str, "values": list}, {"flags": bool}):
                self.spec.enums.append(
                    Enum(t["name"], t["doc"], self.values(t["values"], where), self.file, t.get("flags", False))
                )
        for where, t in self.each(table.get("struct", []), "struct"):
            self.structure(where, t)
        for where, t in self.each(table.get("dtype_class", []), "dtype_class"):
            if self.take(t, where, {"name": str, "doc": str, "dtypes": list}):
                names = self.texts(t["dtypes"], where, "dtypes")
                self.spec.dtype_classes.append(DtypeClass(t["name"], t["doc"], names, self.file))

    def texts(self, entries: list, where: str, key: str) -> list[str]:
        """The entries of an array of strings."""
        for entry in entries:
            if not isinstance(entry, str) or not entry.strip():
                self.problems.add(self.file, where, f"'{key}' holds {entry!r}, which is not a text")
        return [entry for entry in entries if isinstance(entry, str)]

    def values(self, tables: list, where: str) -> list[Value]:
        out = []
        for sub, t in self.each(tables, "value"):
            if self.take(t, f"{where}, {sub}", {"name": str, "value": int, "doc": str}, {"bytes": int, "since": int}):
                out.append(Value(t["name"], t["value"], t["doc"], t.get("bytes"), t.get("since", CORE_VERSIONS[0])))
        return out

    def structure(self, where: str, t: dict) -> None:
        if not self.take(t, where, {"name": str, "size": int, "doc": str}, {"fields": list, "bitfields": list}):
            return
        if ("fields" in t) == ("bitfields" in t):
            self.problems.add(self.file, where, "needs either 'fields' or 'bitfields'")
            return
        members = self.members(t.get("fields", []), where, "field")
        bits = self.bitfields(t.get("bitfields", []), where)
        self.spec.structs.append(Struct(t["name"], t["size"], t["doc"], members, self.file, bits))

    def members(self, tables: list, where: str, kind: str) -> list[Member]:
        out = []
        required: dict[str, type] = {"name": str, "offset": int, "type": str, "doc": str}
        optional: dict[str, type] = {"array": int, "enum": str}
        ranges = {**RANGE_KEYS}
        if kind == "operand":
            required["kind"] = str
            optional |= {"access": str, "spaces": list, "dtypes": str, "index": bool, "one_bank": bool, "kinds": list}
            ranges |= {key: (int, dict) for key in SHAPE_KEYS}
        for sub, t in self.each(tables, kind):
            at = f"{where}, {sub}"
            if not self.take(t, at, required, {**optional, **ranges}):
                continue
            for key in ("spaces", "kinds"):
                self.texts(t.get(key, []), at, key)
            member = Member(**{key: t[key] for key in (*required, *optional) if key in t})
            if t.keys() & RANGE_KEYS.keys():
                member.range = self.range({key: t[key] for key in RANGE_KEYS if key in t}, at)
            for key in t.keys() & set(SHAPE_KEYS):
                setattr(member, key, self.shape(t[key], f"{at}, {key}"))
            out.append(member)
        return out

    def shape(self, value: int | dict, where: str) -> Range | None:
        """How many of something a tile has: a number, or a table of bounds."""
        if isinstance(value, int):
            return Range(value, value)
        return self.range(value, where) if self.take(value, where, {}, RANGE_KEYS) is not None else None

    def range(self, t: dict, where: str) -> Range:
        bounds = {key: self.bound(t[key], where) for key in ("min", "max") if key in t}
        return Range(**bounds, **{key: t[key] for key in ("multiple", "pow2", "also") if key in t})

    def bound(self, value: int | str, where: str) -> int:
        if isinstance(value, int):
            return value
        match = BOUND.fullmatch(value)
        constant = self.spec.constant(match[2]) if match else None
        if constant is None:
            self.problems.add(self.file, where, f"'{value}' is no number and no constant's name")
            return 0
        return int(match[1] or 1) * constant.value - int(match[3] or 0)

    def bitfields(self, tables: list, where: str) -> list[BitField]:
        out = []
        for sub, t in self.each(tables, "field"):
            if self.take(t, f"{where}, {sub}", {"name": str, "lsb": int, "bits": int, "doc": str}, {"enum": str}):
                out.append(BitField(t["name"], t["lsb"], t["bits"], t["doc"], t.get("enum")))
        return out

    def device(self, table: dict) -> None:
        self.file = "device.toml"
        if t := self.take(table.get("version"), "version", {"major": int, "minor": int}):
            self.spec.major, self.spec.minor = t["major"], t["minor"]
        if t := self.take(
            table.get("pci"), "pci", {"doc": str, "vendor": int, "device": int, "class": int, "revision": int}
        ):
            self.spec.pci_doc = t["doc"]
            docs = {
                "vendor": "PCI vendor id.",
                "device": "PCI device id.",
                "class": "PCI class and subclass: processing accelerator.",
                "revision": "PCI revision id.",
            }
            for key, doc in docs.items():
                self.spec.derived.append(Constant(f"PCI_{key.upper()}", t[key], doc, self.file, key != "revision"))
        for where, t in self.each(table.get("bar", []), "bar"):
            if self.take(t, where, {"name": str, "index": int, "kind": str, "doc": str}, {"size": int}):
                self.spec.bars.append(Bar(t["name"], t["index"], t["kind"], t["doc"], t.get("size"), self.file))

    def mmu(self, table: dict) -> None:
        self.file = "mmu.toml"
        docs = {
            "va_bits": "Bits of a context address.",
            "levels": "Levels of a context page table.",
            "index_bits": "Address bits that one level resolves.",
            "page_shift": "log2 of a page in bytes.",
            "large_page_shift": "log2 of a large page in bytes.",
        }
        if t := self.take(table.get("mmu"), "mmu", {key: int for key in docs}):
            for key, doc in docs.items():
                self.spec.derived.append(Constant(f"MMU_{key.upper()}", t[key], doc, self.file))

    def packets(self, table: dict) -> None:
        self.file = "packets.toml"
        self.spec.packet_bytes = self.size_key(table, "packet_bytes")
        headers = self.each(table.get("header", []), "header")
        if len(headers) != 1:
            self.problems.add(self.file, "header", "there must be exactly one")
        for where, t in headers:
            if self.take(t, where, {"doc": str, "fields": list}):
                members = self.members(t["fields"], where, "field")
                size = max((m.offset + INT_TYPES.get(m.type, 0) * m.count for m in members), default=0)
                self.spec.packet_header = Struct("packet_header", size, t["doc"], members, self.file)
        for where, t in self.each(table.get("packet", []), "packet"):
            if self.take(t, where, {"name": str, "opcode": int, "doc": str, "fields": list}):
                members = self.members(t["fields"], where, "field")
                self.spec.packets.append(Packet(t["name"], t["opcode"], t["doc"], members, self.file))
        values = [Value(p.name, p.opcode, p.doc) for p in self.spec.packets]
        self.spec.enums.append(Enum("packet_op", "Opcodes of queue packets.", values, self.file))

    def instructions(self, tables: dict[str, dict]) -> None:
        for name in self.spec.isa_files:
            self.file = name
            if name == ISA_BASE:
                self.spec.instruction_bytes = self.size_key(tables[name], "instruction_bytes")
            for where, t in self.each(tables[name].get("instruction", []), "instruction"):
                self.instruction(where, t)
        values = [Value(i.name, i.opcode, i.doc, since=i.since) for i in self.spec.instructions]
        self.spec.enums.append(Enum("opcode", "Opcodes of instructions.", values, ISA_BASE))

    def instruction(self, where: str, t: dict) -> None:
        required = {"name": str, "opcode": int, "engines": list, "doc": str, "operands": list}
        required |= {"meaning": list, "cost": str}
        if not self.take(t, where, required, INSTRUCTION_FACTS):
            return
        for key in ("limits", "meaning", "errors", *TILE_RULES):
            self.texts(t.get(key, []), where, key)
        for engine, spaces in t.get("engine_spaces", {}).items():
            if not isinstance(spaces, list):
                self.problems.add(self.file, where, f"'engine_spaces' of {engine} is not a list")
                return
            self.texts(spaces, where, "engine_spaces")
        for engine, since in t.get("engine_since", {}).items():
            if not isinstance(since, int) or isinstance(since, bool):
                self.problems.add(self.file, where, f"'engine_since' of {engine} is not a number")
                return
        facts = {key: t[key] for key in ("meaning", "cost", *INSTRUCTION_FACTS) if key in t}
        operands = self.members(t["operands"], where, "operand")
        self.spec.instructions.append(
            Instruction(t["name"], t["opcode"], t["doc"], t["engines"], operands, self.file, **facts)
        )

    def size_key(self, table: dict, key: str) -> int:
        if not isinstance(table.get(key), int):
            self.problems.add(self.file, key, "is missing or not of type int")
            return 0
        return table[key]

    def registers(self, table: dict) -> None:
        self.file = "registers.toml"
        if t := self.take(table.get("doorbell"), "doorbell", {"doc": str}):
            self.spec.doorbell_doc = t["doc"]
        for where, t in self.each(table.get("block", []), "block"):
            if not self.take(
                t,
                where,
                {"name": str, "offset": int, "doc": str, "registers": list},
                {"stride": int, "count": (int, str)},
            ):
                continue
            if ("stride" in t) != ("count" in t):
                self.problems.add(self.file, where, "'stride' and 'count' belong together")
            count = self.count(t.get("count", 1), where)
            regs = [r for r in (self.register(sub, r, where) for sub, r in self.each(t["registers"], "register")) if r]
            self.spec.blocks.append(Block(t["name"], t["offset"], t["doc"], regs, self.file, t.get("stride", 0), count))

    def count(self, value: int | str, where: str) -> int:
        if isinstance(value, int):
            return value
        constant = self.spec.constant(value)
        if not constant:
            self.problems.add(self.file, where, f"'count' names the unknown constant {value}")
            return 1
        return constant.value

    def register(self, sub: str, t: dict, where: str) -> Register | None:
        where = f"{where}, {sub}"
        if not self.take(
            t,
            where,
            {"name": str, "offset": int, "bits": int, "access": str, "doc": str},
            {"reset": int, "when": str, "enum": str, "fields": list},
        ):
            return None
        fields = self.bitfields(t.get("fields", []), where)
        return Register(
            t["name"],
            t["offset"],
            t["bits"],
            t["access"],
            t["doc"],
            t.get("reset"),
            t.get("when"),
            t.get("enum"),
            fields,
        )

    def profile(self, path: Path) -> None:
        self.file = f"profiles/{path.name}"
        t = self.read(path, self.file)
        keys = {"name": str, "id": str, "doc": str, **{key: int for key in PROFILE_NUMBERS}}
        if t and self.take(t, f"profile {t.get('name', '?')}", keys):
            self.spec.profiles.append(Profile(**{key: t[key] for key in keys}, file=self.file))

    def resolve(self) -> None:
        """Turns the names of struct types into the structs, and puts nested structs first."""
        spec = self.spec
        owners = [(s.file, f"struct {s.name}", s.members) for s in spec.structs]
        owners += [(p.file, f"packet {p.name}", p.members) for p in spec.packets]
        owners += [(i.file, f"instruction {i.name}", i.operands) for i in spec.instructions]
        if spec.packet_header:
            owners.append((spec.packet_header.file, "header", spec.packet_header.members))
        for file, where, members in owners:
            for member in members:
                if member.type in INT_TYPES:
                    continue
                member.struct = spec.struct(member.type.removeprefix("struct "))
                if member.struct is None or member.struct.bitfields:
                    self.problems.add(file, f"{where}, {member.name}", f"unknown type '{member.type}'")
        self.problems.stop_if_any()
        self.order_structs()

    def order_structs(self) -> None:
        ordered: list[Struct] = []

        def visit(s: Struct, path: tuple[str, ...]) -> None:
            if s in ordered:
                return
            if s.name in path:
                self.problems.add(s.file, f"struct {s.name}", "contains itself")
                return
            for member in s.members:
                if member.struct:
                    visit(member.struct, path + (s.name,))
            ordered.append(s)

        for s in list(self.spec.structs):
            visit(s, ())
        self.spec.structs = ordered

    def derive(self) -> None:
        """Constants that follow from other entries."""
        spec = self.spec
        add = lambda name, value, doc, file, hexa=False: spec.derived.append(
            Constant(name, value, doc, file, hexa)
        )  # noqa: E731
        add("VERSION_MAJOR", spec.major, "Major spec version: a different one refuses to work together.", "device.toml")
        add("VERSION_MINOR", spec.minor, "Minor spec version: it only adds.", "device.toml")
        add("VERSION", spec.major << 16 | spec.minor, "Spec version, major << 16 | minor.", "device.toml", True)
        for bar in spec.bars:
            add(f"BAR_{bar.name}", bar.index, f"Index of BAR {bar.name}. {bar.doc}", bar.file)
            if bar.size is not None:
                add(f"BAR_{bar.name}_SIZE", bar.size, f"Bytes of BAR {bar.name}.", bar.file, True)
        banks, bank_bytes = spec.constant("PSUM_BANKS"), spec.constant("PSUM_BANK_BYTES")
        if banks and bank_bytes:
            add("PSUM_BYTES", banks.value * bank_bytes.value, "PSUM bytes per partition.", "device.toml")
        add("PACKET_BYTES", spec.packet_bytes, "Bytes of a queue packet.", "packets.toml")
        add("INSTRUCTION_BYTES", spec.instruction_bytes, "Bytes of an instruction.", ISA_BASE)
        if engines := spec.enum("engine"):
            count = 1 + max((v.value for v in engines.values), default=0)
            add("ENGINE_COUNT", count, "Sequencers of a core.", ISA_BASE)
        for block in spec.blocks:
            add(
                f"BLOCK_{block.name}_OFFSET",
                block.offset,
                f"First byte of register block {block.name} in BAR REGS.",
                block.file,
                True,
            )
            if block.repeats:
                add(
                    f"BLOCK_{block.name}_STRIDE",
                    block.stride,
                    f"Bytes from one {block.name} block to the next.",
                    block.file,
                    True,
                )
                add(f"BLOCK_{block.name}_COUNT", block.count, f"Number of {block.name} blocks.", block.file)
            for reg in block.registers:
                if reg.reset is not None:
                    add(
                        f"{block.name}_{reg.name}_RESET",
                        reg.reset,
                        f"Reset value of register {block.name}.{reg.name}.",
                        block.file,
                        True,
                    )
        self.flag_members()
        self.enum_widths()

    def flag_members(self) -> None:
        """A member of a struct whose enum has flags holds any sum of them."""
        flags = {e.name for e in self.spec.enums if e.flags}
        for member in (m for s in self.spec.structs for m in s.members):
            if member.enum in flags:
                member.kind = "flags"

    def enum_widths(self) -> None:
        """An enum is as wide as the widest member that holds it, so that an unknown value survives a round trip."""
        spec = self.spec
        widths: dict[str, int] = {}

        def seen(name: str | None, size: int) -> None:
            if name:
                widths[name] = max(widths.get(name, 1), size)

        groups = (
            [s.members for s in spec.structs]
            + [p.members for p in spec.packets]
            + [i.operands for i in spec.instructions]
        )
        if spec.packet_header:
            groups.append(spec.packet_header.members)
        for member in (m for group in groups for m in group):
            seen(member.enum, 0 if member.struct else member.element_size)
        for reg in (r for block in spec.blocks for r in block.registers):
            seen(reg.enum, reg.bits // 8)
            for f in reg.fields:
                seen(f.enum, next((size for size in (1, 2, 4, 8) if f.bits <= 8 * size), 8))
        for enum in spec.enums:
            fits = next((size for size in (1, 2, 4, 8) if all(v.value < 1 << 8 * size for v in enum.values)), 8)
            enum.width = max(widths.get(enum.name, 1 if enum.flags else 4), fits)
