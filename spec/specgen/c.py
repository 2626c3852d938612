# SPDX-License-Identifier: MIT
"""neuron_spec.h and neuron_spec_names.h: kernel-safe C, in the kernel's style."""

from __future__ import annotations

from pathlib import Path

from .model import BitField, Enum, Member, Spec, Struct
from .text import c_string, fill, number, one_line, wrap

TEMPLATES = Path(__file__).parent / "templates"
TYPES = {
    "u8": "__u8",
    "i8": "__s8",
    "char": "char",
    "u16": "__le16",
    "i16": "__le16",
    "u32": "__le32",
    "i32": "__le32",
    "u64": "__le64",
    "i64": "__le64",
}
WIDTH = 100


def emit(spec: Spec) -> dict[str, str]:
    header = fill(
        (TEMPLATES / "neuron_spec.h.in").read_text(),
        {
            "CONSTANTS": _constants(spec),
            "ENUMS": "\n\n".join(_enum(e) for e in spec.enums),
            "REGISTERS": "\n\n".join(_block(b) for b in spec.blocks) + "\n\n" + _doorbell(),
            "BITFIELDS": "\n\n".join(_word(s) for s in spec.structs if s.bitfields),
            "STRUCTS": "\n\n".join(_struct(s.name, s.doc, s.members, s.size) for s in spec.plain_structs),
            "PACKETS": _packets(spec),
        },
    )
    names = fill(
        (TEMPLATES / "neuron_spec_names.h.in").read_text(),
        {
            "NAMES": "\n\n".join(_names(e) for e in spec.enums if not e.flags),
            "REGISTERS": "\n\n".join(_register_list(b) for b in spec.blocks),
        },
    )
    return {"neuron_spec.h": header, "neuron_spec_names.h": names}


def names(spec: Spec) -> list[tuple[str, str, str]]:
    """(C name, file, entry) of everything emitted, so that check.py can tell two entries that collide."""
    out = [(f"NRN_{c.name}", c.file, f"constant {c.name}") for c in spec.all_constants()]
    out += [(f"NRN_{s.name}", s.file, f"string {s.name}") for s in spec.strings]
    for e in spec.enums:
        out += [(f"NRN_{e.name.upper()}_{v.name}", e.file, f"enum {e.name}, value {v.name}") for v in e.values]
    for b in spec.blocks:
        for r in b.registers:
            where = f"block {b.name}, register {r.name}"
            out.append((f"NRN_REG_{b.name}_{r.name}", b.file, where))
            out += [(f"NRN_{b.name}_{r.name}_{f.name}", b.file, f"{where}, field {f.name}") for f in r.fields]
    for s in spec.structs:
        out += [(f"NRN_{s.name.upper()}_{f.name}", s.file, f"struct {s.name}, bitfield {f.name}") for f in s.bitfields]
    return out


def _comment(doc: str, indent: str = "") -> str:
    text = one_line(doc)
    if len(text) + len(indent) + 6 <= WIDTH - 8 * indent.count("\t"):
        return f"{indent}/* {text} */"
    return "\n".join([f"{indent}/*"] + wrap(text, f"{indent} * ", width=WIDTH, tab=8) + [f"{indent} */"])


def _kernel_doc(title: str, doc: str, members: list[tuple[str, str]]) -> str:
    lines = ["/**"] + wrap(f"{title} - {one_line(doc)}", " *   ", " * ", WIDTH)
    for name, text in members:
        lines += wrap(f"@{name}: {one_line(text)}", " *   ", " * ", WIDTH)
    return "\n".join(lines + [" */"])


