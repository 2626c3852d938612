#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Manual pages of the interface for C, from the comments of neuron.h.

man3.py HEADER --list          the names of the pages
man3.py HEADER VERSION FOLDER  writes them

A part of the header that begins with "/* ==== name: what ==== */" is a page; a function is a page that shows its part's.
"""

from __future__ import annotations

import datetime
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

PART = re.compile(r"/\* ==== (\w+): (.*?) ==== \*/")
ITEM = re.compile(r"/\*\*\n(.*?) \*/\n(.*?;)\n(?=\n|/|#)", re.DOTALL)
OVERVIEW = "neuron.h"


@dataclass
class Function:
    name: str
    prototype: str
    text: list[str] = field(default_factory=list)  # paragraphs
    params: list[tuple[str, str]] = field(default_factory=list)
    returns: str = ""
    threading: str = ""


@dataclass
class Part:
    name: str
    what: str
    types: list[str]
    functions: list[Function]


def paragraphs(comment: str) -> list[str]:
    """Joined lines; a tag begins a paragraph of its own, as an empty line does."""
    lines = [re.sub(r"^ \* ?", "", line) for line in comment.splitlines()]
    out: list[str] = [""]
    for line in lines:
        if not line.strip() or re.match(r"@|Threading:", line):
            out.append("")
        out[-1] += (" " if out[-1] else "") + line.strip()
    return [text for text in out if text]


def function(comment: str, declaration: str) -> Function | None:
    text = " ".join(declaration.replace("NEURON_C_API ", "").split())
    match = re.search(r"(\w+)\(", text)
    if "NEURON_C_API" not in declaration or match is None:
        return None
    out = Function(match[1], text)
    for paragraph in paragraphs(comment):
        if tag := re.match(r"@param (\w+) (.*)", paragraph):
            out.params.append((tag[1], tag[2]))
        elif paragraph.startswith("@return "):
            out.returns = paragraph.removeprefix("@return ")
        elif paragraph.startswith("Threading: "):
            out.threading = paragraph.removeprefix("Threading: ")
        else:
            out.text.append(paragraph)
    missing = [what for what, there in (("text", out.text), ("Threading:", out.threading)) if not there]
    named = re.findall(r"(\w+)(?=[,)])", text[text.index("(") :].replace("(void)", ""))
    if [name for name, _ in out.params] != named or missing:
        raise SystemExit(f"{out.name}: the comment lacks {missing or named} or has other parameters than the function")
    if not text.startswith("void ") and not out.returns:
        raise SystemExit(f"{out.name}: the comment lacks @return")
    return out


def parts(header: str) -> list[Part]:
    found = list(PART.finditer(header))
    out = []
    for at, match in enumerate(found):
        body = header[match.end() : found[at + 1].start() if at + 1 < len(found) else len(header)]
        functions = [f for comment, declaration in ITEM.findall(body) if (f := function(comment, declaration))]
        types = re.findall(r"/\*\* .*? \*/\n((?:typedef )?(?:struct|enum) \w+ \{.*?\n\}[^;]*;)", body, re.DOTALL)
        out.append(Part(match[1], match[2], types, functions))
    return out


def escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def prose(text: str) -> str:
    """Names of functions in bold, and sentences on lines of their own."""
    text = re.sub(r"`([^`]*)`", r"\1", escaped(text))
    text = re.sub(r"\b(neuron_\w+)\(\)", r"\\fB\1\\fP()", text)
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in re.split(r"(?<=[.;:]) (?=[A-Z])", text))


def date() -> str:
    """Of the header, or what a build that is to be reproduced says."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or Path(sys.argv[1]).stat().st_mtime)
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d")


def head(name: str, version: str) -> list[str]:
    return ["." + "\\\" SPDX-License-Identifier: MIT", f'.TH {name} 3 "{date()}" "libneuron {version}" "libneuron"']


def declaration(text: str) -> str:
    return ".nf\n" + "\n".join(escaped(line) for line in text.expandtabs(4).splitlines()) + "\n.fi"


def described(f: Function) -> list[str]:
    out = [f'.SS "{f.name}()"', *"\n.PP\n".join(prose(text) for text in f.text).splitlines()]
    for name, text in f.params:
        out += [".TP", f".I {name}", prose(text)]
    if f.returns:
        out += [".TP", ".B Returns", prose(f.returns)]
    return out + [".TP", ".B Threads", prose(f.threading[:1].upper() + f.threading[1:])]


def wrapped(prototype: str) -> str:
    """One parameter more than fits goes to the next line."""
    lines, indent = [""], " " * 4
    for word in prototype.split(" "):
        if len(lines[-1]) + len(word) > 76:
            lines.append(indent)
        lines[-1] += ("" if lines[-1] in ("", indent) else " ") + word
    return "\n".join(lines)


def page(part: Part, version: str) -> str:
    names = ", ".join(f.name for f in part.functions)
    out = [*head(part.name, version), ".SH NAME", f"{names} \\- {escaped(part.what)}", ".SH SYNOPSIS", ".B #include <neuron/neuron.h>"]
    out += [".PP", "\n.PP\n".join(declaration(wrapped(f.prototype)) for f in part.functions)]
    out += [".SH DESCRIPTION"]
    for f in part.functions:
        out += described(f)
    if part.types:
        out += [".SH TYPES", "\n.PP\n".join(declaration(text) for text in part.types)]
    return "\n".join([*out, ".SH SEE ALSO", f".BR {OVERVIEW} (3)"]) + "\n"


def overview(header: str, all_parts: list[Part], version: str) -> str:
    comment = re.search(r"/\*\*\n \* @file\n(.*?) \*/", header, re.DOTALL)[1]
    example = re.search(r" \* @code\n(.*?) \* @endcode\n", comment, re.DOTALL)
    text = paragraphs(comment.replace(example[0], " *\n * @example\n *\n"))
    code = declaration("\n".join(re.sub(r"^ \* ?", "", line) for line in example[1].splitlines()))
    out = [*head(OVERVIEW, version), ".SH NAME", f"{OVERVIEW} \\- accelerators of the neuron driver, from C", ".SH SYNOPSIS"]
    out += [".B #include <neuron/neuron.h>", ".PP", "Link with the flags that", ".B pkg\\-config \\-\\-cflags \\-\\-libs libneuron", "prints."]
    out += [".SH DESCRIPTION", "\n.PP\n".join(code if t == "@example" else prose(t) for t in text), ".SH SEE ALSO"]
    names = [part.name for part in all_parts]
    return "\n".join(out + [f".BR {name} (3){',' if name != names[-1] else ''}" for name in names]) + "\n"


def pages(header: str, version: str) -> dict[str, str]:
    all_parts = parts(header)
    out = {f"{OVERVIEW}.3": overview(header, all_parts, version)}
    for part in all_parts:
        out[f"{part.name}.3"] = page(part, version)
        out |= {f"{f.name}.3": f".so man3/{part.name}.3\n" for f in part.functions if f.name != part.name}
    return out


def main() -> int:
    header = Path(sys.argv[1]).read_text(encoding="utf-8")
    if sys.argv[2:] == ["--list"]:
        print("\n".join(pages(header, "")))
        return 0
    version, folder = sys.argv[2], Path(sys.argv[3])
    for name, text in pages(header, version).items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
