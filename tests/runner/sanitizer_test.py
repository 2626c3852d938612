#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the sanitizer of a guest's device reports fails the boot: the launcher gives the device one, what it has reported is looked at after each program,
and said where the launcher finds it."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import declare  # noqa: E402
import guest  # noqa: E402
import host  # noqa: E402
from tap import TOP, case, contains, equal, main  # noqa: E402

REPORT = "report 0 OUT_OF_BUFFER repeats=0: out of buffer: job 2 writes"
FAULT = "report 1 USE_AFTER_UNMAP faulted repeats=0: use after unmap: job 4"
LEAK = "report 2 LEAK repeats=1: leak: context 3"


def looked_at(folder, *lines):
    """What the guest says to its kernel's log about a device with these reports, and whether they are forgotten."""
    reports = folder / "sys/kernel/debug/accel/0000:01:00.0/sanitizer"
    reports.parent.mkdir(parents=True)
    (folder / "dev/accel").mkdir(parents=True)
    (folder / "dev/accel/accel0").touch()
    (folder / "dev/kmsg").touch()
    reports.write_text("".join(f"{line}\n" for line in lines))
    subprocess.run(["sh", guest.SANITIZER, "some_test", folder], check=True, env={**os.environ, "NEURON_OUT": str(folder)})
    equal(reports.read_text(), "\n")
    equal((folder / "sanitizer.log").read_text(), "".join(f"some_test: {line}\n" for line in lines))
    return (folder / "dev/kmsg").read_text()


def launcher():
    loader = importlib.machinery.SourceFileLoader("launcher", str(TOP / "guest/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("launcher", loader))
    loader.exec_module(module)
    return module


def verdict(folder, said):
    """The launcher's, about a guest that has ended in order and whose kernel has said this."""
    out = folder / "out"
    out.mkdir()
    (out / "console.log").write_text(f"{said}\nneuron-guest: end 1234\n")
    (out / "exit").write_text("0 1234\n")
    return launcher().verdict(out, "1234", None)


@case("a report fails the boot, by the program's name")
def fails(folder):
    said = looked_at(folder, REPORT)
    equal(said, f"<2>neuron-guest: FAILED: sanitizer: some_test: {REPORT}\n")
    status, problem = verdict(folder, said)
    equal(status, 125)
    contains(problem, f"some_test: {REPORT}")


@case("what came with a fault, and leaks of programs that end, do not")
def passes(folder):
    equal(looked_at(folder, FAULT, LEAK), "")
    equal(verdict(folder, ""), (0, None))


@case("a device without the sanitizer fails the boot, for nothing looks at it")
def without(folder):
    reports = folder / "sys/kernel/debug/accel/0000:01:00.0/sanitizer"
    reports.mkdir(parents=True)  # takes no write
    (folder / "dev/accel").mkdir(parents=True)
    (folder / "dev/accel/accel0").touch()
    (folder / "dev/kmsg").touch()
    subprocess.run(["sh", guest.SANITIZER, "some_test", folder], check=True, capture_output=True, env={**os.environ, "NEURON_OUT": str(folder)})
    said = (folder / "dev/kmsg").read_text()
    equal(said, f"<2>neuron-guest: FAILED: sanitizer: some_test: {reports} does not answer\n")
    equal(verdict(folder, said)[0], 125)


@case("only a boot with the sanitizer has it in its environment, and looks after each program")
def environment(_folder):
    with_it, without = declare.Boot("with", sanitizer=True), declare.Boot("without")
    equal(guest.with_sanitizer(with_it, {"A": "1"}), {"A": "1", "NEURON_SANITIZER": "fatal"})
    equal(guest.with_sanitizer(without, {"A": "1"}), {"A": "1"})
    jobs = [(declare.Suite("s", [], ""), name) for name in ("one_test", "two_test")]
    for asked in (True, False):
        lines = guest.script(jobs, "@mark", with_it, asked).splitlines()
        looks = [number for number, line in enumerate(lines) if "guest_sanitizer.sh" in line]
        equal([lines[number - 1].startswith("printf") for number in looks], [True, True] if asked else [])
        equal([lines[number].split()[-1] for number in looks], ["one_test", "two_test"] if asked else [])


@case("the launcher gives each device the sanitizer that the environment asks for")
def device(_folder):
    words = ["--no-module", "--device", "neuron,cores=1", "--device", "neuron", "--device", "other", "--", "true"]
    run = launcher()
    options = run.parse_arguments(words)
    before = os.environ.pop("NEURON_SANITIZER", None)
    try:
        for wish, expected in (("fatal", 2), ("0", 0)):
            os.environ["NEURON_SANITIZER"] = wish
            command = run.qemu_command(options, "/kernel", "/initramfs", "/out", "/scratch")
            equal(sum(word.startswith("neuron") and ",sanitizer=on" in word for word in command), expected)
    finally:
        os.environ.pop("NEURON_SANITIZER")
        if before is not None:
            os.environ["NEURON_SANITIZER"] = before


@case("a program on the host has it as its suite says")
def on_the_host(_folder):
    wish = {"NEURON_SANITIZER": "1"}
    for sanitizer, asked, expected in ((True, {}, None), (True, wish, "1"), (False, wish, None), ("fatal", {}, "fatal"), ("fatal", wish, "fatal")):
        suite = declare.Suite("s", [], "", sanitizer=sanitizer)
        variables = {name: value for name, value in host.environment(suite, asked).items() if name not in os.environ or name in asked}
        equal(variables.get("NEURON_SANITIZER"), expected, f"sanitizer = {sanitizer}, asked {asked}")


if __name__ == "__main__":
    sys.exit(main())
