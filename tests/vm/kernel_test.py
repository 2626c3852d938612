#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A module of one's own, and a kernel of one's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from support import BAD_RUN, bad, good, vm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, case, contains, equal, main

BEHIND = "MODULE_LICENSE"


def changed_source(folder: Path, change: str) -> Path:
    """A copy of the driver that says something when it is loaded."""
    source = folder / "mine/kmod"
    shutil.copytree(TOP / "kmod", source, ignore=shutil.ignore_patterns("*.o", "*.ko", "*.cmd", "*.mod*"))
    (folder / "mine/spec").symlink_to(TOP / "spec")
    file = source / "neuron_drv.c"
    text = file.read_text(encoding="utf-8")
    assert BEHIND in text
    file.write_text(text.replace(BEHIND, f"{change}\n{BEHIND}", 1), encoding="utf-8")
    return source


def debug_kernel() -> Path:
    return Path(subprocess.run([TOP / "guest/kernel.sh", "debug"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


@case("a changed module is built, loaded and tested in one command; built already, it is taken as it is")
def own_module(folder):
    source = changed_source(folder, 'MODULE_INFO(colour, "green");')
    read = ("sh", "-c", "cat /sys/module/neuron_accel/initstate; neuronctl info | head -n 1")
    result = vm(folder, "--module-source", source, "--", *read)
    equal(result.returncode, 0, result.stderr)
    contains(result.stderr, f"building the module from {source}")
    contains(result.stdout, "live")
    built = max((TOP / "build/vm-module").glob("*/kmod/neuron_accel.ko"), key=lambda path: path.stat().st_mtime)
    equal(subprocess.run(["/usr/sbin/modinfo", "-F", "colour", built], capture_output=True, text=True, check=True).stdout, "green\n")
    contains(good(folder, "--module", built, "--module-arg", "unknown=1", "--", "dmesg"), "unknown parameter 'unknown' ignored")
    contains(bad(folder, BAD_RUN, "--kernel", "debug", "--module", built, "--", "true"), "the guest's is ")
    shutil.rmtree(built.parents[1])


@case("a module that does not build names its file and the log; what it warns of is shown")
def broken_module(folder):
    source = changed_source(folder, "static int never_used(void) { return 1; }\nint no_prototype(void) { return oops; }")
    text = bad(folder, BAD_RUN, "--module-source", source, "--", "true")
    contains(text, "neuron_drv.c")
    contains(text, "does not build; the log is ")
    for log in (TOP / "build/vm-module").glob("*/build.log"):
        if str(source) in log.read_text(encoding="utf-8", errors="replace"):
            shutil.rmtree(log.parent)


@case("a guest without the driver has no node")
def no_module(folder):
    equal(good(folder, "--no-module", "--", "sh", "-c", "ls /dev/accel 2>&1 | wc -l; test ! -e /dev/accel/accel0"), "1\n")


def tree_of(folder: Path, kernel: Path) -> Path:
    """What `make` leaves of a kernel: the cached one has no object files, so its make is told where the modules are."""
    tree = folder / "linux"
    (tree / "include/config").mkdir(parents=True)
    shutil.copy(kernel / "vmlinux", tree)
    for name in ("modules.order", "modules.builtin"):
        (tree / name).symlink_to(kernel / "headers" / name)
    release = (kernel / "release").read_text(encoding="ascii")
    (tree / "include/config/kernel.release").write_text(release, encoding="ascii")
    (tree / "Makefile").write_text(
        f"modules_install:\n\tmkdir -p $(INSTALL_MOD_PATH)/lib && cp -r {kernel}/lib/modules $(INSTALL_MOD_PATH)/lib/\n"
        f"modules:\n\t$(MAKE) -C {kernel}/headers M=$(M) NEURON_SPEC_DIR=$(NEURON_SPEC_DIR) modules\n",
        encoding="utf-8",
    )
    return tree


@case("a kernel's build tree is a kernel for --kernel, and the module is built for it")
def build_tree(folder):
    kernel = debug_kernel()
    tree = tree_of(folder, kernel)
    script = "cat /proc/version /proc/cmdline /sys/module/neuron_accel/initstate"
    text = good(folder, "--kernel", tree, "--timeout", 300, "--append", "neuron_marker", "--", "sh", "-c", script)
    contains(text, (kernel / "release").read_text(encoding="ascii").strip())
    contains(text, "neuron_marker")
    contains(text, "live")
    (tree / "Makefile").write_text("modules_install:\n\tfalse\n", encoding="utf-8")
    os.utime(tree / "vmlinux")  # as after a build: what was installed of it is out of date
    contains(bad(folder, BAD_RUN, "--kernel", tree, "--", "true"), "build its modules first: make modules")


@case("what is no kernel says what is missing")
def no_kernel(folder):
    contains(bad(folder, BAD_RUN, "--kernel", folder, "--", "true"), "no include/config/kernel.release")
    contains(bad(folder, BAD_RUN, "--kernel", folder / "x", "--", "true"), f"no folder '{folder}/x'")


if __name__ == "__main__":
    sys.exit(main())
