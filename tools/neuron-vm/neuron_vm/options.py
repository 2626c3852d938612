# SPDX-License-Identifier: MIT
"""The command line: one parser, which help, manual page and completions are made from."""

import argparse

EPILOG = """\
examples:
  neuron-vm                                        a shell in the guest
  neuron-vm -- neuronctl info                      run a command; its exit status becomes this one's
  neuron-vm --module-source kmod -- ./my-test      build a changed module, boot with it, test it
  neuron-vm --kernel ~/linux --iommu -- ./my-test  with the kernel of a build tree, behind an IOMMU
  neuron-vm --share results --devices 2 -- make -C tests check

In the results folder (--out) are afterwards console.log, dmesg.log, core.PROGRAM.PID of programs that crashed,
devcoredump.N of devices that did, and result.json, which says how the run ended.

exit status: the command's; 125 when the guest could not be started, did not end in order, or its kernel complained
(a warning, an oops, a sanitizer's or lockdep's report); 2 when the command line is wrong.
"""


def number(text):
    value = int(text)
    if not 1 <= value <= 8:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to 8")
    return value


def pair(text):
    name, equals, _ = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return text


def seconds(text):
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def add_device(parser):
    group = parser.add_argument_group("device")
    group.add_argument("--devices", type=number, default=1, metavar="N", help="how many accelerators (default 1)")
    group.add_argument("--profile", metavar="NAME", help="their chip: inf2, trn1, trn2 (default), trn3")
    group.add_argument("--cores", metavar="N", help="NeuronCores of each (default: the chip's)")
    group.add_argument("--hbm", metavar="SIZE", help="HBM of each, e.g. 4G (default: the chip's; used as it is touched)")
    group.add_argument("--property", action="append", default=[], type=pair, metavar="NAME=VALUE", help="another property of QEMU's device")
    group.add_argument("--fault-plan", metavar="TEXT|@FILE", help="what each of them does wrong, from the start (docs/reference/plan.md)")
    group.add_argument("--iommu", action="store_true", help="an Intel IOMMU in strict mode in front of them")


def add_kernel(parser):
    group = parser.add_argument_group("kernel and driver")
    group.add_argument("--kernel", default="stock", metavar="KERNEL", help="stock: Debian's 6.12 (default); debug: with the kernel's detectors, built once; or the folder of a kernel's build tree")
    group.add_argument("--append", action="append", default=[], metavar="TEXT", help="for the kernel's command line, e.g. swiotlb=force")
    source = group.add_mutually_exclusive_group()
    source.add_argument("--module", metavar="FILE", help="a neuron_accel.ko that is built already")
    source.add_argument("--module-source", metavar="DIR", help="a folder with the module's source: built for the guest's kernel, warnings shown")
    source.add_argument("--no-module", action="store_true", help="do not load a driver")
    group.add_argument("--module-arg", action="append", default=[], type=pair, metavar="NAME=VALUE", help="for the driver")
    group.add_argument("--with", action="append", default=[], dest="extra", metavar="NAME", help="load another module of the kernel")


def add_guest(parser):
    group = parser.add_argument_group("guest")
    group.add_argument("--out", default="neuron-vm.out", metavar="DIR", help="the results folder, writable in the guest (default neuron-vm.out)")
    group.add_argument("--share", action="append", default=[], metavar="DIR", help="another folder that the guest may write to, at its own path")
    group.add_argument("--env", action="append", default=[], type=pair, metavar="NAME=VALUE", help="for the command")
    group.add_argument("--smp", default="2", metavar="N", help="CPUs (default 2)")
    group.add_argument("--mem", default="2G", metavar="SIZE", help="memory (default 2G)")
    group.add_argument("--accel", metavar="TEXT", help="QEMU's -accel: kvm is faster where it works (default tcg,thread=multi)")
    group.add_argument("--snapshot", action="store_true", help="start from a booted guest, kept in the cache from the first run on")
    group.add_argument("--timeout", type=seconds, metavar="S", help="for the whole run (default 120, debug kernel 600)")


def add_debugging(parser):
    group = parser.add_argument_group("debugging")
    group.add_argument("--console", action="store_true", help="show the kernel's console as it comes")
    group.add_argument("--gdb", action="store_true", help="wait for gdb at the first instruction")
    group.add_argument("--qmp", metavar="PATH", help="a socket for QEMU's monitor")
    group.add_argument("--qemu-arg", action="append", default=[], metavar="ARG", help="one more word for QEMU (--qemu-arg=-trace --qemu-arg='neuron_*')")
    group.add_argument("--timing", action="store_true", help="say where the time went")


def parser():
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="neuron-vm",
        usage="neuron-vm [OPTION...] [-- COMMAND...]",
        description="Boot Linux with the accelerator in QEMU and run a command there as root. The host's files are there at their own paths, read-only but for the results folder and what is shared.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for add in (add_device, add_kernel, add_guest, add_debugging):
        add(top)
    top.add_argument("--version", action="store_true", help="print the version and stop")
    top.add_argument("command", nargs="*", metavar="COMMAND", help="what to run, after -- (default: a shell)")
    return top