def _define(name: str, value: str) -> str:
    """The value in column 48, or one blank after a longer name."""
    text = f"#define {name}"
    return text + ("\t" * max(1, (48 - len(text) + 7) // 8) if len(text) < 48 else " ") + value


def _c_number(value: int, hexa: bool, wide: bool = False) -> str:
    return number(value, hexa) + ("ULL" if wide or value > 0xFFFFFFFF else "")


def _constants(spec: Spec) -> str:
    out = []
    for c in spec.all_constants():
        out.append(_comment(c.doc))
        out.append(_define(f"NRN_{c.name}", _c_number(c.value, c.hex)))
    for s in spec.strings:
        out.append(_comment(s.doc))
        out.append(_define(f"NRN_{s.name}", c_string(s.value)))
    return "\n".join(out)


def _enum(e: Enum) -> str:
    prefix = f"NRN_{e.name.upper()}"
    lines = [
        _kernel_doc(f"enum nrn_{e.name}", e.doc, [(f"{prefix}_{v.name}", v.doc) for v in e.values]),
        f"enum nrn_{e.name} {{",
    ]
    lines += [f"\t{prefix}_{v.name} = {_c_number(v.value, e.flags or v.value > 255)}," for v in e.values]
    return "\n".join(lines + ["};"])


def _bitfields(prefix: str, fields: list[BitField], wide: bool) -> list[str]:
    out = []
    for f in fields:
        out.append(_comment(f.doc))
        out.append(_define(f"NRN_{prefix}_{f.name}", _c_number(f.mask, True, wide)))
        out.append(_define(f"NRN_{prefix}_{f.name}_SHIFT", str(f.lsb)))
    return out


def _block(b) -> str:
    out = [_comment(f"Registers of block {b.name}. {b.doc}")]
    for r in b.registers:
        name = f"NRN_REG_{b.name}_{r.name}"
        when = f" Written only while {r.when}." if r.when else ""
        out += ["", _comment(f"{r.bits} bits, {r.access}. {r.doc}{when}")]
        if b.repeats:
            out.append(_define(f"{name}(n)", f"({b.offset + r.offset:#x} + (n) * {b.stride:#x})"))
        else:
            out.append(_define(name, f"{b.offset + r.offset:#x}"))
        out += _bitfields(f"{b.name}_{r.name}", r.fields, r.bits == 64)
    return "\n".join(out)


def _doorbell() -> str:
    return "\n".join(
        [
            _comment("Byte offset of doorbell slot `slot` of context `ctx` in BAR DOORBELLS."),
            "#define NRN_DOORBELL(ctx, slot) \\",
            "\t((ctx) * NRN_PAGE_SIZE + (slot) * NRN_DOORBELL_STRIDE)",
        ]
    )


def _word(s: Struct) -> str:
    return "\n".join(
        [_comment(f"Bits of a {8 * s.size}-bit {s.name}. {s.doc}"), ""]
        + _bitfields(s.name.upper(), s.bitfields, s.size == 8)
    )


def _declaration(m: Member) -> str:
    kind = f"struct nrn_{m.struct.name}" if m.struct else TYPES[m.type]
    return f"\t{kind} {m.name}{'' if m.array is None else f'[{m.array}]'};"


def _struct(name: str, doc: str, members: list[Member], size: int) -> str:
    """Holes become explicit bytes: nothing is left to the compiler."""
    docs, body, at = [], [], 0

    def hole(end: int) -> None:
        if end > at:
            docs.append((f"reserved_at_{at}", "Zero."))
            body.append(f"\t__u8 reserved_at_{at}[{end - at}];")

    for m in sorted(members, key=lambda m: m.offset):
        hole(m.offset)
        docs.append((m.name, m.doc + (" Signed." if m.signed and m.element_size > 1 else "")))
        body.append(_declaration(m))
        at = m.end
    hole(size)
    check = f'static_assert(sizeof(struct nrn_{name}) == {size}, "nrn_{name}");'
    return "\n".join([_kernel_doc(f"struct nrn_{name}", doc, docs), f"struct nrn_{name} {{"] + body + ["};", "", check])


def _packets(spec: Spec) -> str:
    head = spec.packet_header
    out = [_struct(head.name, head.doc, head.members, head.size)]
    nested = Member("header", 0, "struct packet_header", head.doc, struct=head)
    for p in spec.packets:
        out.append(_struct(f"packet_{p.name.lower()}", p.doc, [nested] + p.members, spec.packet_bytes))
    return "\n\n".join(out)


def _register_list(b) -> str:
    """For tables of registers: those of which a reading says something, and changes nothing."""
    first = "(0)" if b.repeats else ""
    lines = [f"\tX({r.name}, NRN_REG_{b.name}_{r.name}{first}, {r.bits})" for r in b.registers if r.access in ("ro", "rw")]
    which = ", the first of them" if b.repeats else ""
    comment = f"/* X(name, offset, bits) for each register of block {b.name}{which} that can be read. */\n"
    count = _define(f"NRN_REGISTERS_{b.name}_COUNT", str(len(lines)))
    return comment + " \\\n".join([f"#define NRN_REGISTERS_{b.name}(X)", *lines]) + f"\n\n{count}"


def _names(e: Enum) -> str:
    lines = [
        f'/* Name of an enum nrn_{e.name}, "?" if it has none. */',
        f"static inline const char *nrn_{e.name}_name(unsigned int value)",
        "{",
        "\tswitch (value) {",
    ]
    for v in e.values:
        lines += [f"\tcase NRN_{e.name.upper()}_{v.name}:", f'\t\treturn "{v.name}";']
    return "\n".join(lines + ["\tdefault:", '\t\treturn "?";', "\t}", "}"])
