# SPDX-License-Identifier: MIT
"""docs/reference/isa.md, a page for each instruction, and what each profile has of them."""

from __future__ import annotations

from pathlib import PurePath

from .example import example
from .faults import faults
from .limits import limits
from .load import ISA_BASE
from .markdown_parts import (
    constants_table,
    enum_part,
    escape,
    introduction,
    member_table,
    page,
    struct_part,
    table,
    word_part,
)
from .model import CORE_VERSIONS, Instruction, Member, Spec

FOLDER = "isa"


def emit(spec: Spec) -> dict[str, str]:
    pages = {f"{FOLDER}/{i.name.lower()}.md": _instruction(i, spec) for i in spec.instructions}
    parts = _overview(spec) + _formats(spec) + _enums(spec) + _classes(spec)
    return {"isa.md": page(spec, ISA_BASE, "Instructions", parts), **pages}


def matrix(spec: Spec) -> list[str]:
    """What each profile has: instructions with the engines that run them, element types, values of operands."""
    profiles = spec.profiles_by_id
    names = [f"`{p.name}`" for p in profiles]
    rows = []
    for i in spec.instructions:
        engines = [[e for e in i.engines if i.since_on(e) <= p.core_version] for p in profiles]
        rows.append([_link(i, f"{FOLDER}/")] + [" ".join(row) for row in engines])
    has = lambda since: ["yes" if since <= p.core_version else "" for p in profiles]  # noqa: E731
    types = [[f"`{v.name}`", *has(v.since)] for v in spec.enum("dtype").values]
    later = [
        [f"`{e.name}` `{v.name}`", *has(v.since)]
        for e in spec.enums
        for v in e.values
        if v.since != CORE_VERSIONS[0] and e.name not in ("dtype", "opcode")
    ]
    parts = ["## Instructions", "The engines that run each.", table(["Instruction", *names], rows)]
    parts += ["## Element types", table(["Type", *names], types)]
    return parts + (["## Values of operands that not all have", table(["Value", *names], later)] if later else [])


def _link(i: Instruction, folder: str) -> str:
    return f"[`{i.name}`]({folder}{i.name.lower()}.md)"


def _since(i: Instruction) -> str:
    later = [f"{engine} {version}" for engine, version in i.engine_since.items()]
    return ", ".join([str(i.since), *later])


def _first_sentence(doc: str) -> str:
    text = " ".join(doc.split())
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]


# ---- isa.md


def _overview(spec: Spec) -> list[str]:
    header = spec.struct("instruction_header")
    text = f"Bytes 0 to {header.size - 1} of each are an `{header.name}`, the operands follow it."
    parts = ["## Overview", text]
    for file in spec.isa_files:
        group = [i for i in spec.instructions if i.file == file]
        if not group:
            continue
        if file != ISA_BASE:
            parts += [f"### {_title(PurePath(file).stem)}", *introduction(spec, file)]
        rows = [
            [
                f"{i.opcode:#04x}",
                _link(i, f"{FOLDER}/"),
                ", ".join(i.engines),
                _since(i),
                escape(_first_sentence(i.doc)),
            ]
            for i in group
        ]
        parts.append(table(["Opcode", "Name", "Engines", "Since core", "Meaning"], rows))
    return parts


def _title(stem: str) -> str:
    """Three letters are an abbreviation."""
    return stem.upper() if len(stem) <= 3 else stem.replace("_", " ").capitalize()


def _formats(spec: Spec) -> list[str]:
    parts = []
    constants = [c for c in spec.all_constants() if c.file in spec.isa_files]
    if constants:
        parts += ["## Constants", constants_table(constants)]
    for s in (s for s in spec.structs if s.file in spec.isa_files):
        parts += word_part(s) if s.bitfields else struct_part(s)
    return parts


def _enums(spec: Spec) -> list[str]:
    enums = [e for e in spec.enums if e.file in spec.isa_files and e.name != "opcode"]
    return [part for e in enums for part in enum_part(e)]


def _classes(spec: Spec) -> list[str]:
    if not spec.dtype_classes:
        return []
    rows = [[f"`{c.name}`", " ".join(f"`{name}`" for name in c.dtypes), escape(c.doc)] for c in spec.dtype_classes]
    return ["## Classes of element types", table(["Class", "Types", "Meaning"], rows)]


# ---- a page for each instruction


def _instruction(i: Instruction, spec: Spec) -> str:
    parts = ["[All instructions](../isa.md)", escape(i.doc), f"```\n{example(i, spec)}\n```"]
    parts += ["## Engines", _engines(i, spec)]
    parts += _operands(i, spec)
    parts += ["## Limits", "\n".join(f"- {escape(text)}" for text in limits(i, spec)) or "None."]
    parts += ["## Meaning", "\n".join(f"{n}. {escape(text)}" for n, text in enumerate(i.meaning, 1))]
    parts += ["## Cost", escape(i.cost)]
    rows = [[f"[`{fault}`](../faults.md#enum-fault)", escape(when)] for fault, when in faults(i, spec)]
    parts += ["## Errors", table(["Fault", "When"], rows)]
    parts += ["## Encoding", _encoding(i, spec)]
    return page(spec, i.file, f"`{i.name}`", parts, intro=False)


def _engines(i: Instruction, spec: Spec) -> str:
    spaces = [v.name for v in spec.enum("space").values]
    rows = []
    for engine in i.engines:
        since = i.since_on(engine)
        profiles = [f"`{p.name}`" for p in spec.profiles_by_id if p.core_version >= since]
        reach = ", ".join(i.engine_spaces.get(engine, spaces)) if i.engine_spaces else ""
        rows.append([engine, str(since), ", ".join(profiles)] + ([reach] if i.engine_spaces else []))
    return table(["Engine", "Since core", "Profiles"] + (["Reaches"] if i.engine_spaces else []), rows)


def _operands(i: Instruction, spec: Spec) -> list[str]:
    if not i.operands:
        return ["## Operands", "None."]
    rows = [
        [
            f"`{m.name}`",
            _kind(m),
            m.access or "",
            ", ".join(m.spaces or []),
            f"[`{m.dtypes}`](../isa.md#classes-of-element-types)" if m.dtypes else "",
            escape(m.doc),
        ]
        for m in i.operands
    ]
    head = ["Operand", "Kind", "Access", "Memory", "Types", "Meaning"]
    keep = [n for n, name in enumerate(head) if name in ("Operand", "Kind", "Meaning") or any(r[n] for r in rows)]
    return [
        "## Operands",
        "In the order of assembly.",
        table([head[n] for n in keep], [[row[n] for n in keep] for row in rows]),
    ]


def _kind(m: Member) -> str:
    if m.enum:
        return f"{m.kind} [`{m.enum}`](../isa.md#{'flags' if m.kind == 'flags' else 'enum'}-{m.enum})"
    return f"{m.kind} of {m.count}" if m.kind == "array" else m.kind


def _encoding(i: Instruction, spec: Spec) -> str:
    header = spec.struct("instruction_header")
    head = f"Opcode {i.opcode:#04x}. Bytes 0 to {header.size - 1} are the `{header.name}`."
    return head + "\n\n" + member_table(i.operands, header.size, spec.instruction_bytes)
