# SPDX-License-Identifier: MIT
"""The guest's kernel: one of ours by name, a folder laid out like ours, or somebody's own build tree."""

import hashlib
import os
import shutil
import subprocess

from .failure import Failure, say
from .layout import cache

NAMED = ("stock", "debug")


def folder(layout, name):
    """The folder that guest/run takes for --kernel, made from a build tree when it is one."""
    if name in NAMED:
        command = [os.path.join(layout.home, "guest/kernel.sh"), name]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode:
            raise Failure(f"no {name} kernel: guest/kernel.sh ended with status {result.returncode}")
        return result.stdout.strip()
    if not os.path.isdir(name):
        raise Failure(f"--kernel: no folder '{name}'", f"give {', '.join(NAMED)}, a kernel's build tree, or a folder with release, vmlinux, headers, lib/modules")
    if os.path.exists(os.path.join(name, "release")):
        return os.path.realpath(name)
    return from_build_tree(os.path.realpath(name))


def from_build_tree(tree):
    """A folder in the cache that looks like ours, of a tree in which a kernel was built."""
    release_file = os.path.join(tree, "include/config/kernel.release")
    image = os.path.join(tree, "vmlinux")
    for path in (release_file, image):
        if not os.path.exists(path):
            raise Failure(f"--kernel: '{tree}' is neither a kernel's build tree nor laid out like one of ours: no {os.path.relpath(path, tree)}")
    with open(release_file, encoding="ascii") as file:
        release = file.read().strip()
    stamp = f"{tree} {release} {os.stat(image).st_mtime_ns}"
    target = os.path.join(cache(), "kernel", "own-" + hashlib.sha256(stamp.encode()).hexdigest()[:12])
    if os.path.exists(os.path.join(target, "release")):
        return target
    say(f"taking kernel {release} from {tree}")
    forget_older(tree)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    os.symlink(image, os.path.join(target, "vmlinux"))
    os.symlink(tree, os.path.join(target, "headers"))
    install_modules(tree, target, release)
    with open(os.path.join(target, "release"), "w", encoding="ascii") as file:
        file.write(f"{release}\n")
    return target


def forget_older(tree):
    """What was made of the same tree before it was built again."""
    store = os.path.join(cache(), "kernel")
    for name in os.listdir(store) if os.path.isdir(store) else ():
        headers = os.path.join(store, name, "headers")
        if name.startswith("own-") and (not os.path.exists(headers) or os.path.realpath(headers) == tree):
            shutil.rmtree(os.path.join(store, name))


def install_modules(tree, target, release):
    """The tree's modules and their index; a kernel without any has only the index of what is built in."""
    modules = os.path.join(target, "lib/modules", release)
    log = os.path.join(target, "modules.log")
    with open(log, "w", encoding="utf-8") as file:
        command = ["make", "-C", tree, "modules_install", f"INSTALL_MOD_PATH={target}", "INSTALL_MOD_STRIP=1", "DEPMOD=true"]
        done = subprocess.run(command, stdout=file, stderr=file, check=False).returncode == 0
    if not done and os.path.exists(os.path.join(tree, "modules.order")):
        raise Failure(f"--kernel: 'make modules_install' in {tree} failed; the log is {log}", "build its modules first: make modules")
    os.makedirs(modules, exist_ok=True)
    for name in ("modules.builtin", "modules.order"):
        source = os.path.join(tree, name)
        if os.path.exists(source) and not os.path.exists(os.path.join(modules, name)):
            shutil.copy(source, modules)
    depmod = shutil.which("depmod", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not depmod or subprocess.run([depmod, "-b", target, release], check=False).returncode:
        raise Failure(f"--kernel: depmod failed for {release}", "" if depmod else "apt install kmod")
