# SPDX-License-Identifier: MIT
"""How a fuzz target is run: folders, limits, sanitizer options. The name of a target may end with an instruction set of the
host ("programs-scalar"), which its vector code is for; the inputs are those of the target without it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NEURON_BUILD", TOP / "build"))
TARGETS = ("mmio", "packets", "programs", "tape")
OTHER_SIMD = ("programs-avx512", "programs-scalar")

# Bytes of an input: so many records that all of a target's limits are reached.
MAX_LENGTH = {"mmio": 2 + 256 * 16, "packets": 4 + 32 * 64, "programs": 5 + 96 * 129, "tape": 65536}
LIMITS = ["-rss_limit_mb=2048", "-len_control=0", "-print_final_stats=1"]
SANITIZERS = {
    "ASAN_OPTIONS": "quarantine_size_mb=8:malloc_context_size=8:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1",
}


def build(kind: str) -> None:
    """Builds build/KIND; raises with the compiler's words."""
    done = subprocess.run([TOP / "tools/build/sanitized.sh", kind], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr[-4000:])


def base(target: str) -> str:
    return target.split("-")[0]


def missing(target: str) -> str:
    """What the host lacks for it, if anything."""
    if not target.endswith("-avx512"):
        return ""
    flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    return " ".join(sorted({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} - flags))


def fixed_addresses() -> list[str]:
    """A prefix for commands whose sanitizer wants its shadow where the kernel may have put something else."""
    prefix = ["setarch", "--addr-no-randomize"]
    usable = shutil.which(prefix[0]) and subprocess.run([*prefix, "true"], check=False).returncode == 0
    return prefix if usable else []


def command(target: str, *arguments: str) -> list[str]:
    return [
        *fixed_addresses(),
        str(BUILD / f"fuzz/tests/fuzz/fuzz_{target}"),
        f"-max_len={MAX_LENGTH[base(target)]}",
        f"-timeout={300 if target in OTHER_SIMD else 60}",  # those are without the optimiser
        *LIMITS,
        *arguments,
    ]


def seeds(target: str) -> Path:
    return BUILD / "fuzz/seeds" / base(target)


def regressions(target: str) -> list[Path]:
    """Inputs that were findings once."""
    return sorted((TOP / "tests/fuzz/regressions" / base(target)).glob("*.bin"))


def run(target: str, *arguments: str) -> int:
    """Runs a target to its end and returns how many inputs it executed; a finding raises with what was found, and so does a
    target that is not what its name says."""
    done = subprocess.run(
        command(target, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **SANITIZERS},
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"exit status {done.returncode}\n" + finding(done.stdout))
    simd = target.removeprefix(base(target)).lstrip("-")
    if simd and f"vectors: {simd}\n" not in done.stdout:
        raise AssertionError(f"not on {simd}:\n{done.stdout[:500]}")
    # Not a number where it only replays.
    runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stdout)
    return int(runs.group(1)) if runs else len(re.findall(r"^Executed .* in \d+ ms$", done.stdout, re.MULTILINE))


def finding(output: str) -> str:
    """The part of the output from the finding on."""
    start = re.search(r"^.*(ERROR: |runtime error: |broken: )", output, re.MULTILINE)
    return output[start.start() :][:6000] if start else output[-3000:]
