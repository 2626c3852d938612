#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuron-vm as `make install` leaves it, with its manual page and completions."""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import BUILD, TOP, case, contains, equal, main


def run(*words, **more) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **more)


def install(folder: Path) -> Path:
    """The prefix below folder."""
    result = run("meson", "install", "-C", BUILD / "user", "--no-rebuild", "--destdir", folder)
    assert result.returncode == 0, result.stdout + result.stderr
    binary, = folder.rglob("bin/neuron-vm")
    return binary.parents[1]


@case("it boots with a module that it builds from an installed source")
def boots(folder):
    prefix = install(folder)
    source = run(TOP / "tools/build/module-source.sh", folder).stdout.strip()
    cache = folder / "cache"
    cache.mkdir()
    kernel = Path(run(TOP / "guest/kernel.sh").stdout.strip())
    # The kernel that is here already, so that none is fetched.
    (cache / "kernel").mkdir()
    (cache / "kernel" / kernel.name).symlink_to(kernel)
    (cache / "kernel/stock").symlink_to(kernel.name)
    environment = {**os.environ, "NEURON_CACHE": str(cache), "NEURON_QEMU": str(BUILD / "qemu/qemu-system-x86_64")}
    result = run(prefix / "bin/neuron-vm", "--module-source", source, "--", "ls", "/dev/accel", cwd=folder, env=environment)
    equal(result.returncode, 0, result.stderr)
    equal(result.stdout, "accel0\n")
    assert list((cache / "vm/vm-module").glob("*/kmod/neuron_accel.ko")), "built elsewhere"
    equal(run(prefix / "bin/neuron-vm", "--version").stdout.split()[0], "neuron-vm")


@case("an installation without its QEMU says what is missing")
def no_qemu(folder):
    prefix = install(folder)
    environment = {name: value for name, value in os.environ.items() if name != "NEURON_QEMU"}
    result = run(prefix / "bin/neuron-vm", "--", "true", cwd=folder, env=environment)
    equal(result.returncode, 125)
    contains(result.stderr, f"no QEMU with the device: {prefix}/libexec/neuron-accel/qemu-system-x86_64; install it")


@case("manual page and completions know every option of --help, and bash completes them")
def pages(folder):
    prefix = install(folder)
    text = run(prefix / "bin/neuron-vm", "--help").stdout
    options = re.findall(r"^ +(?:-h, )?(--[a-z-]+)", text, re.MULTILINE)
    assert "--module-source" in options and len(options) > 20, options
    page = prefix / "share/man/man1/neuron-vm.1"
    equal(run("man", "--warnings", "-l", page).stderr, "")
    manual = page.read_text(encoding="utf-8").replace("\\-", "-")
    bash = prefix / "share/bash-completion/completions/neuron-vm"
    offered = run("bash", "-c", f'source {bash}; COMP_WORDS=(neuron-vm --); COMP_CWORD=1; _shtab_neuron_vm neuron-vm -- neuron-vm; printf "%s\\n" "${{COMPREPLY[@]}}"').stdout
    zsh = (prefix / "share/zsh/site-functions/_neuron-vm").read_text(encoding="utf-8")
    fish = (prefix / "share/fish/vendor_completions.d/neuron-vm.fish").read_text(encoding="utf-8")
    for option in options:
        contains(manual, option)
        contains(offered.split("\n"), option)
        contains(zsh, option)
        contains(fish, f"-l {option[2:]}")


if __name__ == "__main__":
    sys.exit(main())
