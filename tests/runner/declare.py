# SPDX-License-Identifier: MIT
"""The suites and the guest's configurations, read from the data files that declare them."""

import glob
import os
import tomllib
from dataclasses import dataclass, field

SUITE_KEYS = {"name", "programs", "args", "where", "timeout", "bench", "serial"}


@dataclass
class Boot:
    """One configuration of the guest that suites run in."""

    name: str
    args: list = field(default_factory=list)


@dataclass
class Suite:
    """Programs that are run alike."""

    name: str
    programs: list  # patterns below the top folder
    file: str
    args: list = field(default_factory=list)
    where: list = field(default_factory=lambda: ["host"])
    timeout: float = 60
    bench: bool = False
    serial: bool = False  # the machine to itself, one program at a time

    def paths(self):
        """The programs, by path; a pattern that matches none is an error of the caller's to report."""
        found = []
        for pattern in self.programs:
            matches = sorted(path for path in glob.glob(pattern) if os.path.isfile(path) and os.access(path, os.X_OK))
            found.append((pattern, matches))
        return found


def read(path):
    with open(path, "rb") as file:
        try:
            return tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: {error}") from error


def load_boots(tests):
    table = read(os.path.join(tests, "boots.toml"))
    return {name: Boot(name, entry.get("args", [])) for name, entry in table.items()}


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
                if place != "host" and place not in boots:
                    raise ValueError(f"{shown}: suite '{suite.name}' runs in '{place}', which boots.toml does not have")
            if any(suite.name == other.name for other in suites):
                raise ValueError(f"{shown}: there are two suites '{suite.name}'")
            suites.append(suite)
    return suites


def select(suites, names, bench):
    """The suites asked for; a name that selects nothing is a mistake."""
    chosen = [suite for suite in suites if suite.bench == bench]
    if not names:
        return chosen

    def answers_to(suite):
        return {suite.name, os.path.basename(os.path.dirname(suite.file)), *suite.where}

    for name in names:
        if not any(name in answers_to(suite) for suite in chosen):
            raise ValueError(f"no suite '{name}'; there are: {', '.join(suite.name for suite in chosen)}")
    return [suite for suite in chosen if answers_to(suite) & set(names)]
