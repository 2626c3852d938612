#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whoever ends guest/run ends its guest."""

import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from machines import await_machine, machines  # noqa: E402
from tap import TOP, case, equal, main  # noqa: E402


@case("a signal ends the guest as well, and its scratch goes")
def ended(folder):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        out, scratch = folder / f"out-{number}", folder / f"tmp-{number}"
        scratch.mkdir()
        words = [TOP / "guest/run", "--out", out, "--", "sleep", "600"]
        with subprocess.Popen(words, stderr=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(Path.home()), "TMPDIR": str(scratch)}) as run:
            await_machine(run, out)
            run.send_signal(number)
            status = run.wait(30)
        equal((status != 0, machines(out), list(scratch.iterdir())), (True, [], []))


if __name__ == "__main__":
    sys.exit(main())
