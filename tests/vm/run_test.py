#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What comes back from a guest, and what of the host it can touch."""

import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from support import BAD_RUN, NEURON_VM, bad, good, result_of, vm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from machines import await_machine, machines
from neuronctl import assemble
from tap import case, contains, equal, main

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


@case("the command's output and status come back, its logs stay, and those of the run before are gone")
def output_and_status(folder):
    out = folder / "neuron-vm.out"
    out.mkdir()
    (out / "core.old.1").write_text("", encoding="utf-8")
    (out / "core.py").write_text("", encoding="utf-8")
    result = vm(folder, "--", "sh", "-c", "echo to stdout; echo to stderr >&2; exit 7")
    equal(result.returncode, 7)
    contains(result.stdout, "to stdout\nto stderr\n")
    contains(result.stderr, "the command ended with status 7; the kernel's log is neuron-vm.out/dmesg.log")
    found = result_of(folder)
    equal({name: found[name] for name in ("schema", "status", "problem")}, {"schema": "neuron-vm/1", "status": 7, "problem": None})
    equal(found["files"], ["console.log", "dmesg.log"])
    contains((out / "dmesg.log").read_text(encoding="utf-8"), "Initialized neuron_accel")
    assert (out / "core.py").exists(), "a file that is none of a run's is gone"


@case("the results folder and what is shared can be written to, the rest of the host cannot")
def places(folder):
    for name in ("shared", "one two", "closed"):
        (folder / name).mkdir()
    script = (
        'echo out >"$NEURON_OUT/file"; echo a >shared/file; echo b >"one two/file"; echo c >closed/file && exit 1;'
        ' echo "$GREETING"; rm closed/there && exit 1; exit 0'
    )
    (folder / "closed/there").write_text("", encoding="utf-8")
    text = good(folder, "--out", "r", "--share", "shared", "--share", "one two", "--env", "GREETING=hello you", "--", "sh", "-c", script)
    contains(text, "hello you")
    equal((folder / "r/file").read_text(encoding="utf-8"), "out\n")
    equal((folder / "shared/file").read_text(encoding="utf-8"), "a\n")
    equal((folder / "one two/file").read_text(encoding="utf-8"), "b\n")
    equal([path.name for path in (folder / "closed").iterdir()], ["there"])


@case("devices, their chip and an IOMMU are as chosen, and what crashed leaves its dump")
def machine_and_dumps(folder):
    assemble(folder, ".engine sp\nloop: jump loop\n", "endless")
    script = (
        "neuronctl devices; neuronctl info --device accel1; ls /sys/kernel/iommu_groups | wc -l;"
        f" python3 -c '{CRASH}'; echo 50 >/sys/class/accel/accel0/device/watchdog/timeout_ms;"
        " neuronctl run endless.nko --device accel0 --timeout 0; true"
    )
    result = vm(folder, "--devices", 2, "--profile", "trn1", "--cores", 1, "--hbm", "1G", "--iommu", "--", "sh", "-c", script)
    equal(result.returncode, 0, result.stderr)
    contains(result.stdout, "/dev/accel/accel1")
    contains(result.stdout, "profile    trn1")
    contains(result.stdout, "cores      1,")
    contains(result.stdout, "hbm        1.0 GiB")
    groups = [line for line in result.stdout.splitlines() if line.isdigit()]
    assert groups and int(groups[0]) > 0, f"no IOMMU: {result.stdout}"
    files = result_of(folder)["files"]
    core, = (name for name in files if name.startswith("core.python3."))
    dump, = (name for name in files if name.startswith("devcoredump."))
    contains(result.stderr, f"a program crashed: neuron-vm.out/{core}")
    contains(result.stderr, f"a device crashed: neuron-vm.out/{dump}")
    contains((folder / "neuron-vm.out" / dump).read_text(encoding="utf-8", errors="replace"), "a job has timed out")


@case("a kernel that complains makes the run bad whatever the command says, and the console shows it")
def splat(folder):
    text = bad(folder, BAD_RUN, "--console", "--", "sh", "-c", "echo 'BUG: nobody home' >/dev/kmsg; exit 0")
    contains(text, "the kernel complained: ")
    contains(text, "neuron-guest: ready at")
    contains(result_of(folder)["problem"], "BUG: nobody home")
    equal(result_of(folder)["status"], BAD_RUN)


@case("whoever ends it ends the guest")
def ended(folder):
    with subprocess.Popen([NEURON_VM, "--out", "out", "--", "sleep", "600"], cwd=folder, stderr=subprocess.DEVNULL) as run:
        await_machine(run, folder / "out")
        run.terminate()
        equal((run.wait(30), machines(folder / "out")), (128 + signal.SIGTERM, []))


@case("a guest that does not end is ended")
def timeout(folder):
    contains(bad(folder, BAD_RUN, "--timeout", "3", "--", "sleep", "1000"), "the time ran out")
    equal(result_of(folder)["problem"], "the time ran out")


if __name__ == "__main__":
    sys.exit(main())
