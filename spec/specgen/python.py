# SPDX-License-Identifier: MIT
"""neuron_spec.py."""

from __future__ import annotations

from pathlib import Path

from .model import Block, Enum, Instruction, Member, Spec
from .text import c_string, camel, fill, number, one_line, wrap

TEMPLATES = Path(__file__).parent / "templates"


def emit(spec: Spec) -> dict[str, str]:
    header = [spec.packet_header] + spec.plain_structs
    text = fill(
        (TEMPLATES / "neuron_spec.py.in").read_text(),
        {
            "CONSTANTS": _constants(spec),
            "ENUMS": "\n\n\n".join(_enum(e) for e in spec.enums),
            "REGISTERS": "\n".join(_registers(b) for b in spec.blocks),
            "FIELDS": _fields(spec),
            "PROFILES": "\n".join(
                f"    {p.name!r}: ProfileData({p.name!r}, Profile.{p.id}, {p.core_version}, {p.cores}, {p.hbm_bytes}, "
                f"{p.hbm_banks}, {p.sbuf_bytes}, {', '.join(map(str, p.sensors()))}),"
                for p in spec.profiles
            ),
            "DTYPE_BYTES": "\n".join(f"    Dtype.{v.name}: {v.bytes}," for v in spec.enum("dtype").values),
            "DTYPE_SINCE": "\n".join(f"    Dtype.{v.name}: {v.since}," for v in spec.enum("dtype").values),
            "DTYPE_CLASSES": "\n".join(f"    {c.name!r}: {_set('Dtype', c.dtypes)}," for c in spec.dtype_classes),
            "STRUCTS": "\n".join(f"    {s.name!r}: ({s.size}, {_members(s.members, '    ')})," for s in header),
            "PACKETS": "\n".join(f"    {p.name!r}: {_members(p.members, '    ')}," for p in spec.packets),
            "INSTRUCTIONS": "\n".join(f"    {i.name!r}: {_members(i.operands, '    ')}," for i in spec.instructions),
            "ENGINES": "\n".join(f"    {i.name!r}: {tuple(i.engines)!r}," for i in spec.instructions),
            "INSN_SINCE": "\n".join(_since(i) for i in spec.instructions),
            "ENGINE_SPACES": "\n".join(_engine_spaces(i) for i in spec.instructions if i.engine_spaces),
            "OPERANDS": "\n".join(_operands(i, spec) for i in spec.instructions),
        },
    )
    return {"neuron_spec.py": text}


def _comment(doc: str) -> list[str]:
    return wrap(doc, "# ", width=120)


def _constants(spec: Spec) -> str:
    lines = []
    for c in spec.all_constants():
        lines += _comment(c.doc) + [f"{c.name} = {number(c.value, c.hex)}"]
    for s in spec.strings:
        lines += _comment(s.doc) + [f"{s.name} = {c_string(s.value)}"]
    return "\n".join(lines)


def _enum(e: Enum) -> str:
    base = "IntFlag" if e.flags else "IntEnum"
    rows = [f"    {v.name} = {v.value}  # {one_line(v.doc)}" for v in e.values]
    return "\n".join([f"class {camel(e.name)}({base}):", f"    {c_string(e.doc)}", ""] + rows)


def _registers(block: Block) -> str:
    lines = []
    for r in block.registers:
        name, offset = f"REG_{block.name}_{r.name}", block.offset + r.offset
        lines += _comment(f"{r.bits} bits, {r.access}. {r.doc}")
        if block.repeats:
            lines += [f"def {name}(n: int) -> int: return {offset:#x} + n * {block.stride:#x}  # noqa: E704"]
        else:
            lines.append(f"{name} = {offset:#x}")
    return "\n".join(lines)


def _fields(spec: Spec) -> str:
    groups = [(f"{b.name}_{r.name}", r.fields) for b in spec.blocks for r in b.registers]
    groups += [(s.name.upper(), s.bitfields) for s in spec.structs]
    lines = []
    for prefix, fields in groups:
        for f in fields:
            lines += _comment(f.doc) + [f"{prefix}_{f.name} = Field({f.lsb}, {f.bits})"]
    return "\n".join(lines)


def _members(members: list[Member], indent: str) -> str:
    if not members:
        return "()"
    rows = []
    for m in members:
        kind = m.struct.name if m.struct else "c" if m.type == "char" else "i" if m.signed else "u"
        rows.append(f"{indent}    ({m.name!r}, {m.offset}, {m.element_size}, {m.array}, {kind!r}),")
    return "\n".join(["("] + rows + [f"{indent})"])


def _set(enum: str, names: list[str]) -> str:
    return "(" + "".join(f"{enum}.{name}, " for name in names).rstrip() + ")"


def _since(i: Instruction) -> str:
    return f"    {i.name!r}: {{" + ", ".join(f"{e!r}: {i.since_on(e)}" for e in i.engines) + "},"


def _engine_spaces(i: Instruction) -> str:
    spaces = ", ".join(f"{engine!r}: {_set('Space', names)}" for engine, names in i.engine_spaces.items())
    return f"    {i.name!r}: {{{spaces}}},"


def _operands(i: Instruction, spec: Spec) -> str:
    if not i.operands:
        return f"    {i.name!r}: {{}},"
    rows = [
        f"        {m.name!r}: ({m.kind!r}, {m.access!r}, {_set('Space', m.spaces or [])}, "
        f"{_set('Dtype', spec.dtype_class(m.dtypes).dtypes if m.dtypes else [])}),"
        for m in i.operands
    ]
    return "\n".join([f"    {i.name!r}: {{", *rows, "    },"])
