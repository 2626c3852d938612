# SPDX-License-Identifier: MIT
"""The text format of Prometheus, as strict as a scraper is."""

from __future__ import annotations

import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")


def _labels(text: str) -> dict[str, str]:
    found, at = {}, 0
    while at < len(text):
        match = _LABEL.match(text, at)
        assert match, f"no labels: {text!r}"
        assert match[1] not in found, f"label {match[1]} twice: {text!r}"
        found[match[1]] = match[2]
        at = match.end()
    return found


def parse(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Samples of each metric: labels and value. Each has HELP and TYPE before it, and no other metric between."""
    assert text.endswith("\n"), "the last line does not end"
    types: dict[str, str] = {}
    helped: set[str] = set()
    out: dict[str, list[tuple[dict[str, str], float]]] = {}
    current = None
    for line in text.splitlines():
        head = re.fullmatch(rf"# (HELP|TYPE) ({_NAME}) (.+)", line)
        if head and head[1] == "HELP":
            assert head[2] not in helped, f"described twice: {line}"
            helped.add(head[2])
        elif head:
            assert head[2] in helped and head[2] not in types and head[3] in ("gauge", "counter"), line
            types[head[2]], current, out[head[2]] = head[3], head[2], []
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample and sample[1] == current, f"not a sample of {current}: {line!r}"
            labels = _labels(sample[2] or "")
            assert all(labels != other for other, _ in out[current]), f"twice: {line}"
            out[current].append((labels, float(sample[3])))
            assert types[current] != "counter" or (current.endswith("_total") and float(sample[3]) >= 0), line
    return out
