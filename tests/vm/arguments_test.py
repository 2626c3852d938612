#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The command line: every argument that is wrong gets one line that names it, and no guest is started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from support import BAD_RUN, USAGE, bad, good, vm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, case, contains, equal, main

WRONG = (
    (USAGE, ("--devices", "0"), "argument --devices: 0 is not from 1 to 8"),
    (USAGE, ("--devices", "9"), "argument --devices: 9 is not from 1 to 8"),
    (USAGE, ("--devices", "x"), "argument --devices: invalid number value: 'x'"),
    (USAGE, ("--cores", "1,hbm=4"), "--cores: '1,hbm=4' is not a value for the device"),
    (USAGE, ("--profile", ""), "--profile: '' is not a value for the device"),
    (USAGE, ("--hbm", "4 G"), "--hbm: '4 G' is not a value for the device"),
    (USAGE, ("--property", "stepped"), "argument --property: 'stepped' is not NAME=VALUE"),
    (USAGE, ("--env", "=1"), "argument --env: '=1' is not NAME=VALUE"),
    (USAGE, ("--module-arg", "x"), "argument --module-arg: 'x' is not NAME=VALUE"),
    (USAGE, ("--timeout", "0"), "argument --timeout: 0 is not more than 0"),
    (USAGE, ("--module", "a", "--no-module"), "not allowed with argument"),
    (USAGE, ("--fast",), "unrecognized arguments: --fast"),
    (BAD_RUN, ("--module", "/bin/true"), "--module: '/bin/true' is no file neuron_accel.ko"),
    (BAD_RUN, ("--module-source", "/bin"), "--module-source: no Kbuild in '/bin'"),
    (BAD_RUN, ("--share", "nowhere"), "--share: no folder 'nowhere'"),
    (BAD_RUN, ("--share", ".") * 9, "--share: 9 folders are more than 8"),
    (BAD_RUN, ("--with", "nomodule"), "this kernel has no module 'nomodule'"),
    (BAD_RUN, ("--profile", "h100"), "property 'profile' of neuron: profile: there is no \"h100\""),
    (BAD_RUN, ("--hbm", "5"), "property 'hbm' of neuron: "),
    (BAD_RUN, ("--property", "stepped=maybe"), "stepped"),
    (BAD_RUN, ("--fault-plan", "irq: explode"), "property 'fault-plan' of neuron: rule 1: 'explode': irq takes drop, duplicate, reorder, spurious"),
    (BAD_RUN, ("--fault-plan", "@nowhere"), "--fault-plan: nowhere: No such file or directory"),
    (BAD_RUN, ("--mem", "few"), "QEMU ended with status 1"),
    (BAD_RUN, ("--smp", "no"), "'smp.cpus' expects integer"),
    (BAD_RUN, ("--accel", "warp"), "warp"),
)


@case("each wrong argument is named")
def wrong(folder):
    for status, words, message in WRONG:
        contains(bad(folder, status, *words, "--", "true"), message)


@case("a QEMU that is not there, or does not start, is said to be the reason")
def no_qemu(folder):
    result = vm(folder, "--", "true", NEURON_QEMU="/nonexistent/qemu")
    equal(result.returncode, BAD_RUN)
    contains(result.stderr, "no QEMU with the device: /nonexistent/qemu; run 'make qemu' first")
    contains(bad(folder, BAD_RUN, "--mem", "few", "--", "true"), "QEMU ended with status 1")


@case("help and version need nothing")
def help_and_version(folder):
    text = good(folder, "--help")
    for option in ("--devices", "--module-source", "--gdb", "exit status:"):
        contains(text, option)
    equal(good(folder, "--version").split()[0], "neuron-vm")
    equal(list(folder.iterdir()), [])
    equal((TOP / "tools/neuron-vm/neuron-vm").stat().st_mode & 0o111, 0o111)


if __name__ == "__main__":
    sys.exit(main())
