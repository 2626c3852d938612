#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bugs_test.py [--table] [NAME...]: makes every mistake of the corpus, or those, and looks whether the first command's output names the cause, the
job, the buffer and the place. --table says it to people, with what the kernel's log alone would have said."""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import shown
import tap
from corpus import BUGS, PARTS, KernelLog

import users, kernel_bugs, device_bugs, system_bugs, driver_bugs  # noqa: E401, F401 (they register their bugs)

LEAST = 70
SHOWN = shown.blocks()
WIDTH = 100


def judge(bug, folder):
    """What was said, what of it was missed, and the kernel's log of it."""
    log = KernelLog()
    said = bug.act(folder)
    return said, bug.missing(said), log.lines()


def as_case(bug):
    @tap.case(f"{bug.name}: {bug.first} names {', '.join(bug.names)}")
    def _case(folder):
        said, missing, _ = judge(bug, folder)
        if missing:
            raise AssertionError(f"does not name {', '.join(f'{part} ({bug.names[part]})' for part in missing)}:\n{said}")
        if rotten := shown.missing(SHOWN.get(bug.name, []), said):
            raise AssertionError(f"docs/debugging.md shows what is not said: {rotten}:\n{said}")


def row(bug, number):
    with tempfile.TemporaryDirectory(prefix="neuron-bug-") as folder:
        try:
            said, missing, log = judge(bug, Path(folder))
        except Exception as error:  # a bug that cannot be made is not named
            said, missing, log = f"{type(error).__name__}: {error}", list(bug.names), []
    marks = " ".join(f"{part}:{'no' if part in missing else 'yes'}" for part in PARTS if part in bug.names)
    print(f"{number:3} {bug.name} ({bug.whose}): {bug.story}")
    print(f"      {bug.first}: {marks}")
    for line in said.strip().splitlines()[:6]:
        print(f"      | {line}")
    print(f"      dmesg alone: {log[0][:WIDTH] + (f' (and {len(log) - 1} more)' if len(log) > 1 else '') if log else 'nothing'}", flush=True)
    return not missing


def table(names):
    chosen = [bug for bug in BUGS if not names or bug.name in names]
    unknown = set(names) - {bug.name for bug in BUGS}
    if unknown:
        sys.exit(f"bugs_test.py: no bug '{sorted(unknown)[0]}'; there are: {' '.join(bug.name for bug in BUGS)}")
    named = sum(row(bug, number) for number, bug in enumerate(chosen, 1))
    print(f"bugs: {named} of {len(chosen)} named")
    return 0 if named == len(chosen) else 1


if "--table" in sys.argv:
    sys.exit(table([word for word in sys.argv[1:] if word != "--table"]))



@tap.case("docs/debugging.md shows six bugs of the corpus, of different people")
def _guide(_):
    by_name = {bug.name: bug for bug in BUGS}
    assert len(SHOWN) == 6 and all(SHOWN.values()) and set(SHOWN) <= set(by_name), SHOWN.keys()
    assert {by_name[name].whose for name in SHOWN} >= {"program", "kernel", "driver", "device", "system"}
    assert shown.missing(["one 1 … two", "three"], "one 2 and two\nthree 3\n") == ["three"]


@tap.case("the module for mistakes is not loaded with one that it does not know, and names it")
def _unknown(_):
    log = KernelLog()
    driver_bugs.load_with_unknown()
    tap.contains("\n".join(log.lines()), "no bug is called 'no-such-bug'")


assert len(BUGS) >= LEAST, len(BUGS)
for each in BUGS:
    as_case(each)
sys.exit(tap.main())
