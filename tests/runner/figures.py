# SPDX-License-Identifier: MIT
"""The figures of the benchmarks, for scripts and for people.

A benchmark writes a figure as one line of JSON on its standard output:

  {"name": …, "value": …, "unit": …, "baseline": …, "ratio": …, "goal": …, "met": …, "against": …}

ratio says how many times better than the baseline the value is: value / baseline where more is better, baseline / value
where less is. goal is the least ratio that will do; goal and met are null where a figure has none. against says what the
baseline is, and may be left out.
"""

import json
import os

KEYS = {"name", "value", "unit", "baseline", "ratio", "goal", "met"}
NUMBERS = ("value", "baseline", "ratio", "goal")


class Malformed(ValueError):
    """A line that looks like a figure and is none; the text says why."""


def parse(line):
    """The figure of one line of output, or None where the line is something else."""
    if not line.startswith("{"):
        return None
    try:
        figure = json.loads(line)
    except ValueError as error:
        raise Malformed(f"wrote a figure that is not JSON ({error}): {line.strip()}") from None
    missing = KEYS - set(figure)
    if missing:
        raise Malformed(f"figure {figure.get('name')!r}: {', '.join(sorted(missing))} is missing")
    for key in NUMBERS:
        no_number = isinstance(figure[key], bool) or not isinstance(figure[key], (int, float))
        if no_number and not (key == "goal" and figure[key] is None):
            raise Malformed(f"figure {figure['name']!r}: {key} is {figure[key]!r}, not a number")
    if not isinstance(figure["met"], bool if figure["goal"] is not None else type(None)):
        raise Malformed(f"figure {figure['name']!r}: met is {figure['met']!r} where goal is {figure['goal']!r}")
    return figure


def of_log(path):
    """All figures of a program's log."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return [figure for figure in map(parse, file) if figure]


def number(value):
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(figures):
    """Lines for people; a goal that was missed stands out, and is nothing more than that."""
    rows = [("figure", "value", "", "baseline", "ratio", "goal", "", "baseline is")]
    for figure in figures:
        verdict = {None: "", True: "met", False: "MISSED"}[figure["met"]]
        goal = "" if figure["goal"] is None else f">= {figure['goal']:g}"
        rows.append((figure["name"], number(figure["value"]), figure["unit"], number(figure["baseline"]),
                     f"{figure['ratio']:.2f}", goal, verdict, figure.get("against", "")))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = {1, 3, 4}
    for row in rows:
        cells = [cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        yield "  ".join(cells).rstrip()


def write(figures, path):
    """report.json: a list of the figures, in the order they came."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=1, ensure_ascii=False)
        file.write("\n")
    os.replace(f"{path}.new", path)
