#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The end of a run says why what failed did: often nobody sees more than the end."""

import contextlib
import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from report import SHOWN_WHY, Report  # noqa: E402
from tap import case, equal, main  # noqa: E402
from tap_stream import Case  # noqa: E402


def end_of(folder, log, cases, problem=None):
    """The last lines of a run of one program, and its exit status."""
    path = folder / "program.log"
    path.write_text("".join(f"{line}\n" for line in log))
    report = Report()
    output = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()):
        report.program("unit/some_test", cases, problem, path)
    with contextlib.redirect_stdout(output):
        status = report.finish()
    return output.getvalue().splitlines(), status


@case("what a failed case says before and after it is said again, before its name and the count")
def around(folder):
    after = [f"#   at {number}" for number in range(50)]
    log = [*(f"ok {number}" for number in range(50)), "# 3 != 4", "not ok 50 - adds", *after, "# AssertionError: 3", "ok 51 - more"]
    lines, status = end_of(folder, log, [Case("adds", "FAIL")])
    told = [line.removeprefix("unit/some_test: | ") for line in lines if " | " in line]
    equal((told[3:5], told[-1], len(told)), (["# 3 != 4", "not ok 50 - adds"], "# AssertionError: 3", SHOWN_WHY))
    equal((lines[-2:], status), (["failed: unit/some_test: adds", "0 passed, 1 failed"], 1))


@case("of a program without a failed case the end is said, and its problem")
def end(folder):
    lines, status = end_of(folder, [f"line {number}" for number in range(50)], [Case("adds", "ok")], "killed by signal 9")
    equal([line for line in lines if " | " in line], [f"unit/some_test: | line {number}" for number in range(50 - SHOWN_WHY, 50)])
    equal((lines[-2:], status), (["failed: unit/some_test: killed by signal 9", "1 passed, 1 failed"], 1))


@case("of a boot what is wrong with it is said, and not its console")
def boot(folder):
    console = [f"[console] line {number}" for number in range(50)]
    lines, _ = end_of(folder, [*console, "[guest] error: the kernel complained", *console], [Case("boots", "FAIL")])
    equal([line for line in lines if " | " in line], ["unit/some_test: | [guest] error: the kernel complained"])


@case("a program without a log has its failure said, and nothing of what passed is said again")
def quiet(folder):
    lines, status = end_of(folder, ["ok 1"], [Case("adds", "ok")])
    equal((len(lines), lines[-1], status), (2, "1 passed, 0 failed", 0))
    report = Report()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        report.program("guest: kmod/some_test", [], "not run: the guest had ended", "")
        report.finish()
    equal(output.getvalue().splitlines()[-2:], ["failed: guest: kmod/some_test: not run: the guest had ended", "0 passed, 1 failed"])


if __name__ == "__main__":
    sys.exit(main())
