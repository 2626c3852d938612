#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the declarations of boots and suites may say, and which suites run where when some are asked for."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import declare  # noqa: E402
from tap import case, contains, equal, main  # noqa: E402

BOOTS = """
[plain]
group = "all"
[slow]
group = "all"
kernel = "debug"
args = ["--iommu"]
slow = 10
[odd]
"""
SUITES = """
[[suite]]
name = "everywhere"
programs = ["x"]
where = ["all", "plain"]
[[suite]]
name = "mixed"
programs = ["x"]
where = ["host", "odd"]
[[suite]]
name = "figures"
programs = ["x"]
where = "plain"
bench = true
"""


def load(folder, boots=BOOTS, suites=SUITES):
    (folder / "boots.toml").write_text(boots, encoding="utf-8")
    (folder / "folder").mkdir(exist_ok=True)
    (folder / "folder/suite.toml").write_text(suites, encoding="utf-8")
    found = declare.load_boots(str(folder))
    return found, declare.load_suites(str(folder), found)


def selected(folder, *names, bench=False):
    return {suite.name: suite.where for suite in declare.select(load(folder)[1], names, bench)}


def refused(part, function, *arguments):
    try:
        function(*arguments)
    except ValueError as error:
        contains(str(error), part)
        return
    raise AssertionError(f"accepted, where '{part}' was expected")


@case("a group stands for its boots, in their order, each once")
def group(folder):
    boots, suites = load(folder)
    equal(suites[0].where, ["plain", "slow"])
    equal((boots["slow"].slow, boots["slow"].args, boots["plain"].slow, boots["odd"].group), (10, ["--iommu"], 1, ""))


@case("only the kernels of what runs are wanted")
def wanted_kernels(folder):
    boots, suites = load(folder, suites=SUITES + '[[suite]]\nname = "own"\nprograms = ["x"]\nkernel = "mine"\n')
    equal(declare.kernels(suites, boots), ["debug", "mine"])
    equal(declare.kernels(declare.select(suites, ["mixed", "everywhere@plain"], False), boots), [])


@case("without names all but the benchmarks run, everywhere")
def everything(folder):
    equal(selected(folder), {"everywhere": ["plain", "slow"], "mixed": ["host", "odd"]})
    equal(selected(folder, bench=True), {"figures": ["plain"]})


@case("a suite, a folder, a place, and a suite in a place can be asked for, and add up")
def narrowed(folder):
    equal(selected(folder, "mixed"), {"mixed": ["host", "odd"]})
    equal(selected(folder, "folder"), {"everywhere": ["plain", "slow"], "mixed": ["host", "odd"]})
    equal(selected(folder, "slow"), {"everywhere": ["slow"]})
    equal(selected(folder, "everywhere@slow", "mixed@host"), {"everywhere": ["slow"], "mixed": ["host"]})
    equal(selected(folder, "folder@plain", "slow"), {"everywhere": ["plain", "slow"]})


@case("a name that selects nothing is refused")
def nothing(folder):
    for name in ("nobody", "mixed@slow", "nobody@slow", "everywhere@", "figures", ""):
        refused(f"no suite '{name}'", selected, folder, name)


@case("a place that is none, a key that is none and a name that is taken are refused")
def declarations(folder):
    refused("runs in 'moon', which boots.toml does not have", load, folder, BOOTS, SUITES.replace('"odd"', '"moon"'))
    refused("boot 'plain': fast is unknown", load, folder, BOOTS.replace("slow = 10", "").replace("[plain]", "[plain]\nfast = 1"))
    refused("boot 'all' has the name of another", load, folder, BOOTS + "[all]\n")
    refused("boot 'host' has the name of another", load, folder, BOOTS + "[host]\n")


@case("a boot may have the sanitizer; a suite may always have it, on the host, or never")
def sanitizer(folder):
    boots, suites = load(folder, BOOTS + "sanitizer = true\n", SUITES.replace('where = ["host", "odd"]', 'sanitizer = "fatal"'))
    equal((boots["odd"].sanitizer, boots["plain"].sanitizer), (True, False))
    equal([suite.sanitizer for suite in suites], [True, "fatal", True])
    refused("suite 'mixed': in a guest the sanitizer is its boot's", load, folder, BOOTS, SUITES.replace("[[suite]]", '[[suite]]\nsanitizer = "fatal"').replace('where = ["all", "plain"]\n', ""))
    refused("suite 'everywhere': sanitizer is true, false or", load, folder, BOOTS, SUITES.replace("[[suite]]", '[[suite]]\nsanitizer = "deadly"'))


@case("a pattern takes away what others have found, and one that takes nothing away finds nothing")
def taken_away(folder):
    for name in ("a_test", "b_test", "b_slow_test"):
        (folder / name).touch(mode=0o755)
    patterns = [f"{folder}/*_test", f"!{folder}/b_s*_test"]
    equal(declare.Suite("s", patterns, "").paths(), [(patterns[0], [f"{folder}/a_test", f"{folder}/b_test"])])
    equal(declare.Suite("s", [f"!{folder}/c*"], "").paths(), [(f"!{folder}/c*", [])])


@case("a Python test that has lost its right to be executed is named")
def lost(folder):
    for name, mode in (("a_test.py", 0o755), ("helper.py", 0o644), ("b_test.cpp", 0o644)):
        (folder / name).touch(mode=mode)
    suite = declare.Suite("s", [f"{folder}/*"], "")
    suite.refuse_lost()
    (folder / "a_test.py").chmod(0o644)
    refused("a_test.py: the test is not executable, so suite 's' would not run it", suite.refuse_lost)


@case("a slow boot multiplies the limit of each program")
def slow(folder):
    boots, suites = load(folder)
    equal((boots["slow"].limit(suites[0].timeout), boots["plain"].limit(suites[0].timeout)), (600, 60))


if __name__ == "__main__":
    sys.exit(main())
