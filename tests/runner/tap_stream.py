# SPDX-License-Identifier: MIT
"""Reads the Test Anything Protocol, versions 12 to 14, as CMocka and our scripts write it."""

import re
from dataclasses import dataclass

PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*(.*))?$")
CASE = re.compile(r"(not )?ok\b(?:\s+(\d+))?\s*(?:-\s*)?(.*)$")
DIRECTIVE = re.compile(r"(.*?)#\s*(SKIP|TODO)\b\S*\s*(.*)$", re.IGNORECASE)


@dataclass
class Case:
    """One test point: verdict is 'ok', 'FAIL' or 'skip'."""

    name: str
    verdict: str
    seconds: float = 0
    note: str = ""


class Parser:
    """Fed with lines as they come; CMocka writes one plan per group of tests, so plans add up."""

    def __init__(self, start):
        self.cases = []
        self.planned = None
        self.bail = None
        self.last = start

    def feed(self, line, now):
        """Takes one line; gives the case that it ends, if any."""
        line = line.rstrip()
        plan = PLAN.match(line)
        if plan:
            self.planned = (self.planned or 0) + int(plan.group(1))
            return None
        if line.startswith("Bail out!"):
            self.bail = line[len("Bail out!") :].strip() or "no reason given"
            return None
        match = CASE.match(line)
        if not match:
            return None
        failed, number, text = match.groups()
        verdict, note = ("FAIL" if failed else "ok"), ""
        directive = DIRECTIVE.match(text)
        if directive:
            # CMocka writes "# SKIP name" where the standard has "name # SKIP reason". A skipped case neither failed nor
            # passed; one that is TODO may fail.
            before, kind, after = (part.strip() for part in directive.groups())
            text, note = (before, after) if before else (after, "")
            if kind.upper() == "SKIP" or failed:
                verdict, note = "skip", note or kind.lower()
        case = Case(text.strip() or f"case {number or len(self.cases) + 1}", verdict, now - self.last, note)
        self.last = now
        self.cases.append(case)
        return case

    def problem(self, status, timed_out, timeout):
        """What is wrong with the whole program, or None."""
        failed = any(case.verdict == "FAIL" for case in self.cases)
        if timed_out:
            return f"still running after {timeout:g} s"
        if status < 0 or status > 128:
            return f"killed by signal {-status if status < 0 else status - 128}"
        if self.bail is not None:
            return f"bailed out: {self.bail}"
        if self.planned is None and self.cases:
            return "wrote no plan"
        if self.planned is not None and self.planned != len(self.cases):
            return f"planned {self.planned} cases and ran {len(self.cases)}"
        if not self.cases and self.planned != 0:
            return f"ran no case (exit status {status})"
        if status != 0 and not failed:
            return f"exit status {status} without a failed case"
        return None
