# SPDX-License-Identifier: MIT
"""What the person sees: a line per case, the end of a failed program's log, and at the end why what failed did, and the count."""

import itertools
import threading

import figures

SHOWN_LOG_LINES = 40
SHOWN_SLOW = 10
SHOWN_WHY = 10  # lines of a failed program, and programs, that the end repeats: often nobody sees more than the end


def why(lines):
    """
    What of a log says best why its program failed: the first failed case with what it says before and after it, or what guest/run
    says is wrong with a boot, whose console would hide it, or else the end.
    """
    if verdict := [line for line in lines if line.startswith("[guest] error: ")]:
        return verdict[:SHOWN_WHY]
    failed = next((number for number, line in enumerate(lines) if line.startswith("not ok")), None)
    if failed is None:
        return lines[-SHOWN_WHY:]
    half = SHOWN_WHY // 2
    after = list(itertools.takewhile(lambda line: line.startswith("#"), lines[failed + 1 :]))
    return lines[max(0, failed + 1 - half) : failed + 1] + after[-half:]


class Report:
    """Counts cases and prints them; programs may report from several threads."""

    def __init__(self):
        self.counts = {"ok": 0, "FAIL": 0, "skip": 0}
        self.failures = []
        self.reasons = []  # of each failed program: its title, and lines of its log
        self.figures = []
        self.seconds = []  # of each program, with its title
        self.lock = threading.Lock()

    def program(self, title, cases, problem, log, bench=False, seconds=0):
        """All cases of one program that has ended. Of a benchmark the figures are kept, and its diagnostic lines shown."""
        with self.lock:
            self.seconds.append((seconds, title))
            if bench and log:
                problem = self._keep_figures(log) or problem
            for case in cases:
                self._line(f"{title}: {case.name}", case.verdict, case.seconds, case.note)
            if problem:
                self._line(title, "FAIL", None, problem)
            if problem or any(case.verdict == "FAIL" for case in cases):
                lines = self._lines(log)
                self._tail(lines, log)
                self.reasons.append((title, why(lines)))
            elif bench:
                self._diagnostics(log)

    def _line(self, name, verdict, seconds, note):
        self.counts[verdict] += 1
        if verdict == "FAIL":
            self.failures.append(f"{name}: {note}" if note else name)
        time = "" if seconds is None else f" ({seconds:.2f} s)"
        print(f"{verdict:4} {name}{time}{': ' + note if note else ''}", flush=True)

    @staticmethod
    def _lines(log):
        try:
            with open(log, encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()
        except OSError:
            return []

    @staticmethod
    def _tail(lines, log):
        for line in lines[-SHOWN_LOG_LINES:]:
            print(f"     | {line}")
        if lines:
            print(f"     the whole log is {log}", flush=True)

    def _keep_figures(self, log):
        """What is wrong with them, or None."""
        try:
            self.figures += figures.of_log(log)
        except figures.Malformed as malformed:
            return str(malformed)
        return None

    @staticmethod
    def _diagnostics(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("#"):
                    print(f"     {line[1:].strip()}", flush=True)

    def finish_bench(self, path):
        """The table of all figures, and the same for scripts in `path`."""
        figures.write(self.figures, path)
        print()
        for line in figures.table(self.figures):
            print(line)
        missed = sum(figure["met"] is False for figure in self.figures)
        print(f"{len(self.figures)} figures, {missed} goals missed, all in {path}")

    def finish(self):
        """What took long, what failed, the last line, and the exit status."""
        slowest = sorted(self.seconds, reverse=True)[:SHOWN_SLOW]
        for title, lines in self.reasons[:SHOWN_WHY]:
            for line in lines:
                print(f"{title}: | {line}")
        print("slowest: " + ", ".join(f"{title} {seconds:.0f} s" for seconds, title in slowest))
        for name in self.failures:
            print(f"failed: {name}")
        passed, failed, skipped = self.counts["ok"], self.counts["FAIL"], self.counts["skip"]
        print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
        return 0 if passed and not failed else 1
