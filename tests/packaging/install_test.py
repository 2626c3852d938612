#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make install` and `make uninstall`. They configure the build for their prefix, so nothing may use it meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, case, equal, main  # noqa: E402


def run(script: Path, env: dict[str, str]) -> None:
    result = subprocess.run([script], capture_output=True, text=True, check=False, env=env)
    equal(result.returncode, 0, result.stdout + result.stderr)


@case("make install puts everything below DESTDIR, and make uninstall takes it away")
def install(folder):
    env = {**os.environ, "DESTDIR": str(folder)}
    run(TOP / "tools/build/install.sh", env)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    for name in ("lib/libneuron.so.0", "lib/libneuron-kernel.so", "lib/pkgconfig/libneuron-kernel.pc", "include/neuron/neuron.h", "bin/neuronctl",
                 "share/man/man3/neuron_queue.3", "lib/udev/rules.d/60-neuron-accel.rules", "libexec/neuron-accel/qemu-system-x86_64"):
        assert f"usr/local/{name}" in files, f"{name} is missing"
    run(TOP / "tools/build/uninstall.sh", env)
    equal([str(path) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()], [])


if __name__ == "__main__":
    sys.exit(main())
