# SPDX-License-Identifier: MIT
"""Text helpers of the emitters."""

import re
import textwrap


def camel(name: str) -> str:
    """event_record or DMA_LOAD to EventRecord or DmaLoad."""
    return "".join(part.capitalize() for part in name.lower().split("_"))


def one_line(doc: str) -> str:
    return re.sub(r"\s+", " ", doc).strip()


def wrap(doc: str, prefix: str, first: str | None = None, width: int = 100, tab: int = 1) -> list[str]:
    """Lines of `doc`, each with `prefix` (the first with `first`), at most `width` columns with tabs `tab` wide."""
    first = prefix if first is None else first
    extra = prefix.count("\t") * (tab - 1)
    return textwrap.wrap(
        one_line(doc),
        width - extra,
        initial_indent=first,
        subsequent_indent=prefix,
        break_long_words=False,
        break_on_hyphens=False,
    )


def c_string(text: str) -> str:
    return '"' + one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def number(value: int, hexa: bool) -> str:
    return hex(value) if hexa else str(value)


def fill(template: str, parts: dict[str, str]) -> str:
    """Replaces each line `@NAME@` of the template; every part must be used and every mark must have a part."""
    marks = set(re.findall(r"^@([A-Z_]+)@$", template, re.M))
    if marks != parts.keys():
        raise KeyError(f"template marks {sorted(marks ^ parts.keys())}")
    return re.sub(r"^@([A-Z_]+)@$", lambda m: parts[m.group(1)].rstrip("\n"), template, flags=re.M)
