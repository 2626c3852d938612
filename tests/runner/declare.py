# SPDX-License-Identifier: MIT
"""The suites and the guest's configurations, read from the data files that declare them."""

import glob
import os
import tomllib
from dataclasses import dataclass, field

SUITE_KEYS = {"name", "programs", "args", "where", "timeout", "bench", "serial", "kernel", "sanitizer"}
BOOT_KEYS = {"group", "kernel", "args", "slow", "sanitizer"}


@dataclass
class Boot:
    """One configuration of the guest that suites run in."""

    name: str
    args: list = field(default_factory=list)
    group: str = ""
    kernel: str = "stock"
    slow: float = 1
    sanitizer: bool = False  # its devices have it, and what it reports fails the boot

    def limit(self, seconds):
        """What a limit of time is in this boot."""
        return seconds * self.slow


@dataclass
class Suite:
    """Programs that are run alike."""

    name: str
    programs: list  # patterns below the top folder; "!pattern" takes some away
    file: str
    args: list = field(default_factory=list)
    where: list = field(default_factory=lambda: ["host"])
    timeout: float = 60
    bench: bool = False
    serial: bool = False  # the machine to itself, one program at a time
    kernel: str = "stock"  # one that the programs boot themselves, or whose module they load
    sanitizer: bool | str = True  # false: never with it, whatever NEURON_SANITIZER says; "fatal": always, on the host

    def paths(self):
        """The programs, by path; a pattern that matches none is an error of the caller's to report."""
        found = []
        for pattern in self.programs:
            matches = [path for path in glob.glob(pattern.removeprefix("!")) if os.path.isfile(path) and os.access(path, os.X_OK)]
            if pattern.startswith("!") and matches:
                found = [(other, [path for path in paths if path not in matches]) for other, paths in found]
            else:
                found.append((pattern, sorted(matches)))
        return found

    def refuse_lost(self):
        """A Python test that may not be executed would be left out, and nobody would miss it."""
        for pattern in self.programs:
            for path in glob.glob(pattern.removeprefix("!")):
                if path.endswith("_test.py") and not os.access(path, os.X_OK):
                    raise ValueError(f"{path}: the test is not executable, so suite '{self.name}' would not run it")


def read(path):
    with open(path, "rb") as file:
        try:
            return tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: {error}") from error


def load_boots(tests):
    boots = {}
    for name, entry in read(os.path.join(tests, "boots.toml")).items():
        unknown = set(entry) - BOOT_KEYS
        if unknown:
            raise ValueError(f"boots.toml: boot '{name}': {', '.join(sorted(unknown))} is unknown")
        boots[name] = Boot(name, **entry)
    for name in boots:
        if name == "host" or any(name == boot.group for boot in boots.values()):
            raise ValueError(f"boots.toml: boot '{name}' has the name of another place or group")
    return boots


def places(name, boots):
    """The places that a name in a suite's `where` stands for."""
    if name == "host" or name in boots:
        return [name]
    return [boot.name for boot in boots.values() if boot.group == name]


def load_suites(tests, boots):
    suites = []
    for path in sorted(glob.glob(os.path.join(tests, "**/suite.toml"), recursive=True)):
        shown = os.path.relpath(path, os.path.dirname(tests))
        for entry in read(path).get("suite", []):
            unknown = set(entry) - SUITE_KEYS
            if unknown or "name" not in entry or "programs" not in entry:
                raise ValueError(f"{shown}: a suite has name and programs, and {', '.join(sorted(unknown))} is unknown")
            if isinstance(entry.get("where"), str):
                entry["where"] = [entry["where"]]
            suite = Suite(file=shown, **entry)
            for place in suite.where:
                if not places(place, boots):
                    raise ValueError(f"{shown}: suite '{suite.name}' runs in '{place}', which boots.toml does not have")
            suite.where = list(dict.fromkeys(name for place in suite.where for name in places(place, boots)))
            if suite.sanitizer not in (True, False, "fatal"):
                raise ValueError(f"{shown}: suite '{suite.name}': sanitizer is true, false or \"fatal\"")
            if suite.sanitizer == "fatal" and suite.where != ["host"]:
                raise ValueError(f"{shown}: suite '{suite.name}': in a guest the sanitizer is its boot's")
            if any(suite.name == other.name for other in suites):
                raise ValueError(f"{shown}: there are two suites '{suite.name}'")
            suites.append(suite)
    return suites


def kernels(suites, boots):
    """The kernels that the suites want, other than the stock one."""
    wanted = {suite.kernel for suite in suites}
    wanted |= {boots[place].kernel for suite in suites for place in suite.where if place != "host"}
    return sorted(wanted - {"stock"})


def narrowed(suite, name):
    """The places in which the suite runs when NAME is asked for: SUITE, FOLDER, PLACE, or SUITE@PLACE."""
    what, _, place = name.rpartition("@")
    if name in (suite.name, os.path.basename(os.path.dirname(suite.file))):
        return suite.where
    if what in ("", suite.name, os.path.basename(os.path.dirname(suite.file))) and place in suite.where:
        return [place]
    return []


def select(suites, names, bench):
    """The suites asked for, each with the places asked for; a name that selects nothing is a mistake."""
    chosen = [suite for suite in suites if suite.bench == bench]
    if not names:
        return chosen
    for name in names:
        if not any(narrowed(suite, name) for suite in chosen):
            raise ValueError(f"no suite '{name}'; there are: {', '.join(suite.name for suite in chosen)}")
    for suite in chosen:
        wanted = {place for name in names for place in narrowed(suite, name)}
        suite.where = [place for place in suite.where if place in wanted]
    return [suite for suite in chosen if suite.where]
