# SPDX-License-Identifier: MIT
"""Where the parts are: in a checkout of the project, or where `make install` puts them."""

import dataclasses
import glob
import os
import shutil

from .failure import Failure


@dataclasses.dataclass
class Layout:
    """The places of one checkout, or of one installation."""

    home: str  # has guest/ and tools/build/
    qemu: str
    module_source: str  # folder with a Kbuild
    path: list  # folders for the guest's PATH, in front of its own
    state: str  # writable: what is built for guests
    checkout: bool

    def need_qemu(self):
        """QEMU's path, or what to do."""
        if not os.access(self.qemu, os.X_OK):
            raise Failure(f"no QEMU with the device: {self.qemu}", "run 'make qemu' first" if self.checkout else "install it")
        return self.qemu


def cache():
    """Where kernels and the like are kept, as tools/build/common.sh says it."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME") or "/root", ".cache")
    return os.environ.get("NEURON_CACHE") or os.path.join(home, "neuron-accel")


def of_checkout(top):
    build = os.path.join(top, "build")
    return Layout(
        home=top,
        qemu=os.environ.get("NEURON_QEMU") or os.path.join(build, "qemu/qemu-system-x86_64"),
        module_source=os.path.join(top, "kmod"),
        path=[os.path.join(build, "user/tools/neuronctl")],
        state=build,
        checkout=True,
    )


def of_installation(home):
    prefix = os.path.dirname(os.path.dirname(home))
    sources = sorted(glob.glob("/usr/src/neuron-accel-*/Kbuild"))
    return Layout(
        home=home,
        qemu=os.environ.get("NEURON_QEMU") or os.path.join(prefix, "libexec/neuron-accel/qemu-system-x86_64"),
        module_source=os.path.dirname(sources[-1]) if sources else "",
        path=[os.path.join(prefix, "bin")],
        state=os.path.join(cache(), "vm"),
        checkout=False,
    )


def find():
    """The layout that this package belongs to."""
    package = os.path.dirname(os.path.realpath(__file__))
    top = os.path.realpath(os.path.join(package, "../../.."))
    if os.path.exists(os.path.join(top, "guest/run")) and os.path.exists(os.path.join(top, "spec/generate.py")):
        return of_checkout(top)
    home = os.path.dirname(package)
    if not os.path.exists(os.path.join(home, "guest/run")):
        raise Failure(f"this installation is not whole: no {home}/guest/run")
    for tool in ("busybox", "make"):
        if not shutil.which(tool, path="/usr/bin:/bin:/usr/sbin:/sbin"):
            raise Failure(f"no {tool}", "apt install busybox-static make gcc kmod xz-utils")
    return of_installation(home)
