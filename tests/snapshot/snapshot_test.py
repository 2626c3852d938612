#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""guest/run --snapshot: runs that start from a booted guest. In a cache of their own, where nothing is at first."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import BUILD, TOP, case, contains, equal, main  # noqa: E402

NEURONCTL = BUILD / "user/tools/neuronctl/neuronctl"
BOOTS = "[guest] booting a guest to start from, once\n"
HERE = Path(tempfile.mkdtemp(prefix="neuron-snapshots-"))
REAL = Path(os.environ.get("NEURON_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuron-accel")
ENVIRONMENT = {**os.environ, "NEURON_CACHE": str(HERE)}


def snapshots() -> list[Path]:
    return [path.parent for path in HERE.glob("snapshot/*/state")]


def words(*command, out: Path, options=()) -> list[str]:
    return [str(word) for word in (TOP / "guest/run", "--snapshot", "--out", out, *options, "--", *command)]


def run(*command, out: Path, options=()) -> subprocess.CompletedProcess:
    out.mkdir(exist_ok=True)
    return subprocess.run(words(*command, out=out, options=options), capture_output=True, text=True, check=False, env=ENVIRONMENT)


def good(*command, out: Path, options=(), boots=False) -> str:
    """What a run prints that is to end well, without booting unless it must."""
    result = run(*command, out=out, options=options)
    equal(result.returncode, 0, result.stderr)
    equal(result.stderr, BOOTS if boots else "", "stderr")
    return result.stdout


@case("the first run boots, and its command's output and status come back")
def _first(folder):
    equal(good("echo", "here", out=folder / "a", boots=True), "here\n")
    equal(len(snapshots()), 1)
    result = run("sh", "-c", "echo out; echo err >&2; exit 7", out=folder / "a")
    equal((result.returncode, result.stderr), (7, ""))
    equal(sorted(result.stdout.split()), ["err", "out"])
    contains((folder / "a/console.log").read_text(), "neuron-guest: end ")
    # The log of the boot is that of the guest, and goes on.
    log = (folder / "a/dmesg.log").read_text()
    contains(log, "Linux version")
    contains(log, "neuron-guest: awake")


@case("the chip computes as it does in process")
def _computes(folder):
    out = folder / "a"
    out.mkdir()
    kernel = out / "hello.nko"
    subprocess.run([NEURONCTL, "asm", TOP / "kernels/hello/hello.s", "-o", kernel], check=True)
    subprocess.run(["/usr/bin/python3", "-c", "import numpy as np, sys; np.save(sys.argv[1], np.random.default_rng(1).standard_normal((128, 512), dtype='f4'))", out / "x.npy"], check=True)
    subprocess.run([NEURONCTL, "run", "--backend", "sim", kernel, "--in", f"X={out}/x.npy", "--out", f"Y={out}/y.npy"], check=True, capture_output=True)
    for number in range(2):
        good(NEURONCTL, "run", kernel, "--in", f"X={out}/x.npy", "--out", f"Y={out}/g{number}.npy", out=out)
        equal((out / f"g{number}.npy").read_bytes(), (out / "y.npy").read_bytes())


LOOK = """
date +%s.%N
od -An -tx1 -N16 /dev/urandom
cat /proc/sys/kernel/random/uuid
ls /tmp
echo mine >/tmp/left_behind; echo "$1" >$NEURON_OUT/mine
ls $NEURON_OUT
"""


@case("two runs at once share nothing, have the time, and draw different random numbers")
def _isolation(folder):
    outs = [folder / "a", folder / "b"]
    for out in outs:
        out.mkdir()
    start = time.time()
    both = [subprocess.Popen(words("sh", "-c", LOOK, "sh", out.name, out=out), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
            for out in outs]
    printed = [process.communicate()[0].split("\n") for process in both]
    end = time.time()
    equal([process.returncode for process in both], [0, 0])
    for lines in printed:
        if not start <= float(lines[0]) <= end:
            raise AssertionError(f"{lines[0]} is not between {start} and {end}")
    for line in (1, 2):
        if printed[0][line] == printed[1][line]:
            raise AssertionError(f"both drew {printed[0][line]}")
    for out, lines in zip(outs, printed):
        contains("\n".join(lines), "mine")
        if "left_behind" in lines:
            raise AssertionError("a run finds what another one has left")
        equal((out / "mine").read_text(), f"{out.name}\n")
    again = good("ls", "/tmp", out=folder / "a")
    equal("left_behind" in again, False)


@case("other options are another guest: an IOMMU, two devices, arguments for the module")
def _options(folder):
    devices = ["--device", "neuron,cores=1", "--device", "neuron,profile=trn1,hbm=4G", "--iommu", "--module-arg", "no_such=1"]
    printed = good(NEURONCTL, "devices", out=folder / "a", options=devices, boots=True)
    contains(printed, "accel0")
    contains(printed, "accel1")
    contains(good(NEURONCTL, "info", "--device", "accel1", out=folder / "a", options=devices), "trn1")
    contains((folder / "a/dmesg.log").read_text(), "unknown parameter 'no_such' ignored")
    equal(len(snapshots()), 2)
    contains(good("cat", "/proc/cmdline", out=folder / "a", options=devices), "intel_iommu=on")


@case("a complaint of the kernel after the snapshot spoils the run")
def _splat(folder):
    result = run("sh", "-c", "echo BUG: of a test >/dev/kmsg", out=folder / "a")
    equal(result.returncode, 125)
    contains(result.stderr, "[guest] error: the kernel complained: ")
    contains(result.stderr, "BUG: of a test")


@case("a command that does not end is given up")
def _timeout(folder):
    result = run("sleep", "1000", out=folder / "a", options=["--timeout", "8"])
    equal(result.returncode, 125)
    contains(result.stderr, "[guest] error: the time ran out")


# guest/run, but that it never says the word that the guest waits for.
SILENT = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
import snapshot
say = snapshot.Lines.say
snapshot.Lines.say = lambda self, line: None if line == "wake" else say(self, line)
sys.argv = ["guest/run", *sys.argv[2:]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@case("of a guest that does not wake up it is told what the machine was doing")
def _asleep(folder):
    (folder / "a").mkdir()
    command = ["/usr/bin/python3", "-B", "-c", SILENT, str(TOP / "guest"), *words("true", out=folder / "a", options=["--timeout", "8"])[1:]]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, cwd=TOP)
    equal(result.returncode, 125)
    contains(result.stderr, f"[guest] error: --snapshot: the guest does not wake up: the time ran out; what the machine was doing is in {folder}/a/machine.log")
    machine = (folder / "a/machine.log").read_text()
    contains(machine, "VM status: running")
    contains(machine, "CPU#1")
    contains(machine, "dev: neuron")
    good("true", out=folder / "a")
    equal((folder / "a/machine.log").exists(), False)


@case("a guest that ends by itself has no verdict")
def _ends(folder):
    result = run("busybox", "poweroff", "-f", out=folder / "a")
    equal(result.returncode, 125)
    contains(result.stderr, "[guest] error: the guest ended without an exit file")


@case("what is damaged or cannot be is one error, and no boot instead")
def _damaged(folder):
    result = run("true", out=folder / "a", options=["--gdb"])
    equal((result.returncode, result.stderr), (125, "[guest] error: --gdb is for the boot itself, which --snapshot leaves out\n"))
    result = run("true", out=folder / "a", options=["--device", "neuron,hazards=on"])
    equal(result.returncode, 125)
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    equal(len(errors), 1, result.stderr)
    contains(errors[0], "property 'hazards' of neuron: what hazard detection has seen is not saved")
    for path in snapshots():
        os.truncate(path / "state", 100_000)
    result = run("true", out=folder / "a")
    equal(result.returncode, 125)
    equal(BOOTS in result.stderr, False)
    equal(len(re.findall(r"^\[guest\] error: --snapshot: ", result.stderr, re.M)), 1, result.stderr)


try:
    (HERE / "kernel").symlink_to(REAL / "kernel")
    sys.exit(main())
finally:
    shutil.rmtree(HERE)
