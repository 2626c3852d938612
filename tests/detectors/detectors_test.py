#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The debug kernel and the launcher find a bug of each kind: in one boot, a faulty module has them all."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import BUILD, TOP, case, contains, equal, main  # noqa: E402

# What each bug makes the kernel say. Lockdep looks away after its first report of a lock, and after any of KASAN's.
SAYS = {
    "rcu": "WARNING: suspicious RCU usage",
    "lock-order": "WARNING: possible circular locking dependency detected",
    "sleep": "BUG: sleeping function called from invalid context",
    "shift": "UBSAN: shift-out-of-bounds",
    "list": "list_del corruption",
    "object": "ODEBUG: free active",
    "dma": "DMA-API: platform faulty: device driver tries to free DMA memory it has not allocated",
    "use-after-free": "BUG: KASAN: slab-use-after-free in read_freed",
    "out-of-bounds": "BUG: KASAN: vmalloc-out-of-bounds in read_beyond",
}
ORDER = [*SAYS, "leak"]
MODULE = BUILD / "kmod/faulty"
OUT = BUILD / "test/detectors/guest"


def build() -> Path:
    shutil.rmtree(MODULE, ignore_errors=True)
    MODULE.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("faulty.c"), MODULE)
    (MODULE / "Kbuild").write_text("obj-m := faulty.o\n", encoding="utf-8")
    kernel = subprocess.run([TOP / "guest/kernel.sh", "debug"], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["make", "-C", f"{kernel}/headers", f"M={MODULE}", "modules"], check=True, capture_output=True)
    return MODULE / "faulty.ko"


@functools.cache
def boot() -> tuple[subprocess.CompletedProcess, str]:
    """The run, and its kernel's log."""
    module = build()
    OUT.mkdir(parents=True, exist_ok=True)
    lines = [f"busybox insmod {module} bug={bug} && busybox rmmod faulty" for bug in ORDER]
    lines.append(f"sh {TOP}/tests/runner/guest_end.sh")
    guest = [TOP / "guest/run", "--kernel", "debug", "--no-module", "--append", "kmemleak=on", "--device", "none"]
    run = subprocess.run([*guest, "--out", OUT, "--", "sh", "-c", "\n".join(lines)],
                         capture_output=True, text=True, check=False)
    return run, (OUT / "dmesg.log").read_text(encoding="utf-8", errors="replace")


@functools.cache
def said() -> dict[str, str]:
    """The kernel's log from each bug to the next."""
    parts = re.split(r"faulty: ([a-z-]+)\n", boot()[1])
    return dict(zip(parts[1::2], parts[2::2]))


def found(bug: str):
    def check(_folder: Path) -> None:
        assert bug in said(), f"the log has no part about it: {list(said())}"
        contains(said()[bug], SAYS[bug])

    return check


for name in SAYS:
    case(f"the kernel finds: {name}")(found(name))


@case("the end of a boot finds leaked objects")
def leak(_folder):
    # Eight, less what a stale pointer on some stack still reaches.
    assert re.search("neuron-guest: FAILED: [1-8] objects leaked", boot()[1]), boot()[1][-2000:]
    contains((OUT / "kmemleak.log").read_text(encoding="utf-8"), "do_init_module+")


@case("the end of a boot finds that lockdep has turned itself off")
def lockdep(_folder):
    contains(boot()[1], "neuron-guest: FAILED: lockdep is off")


@case("the launcher takes none of it for a good run")
def verdict(_folder):
    equal(boot()[0].returncode, 125, "status")
    contains(boot()[0].stderr, "the kernel complained: ")


if __name__ == "__main__":
    sys.exit(main())
