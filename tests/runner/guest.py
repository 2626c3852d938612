# SPDX-License-Identifier: MIT
"""Boots the guest once per configuration and runs test programs in it.

One shell script runs them all and frames each program's output, which comes back on the launcher's standard output as it
is written. The boot itself counts as one case: it passes when the guest ended in order, its kernel complained of nothing,
and guest_end.sh found nothing left behind.
"""

import os
import secrets
import shlex
import subprocess
import time

from host import jobs_of, log_path, title
from tap_stream import Case, Parser

BOOT_SECONDS = 60  # what a boot and a power-off may take on a busy machine


SANITIZER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest_sanitizer.sh")
END = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest_end.sh")


def script(jobs, mark, boot, sanitizer):
    """Runs each program and frames its output with lines that it cannot know."""
    lines = []
    for number, (suite, path) in enumerate(jobs):
        command = shlex.join([os.path.abspath(path), *suite.args])
        lines += [
            f"echo {mark} begin {number}",
            f"echo 'neuron-test: {suite.name}/{os.path.basename(path)}' >/dev/kmsg",
            f"timeout --kill-after=5 {boot.limit(suite.timeout):g} {command} </dev/null 2>&1",
            f"printf '\\n%s\\n' \"{mark} end $?\"",
        ]
        if sanitizer:
            lines.append(f"sh {shlex.quote(SANITIZER)} {shlex.quote(os.path.basename(path))}")
    return "\n".join([*lines, f"sh {shlex.quote(END)}"]) + "\n"


class Demultiplexer:
    """Gives each program's lines to its parser and its log."""

    def __init__(self, boot, jobs, logs, report):
        self.boot, self.jobs, self.logs, self.report = boot, jobs, logs, report
        self.number = -1  # of the program that is running or ran last
        self.parser = self.file = None
        self.start = 0

    def open(self, number):
        suite, path = self.jobs[number]
        self.number = number
        self.start = time.monotonic()
        self.parser = Parser(self.start)
        self.file = open(log_path(self.logs, suite, f"{path}.{self.boot.name}"), "w", encoding="utf-8")

    def close(self, problem_of):
        suite, path = self.jobs[self.number]
        self.file.close()
        problem = problem_of(self.parser, suite)
        name = f"{self.boot.name}: {title(suite, path)}"
        self.report.program(name, self.parser.cases, problem, self.file.name, suite.bench, time.monotonic() - self.start)
        self.parser = self.file = None

    def feed(self, line, mark):
        if line.startswith(f"{mark} begin "):
            self.open(int(line.split()[-1]))
        elif line.startswith(f"{mark} end "):
            status = int(line.split()[-1])
            timeout = self.boot.limit(self.jobs[self.number][0].timeout)
            late = status in (124, 137) and time.monotonic() - self.start >= timeout
            self.close(lambda parser, _suite: parser.problem(status, late, timeout))
        elif self.parser:
            self.file.write(line)
            self.file.flush()
            self.parser.feed(line, time.monotonic())

    def finish(self):
        """Programs that the guest did not live to run are failures too."""
        if self.parser:
            self.close(lambda _parser, _suite: "the guest ended while it ran")
        for suite, path in self.jobs[self.number + 1 :]:
            self.report.program(f"{self.boot.name}: {title(suite, path)}", [], "not run: the guest had ended", "")


def with_sanitizer(boot, variables):
    """What is in the environment of this boot's programs, and of its launcher."""
    return {**variables, "NEURON_SANITIZER": "fatal"} if boot.sanitizer else variables


def run_boot(boot, suites, logs, variables, report):
    variables = with_sanitizer(boot, variables)
    jobs = jobs_of(suites, report)
    if not jobs:
        return
    out = os.path.join(logs, boot.name)
    os.makedirs(out, exist_ok=True)
    mark = f"@{secrets.token_hex(8)}"
    program = os.path.join(out, "programs.sh")
    with open(program, "w", encoding="utf-8") as file:
        file.write(script(jobs, mark, boot, "NEURON_SANITIZER" in variables))
    timeout = boot.limit(BOOT_SECONDS + sum(suite.timeout for suite, _ in jobs))
    words = [word.replace("{out}", out) for word in boot.args]
    command = ["guest/run", "--kernel", boot.kernel, "--out", out, "--timeout", f"{timeout:g}", *words]
    for name, value in variables.items():
        command += ["--env", f"{name}={value}"]

    log = os.path.join(out, "launcher.log")
    demultiplexer = Demultiplexer(boot, jobs, logs, report)
    start = time.monotonic()
    with open(log, "w", encoding="utf-8") as errors, subprocess.Popen(
        [*command, "--", "/bin/sh", program],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        errors="replace",
    ) as guest:
        for line in guest.stdout:
            demultiplexer.feed(line, mark)
        status = guest.wait()
    demultiplexer.finish()
    case = Case("boots, ends in order, its kernel complains of nothing and nothing is left behind", "ok" if status == 0 else "FAIL")
    case.seconds = time.monotonic() - start
    report.program(boot.name, [case], None, log, seconds=case.seconds)
