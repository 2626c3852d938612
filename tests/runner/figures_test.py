#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the runner takes for a benchmark's figure, and what becomes of it."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import figures  # noqa: E402
from tap import case, main  # noqa: E402

GOOD = {"name": "copy", "value": 9.5, "unit": "GB/s", "baseline": 10, "ratio": 0.95, "goal": 0.8, "met": True}
PLAIN = GOOD | {"goal": None, "met": None, "against": "memcpy"}
MISSED = GOOD | {"name": "slow", "ratio": 0.5, "met": False}


def refused(part: str, text: str) -> None:
    try:
        figures.parse(text)
    except figures.Malformed as malformed:
        assert part in str(malformed), malformed
        return
    raise AssertionError(f"accepted: {text}")


@case("figures are found between other lines, in their order")
def found(folder):
    log = folder / "log"
    lines = ["1..1", "# {not a figure}", json.dumps(GOOD), "ok 1 - {}", json.dumps(PLAIN)]
    log.write_text("\n".join(lines))
    assert figures.of_log(log) == [GOOD, PLAIN]


@case("a malformed figure is refused, naming it and what is wrong")
def malformed(_folder):
    refused("not JSON", '{"name": "cut off')
    refused("unit is missing", json.dumps({key: GOOD[key] for key in GOOD if key != "unit"}))
    refused("'copy': value is '9.5', not a number", json.dumps(GOOD | {"value": "9.5"}))
    refused("baseline is None", json.dumps(GOOD | {"baseline": None}))
    refused("ratio is True", json.dumps(GOOD | {"ratio": True}))
    refused("goal is '>= 0.8'", json.dumps(GOOD | {"goal": ">= 0.8"}))
    refused("met is None where goal is 0.8", json.dumps(GOOD | {"met": None}))
    refused("met is True where goal is None", json.dumps(GOOD | {"goal": None}))


@case("the table shows a miss")
def table(_folder):
    head, good, plain, missed = figures.table([GOOD, PLAIN, MISSED])
    assert head.startswith("figure") and "met" in good and "MISSED" not in good + plain and "MISSED" in missed
    assert "memcpy" in plain


@case("the report is a list of the figures")
def report(folder):
    path = folder / "new folder" / "report.json"
    figures.write([GOOD, MISSED], str(path))
    assert json.loads(path.read_text()) == [GOOD, MISSED]
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


if __name__ == "__main__":
    sys.exit(main())
