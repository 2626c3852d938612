# SPDX-License-Identifier: MIT
"""The driver's module for the guest's kernel: one that is there, or built from source as Kbuild wants it."""

import hashlib
import os
import subprocess
import sys

from .failure import Failure, say

MODULE = "neuron_accel.ko"


def folder(layout, options, kernel):
    """The folder with the module that the guest loads."""
    if options.module:
        return given(options.module, kernel)
    if layout.checkout and not options.module_source and options.kernel in ("stock", "debug"):
        return of_checkout(layout, options.kernel)
    source = options.module_source or layout.module_source
    if not source:
        raise Failure("no source of the module below /usr/src", "install neuron-accel-dkms, or give --module or --module-source")
    if not os.path.exists(os.path.join(source, "Kbuild")):
        raise Failure(f"--module-source: no Kbuild in '{source}'")
    return build(layout, os.path.realpath(source), kernel)


def given(path, kernel):
    """A module that somebody built; it must be for this kernel."""
    if not os.path.isfile(path) or os.path.basename(path) != MODULE:
        raise Failure(f"--module: '{path}' is no file {MODULE}")
    with open(os.path.join(kernel, "release"), encoding="ascii") as file:
        release = file.read().strip()
    result = subprocess.run(["/usr/sbin/modinfo", "-F", "vermagic", path], capture_output=True, text=True, check=False)
    built_for = result.stdout.split()[:1]
    if built_for != [release]:
        raise Failure(f"--module: '{path}' is for kernel {''.join(built_for) or 'nobody knows which'}, the guest's is {release}")
    return os.path.dirname(os.path.abspath(path))


def of_checkout(layout, name):
    """The checkout's own, by its own script, so that both agree on what is up to date."""
    if subprocess.run([os.path.join(layout.home, "tools/build/module.sh"), name], check=False).returncode:
        raise Failure("the module does not build")
    return os.path.join(layout.state, "kmod", name)


def spec_folder(layout, source, target):
    """Where the generated headers of a source are: in it, or made by the generator of its checkout, or else of ours."""
    if os.path.exists(os.path.join(source, "neuron_spec.h")):
        return source
    generators = [os.path.join(top, "spec/generate.py") for top in (os.path.dirname(source), layout.home)]
    generator = next((path for path in generators if os.path.exists(path)), None)
    if not generator:
        raise Failure(f"--module-source: '{source}' has no neuron_spec.h, and no ../spec/generate.py to make it")
    out = os.path.join(target, "spec")
    if subprocess.run(["/usr/bin/python3", generator, "--out", out], check=False).returncode:
        raise Failure(f"--module-source: {generator} failed")
    return out


def link_sources(source, farm):
    """A tree of links, because Kbuild writes beside the sources. Links of files that are gone go too."""
    for where, _, names in os.walk(source):
        place = os.path.join(farm, os.path.relpath(where, source))
        os.makedirs(place, exist_ok=True)
        for name in os.listdir(place):
            path = os.path.join(place, name)
            if os.path.islink(path) and not os.path.exists(path):
                os.unlink(path)
        for name in names:
            link = os.path.join(place, name)
            if name.endswith((".c", ".h")) and not name.endswith(".mod.c") or name in ("Kbuild", "Kconfig"):
                if not os.path.islink(link):
                    os.symlink(os.path.join(where, name), link)


def build(layout, source, kernel):
    """Kbuild does what has changed; its warnings are shown, for they are why somebody runs this."""
    key = hashlib.sha256(f"{source} {os.path.realpath(kernel)}".encode()).hexdigest()[:12]
    target = os.path.join(layout.state, "vm-module", key)
    farm = os.path.join(target, "kmod")
    os.makedirs(farm, exist_ok=True)
    spec = spec_folder(layout, source, target)
    link_sources(source, farm)
    headers = os.path.join(kernel, "headers")
    if not os.path.exists(headers):
        raise Failure(f"the kernel in {kernel} has no headers to build the module with")
    log = os.path.join(target, "build.log")
    say(f"building the module from {source}")
    with open(log, "w", encoding="utf-8") as file:
        command = ["make", "-C", headers, f"M={farm}", f"NEURON_SPEC_DIR={spec}", "W=1", "modules"]
        status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    with open(log, encoding="utf-8", errors="replace") as file:
        remarks = [line for line in file if "warning:" in line or "error:" in line]
    sys.stderr.writelines(remarks)
    if status or not os.path.exists(os.path.join(farm, MODULE)):
        raise Failure(f"the module in {source} does not build; the log is {log}")
    return farm
