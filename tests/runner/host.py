# SPDX-License-Identifier: MIT
"""Runs test programs on this machine."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tap_stream import Parser


def jobs_of(suites, report):
    """(suite, program) for every program; a pattern without a program is a failure."""
    jobs = []
    for suite in suites:
        for pattern, paths in suite.paths():
            if not paths:
                report.program(suite.name, [], f"no program {pattern}", "")
            jobs += [(suite, path) for path in paths]
    return jobs


def title(suite, path):
    name = os.path.basename(path)
    return suite.name if name == "run" else f"{suite.name}/{name}"


def log_path(logs, suite, path):
    folder = os.path.join(logs, suite.name)
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, f"{os.path.basename(path)}.log")


def environment(suite, variables):
    found = {**os.environ, **variables}
    if suite.sanitizer == "fatal":
        found["NEURON_SANITIZER"] = "fatal"
    elif not suite.sanitizer:
        found.pop("NEURON_SANITIZER", None)
    return found


def ends_within(ended, seconds, tick=1.0, clock=time.monotonic):
    """Whether the event comes within so many seconds, of which the machine uses up none while it stands still.

    A virtual machine may be stopped for minutes. It then finds at its next tick that much more time has passed than a tick.
    """
    left, last = seconds, clock()
    while left > 0:
        if ended.wait(min(tick, left)):
            return True
        now = clock()
        left -= min(now - last, 5 * tick)
        last = now
    return False


def run_program(suite, path, logs, variables, report):
    log = log_path(logs, suite, path)
    start = time.monotonic()
    parser = Parser(start)
    ended, timed_out = threading.Event(), threading.Event()
    with open(log, "w", encoding="utf-8") as file, subprocess.Popen(
        [os.path.abspath(path), *suite.args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(suite, variables),
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:

        def limit():
            if not ends_within(ended, suite.timeout):
                timed_out.set()
                os.killpg(process.pid, signal.SIGKILL)

        watch = threading.Thread(target=limit)
        watch.start()
        for line in process.stdout:
            file.write(line)
            file.flush()
            parser.feed(line, time.monotonic())
        # Who is not waited for yet has its number still.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        ended.set()
        watch.join()
        status = process.wait()
    problem = parser.problem(status, timed_out.is_set(), suite.timeout)
    report.program(title(suite, path), parser.cases, problem, log, suite.bench, time.monotonic() - start)


def hear_interrupts():
    """Who is started in the background of a script ignores SIGINT, and so would each program whose test interrupts it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_host(suites, logs, variables, jobs, report):
    hear_interrupts()
    together = jobs_of([suite for suite in suites if not suite.serial], report)
    alone = jobs_of([suite for suite in suites if suite.serial], report)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        runs = [pool.submit(run_program, *job, logs, variables, report) for job in together]
        for run in runs:
            run.result()
    for job in alone:
        run_program(*job, logs, variables, report)
