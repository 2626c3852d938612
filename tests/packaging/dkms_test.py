#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The module's source as `make install` leaves it builds on its own, and by DKMS."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, case, contains, equal, main  # noqa: E402

# Nothing that the build scripts set may be needed.
PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


def run(*words, **more) -> subprocess.CompletedProcess:
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **more)
    assert result.returncode == 0, f"{words}: status {result.returncode}, {result.stdout + result.stderr}"
    return result


def kernel() -> Path:
    return Path(run(TOP / "guest/kernel.sh").stdout.strip())


def installed(root: Path) -> Path:
    """The source tree below root."""
    return Path(run(TOP / "tools/build/module-source.sh", root).stdout.strip())


def modinfo(field: str, module: Path) -> str:
    return run("modinfo", "-F", field, module, env=PLAIN).stdout.strip()


@case("the source tree has what is generated, its version, its licences and nothing that was built")
def contents(folder):
    source = installed(folder)
    equal(source.parent, folder / "usr/src")
    version = source.name.removeprefix("neuron-accel-")
    contains((TOP / "meson.build").read_text(encoding="utf-8"), f"version: '{version}'")
    contains((source / "dkms.conf").read_text(encoding="utf-8"), f'PACKAGE_VERSION="{version}"\n')
    names = {os.path.relpath(path, source) for path in source.rglob("*") if path.is_file()}
    ours = {os.path.relpath(path, TOP / "kmod") for path in (TOP / "kmod").rglob("*.[ch]") if not path.name.endswith(".mod.c")}
    equal(names, ours | {"Kbuild", "Kconfig", "dkms.conf", "neuron_spec.h", "neuron_spec_names.h", "COPYING", "LICENSE"})
    assert not any(path.is_symlink() for path in source.rglob("*")), "a link leads out of the tree"


@case("a new version of the tree replaces the old one whole")
def replaced(folder):
    (installed(folder) / "stale.c").write_text("", encoding="utf-8")
    assert not (installed(folder) / "stale.c").exists()


@case("plain make builds the module from it")
def plain_make(folder):
    source = installed(folder)
    run("make", "-C", kernel() / "headers", f"M={source}", "modules", env=PLAIN)
    contains(modinfo("alias", source / "neuron_accel.ko"), "pci:v00001234d00004E43")


@case("DKMS adds, builds and removes it")
def dkms(folder):
    source = installed(folder)
    trees = ["--sourcetree", folder / "usr/src", "--dkmstree", folder / "dkms", "--installtree", folder / "modules"]
    name = source.name.replace("neuron-accel-", "neuron-accel/")
    release = (kernel() / "release").read_text(encoding="ascii").strip()
    (folder / "dkms").mkdir()
    headers = kernel() / "headers"
    run("dkms", "add", name, *trees, env=PLAIN)
    run("dkms", "build", name, "-k", release, "--kernelsourcedir", headers, "--config", headers / ".config", *trees, env=PLAIN)
    module, = (folder / "dkms").glob(f"{name}/{release}/*/module/neuron_accel.ko*")
    contains(modinfo("vermagic", module), release)
    contains(run("dkms", "status", *trees, env=PLAIN).stdout, "built")
    run("dkms", "remove", name, "--all", *trees, env=PLAIN)
    equal(list((folder / "dkms").rglob("neuron_accel.ko*")), [])


if __name__ == "__main__":
    sys.exit(main())
