#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make install` and `make uninstall`. They configure the build for their prefix, so nothing may use it meanwhile."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import declared  # noqa: E402
from tap import BUILD, TOP, case, equal, main  # noqa: E402

# Where a document prints how to build something with the installed library.
DOCUMENTS = ("examples/**/*.cpp", "examples/**/*.md", "docs/*.md", "docs/reference/*.md")
COMMAND = re.compile(r"^(?: \* +)?(g(?:cc|\+\+) .*\$\(pkg-config [^)]*\) -o \w+)(?: && \./\w+)?$", re.MULTILINE)


@contextmanager
def installed():
    """A copy below a folder of its own, and an environment in which it is found."""
    with tempfile.TemporaryDirectory(prefix="neuron-install-") as folder:
        run(TOP / "tools/build/install.sh", {**os.environ, "DESTDIR": folder})
        prefix = Path(folder, "usr/local")
        yield prefix, {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": folder,
                       "LD_LIBRARY_PATH": str(prefix / "lib")}


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


@case("all that the installed headers declare, the installed libraries export")
def symbols(folder):
    with installed() as (prefix, _):
        headers = [str(path.relative_to(prefix / "include")) for path in (prefix / "include").rglob("*.h*")]
        wanted = declared.declared(headers, [f"-I{prefix}/include"], folder)
        have = declared.exported(*(prefix / f"lib/lib{name}.so.0" for name in ("neuron", "neuron-kernel", "neuron-chip")))
    # An empty answer of the compiler would be none.
    for name in ("neuron_queue_submit", "_ZN6neuron6Device4openERKNS_13DeviceOptionsE"):
        assert name in wanted, f"{name} is not found in the headers"
    assert any("values" in name for name in wanted)
    equal(declared.demangled(wanted - have), [])


def commands() -> list[tuple[Path, str]]:
    """Documents, and the commands with pkg-config that they print."""
    paths = sorted({path for pattern in DOCUMENTS for path in TOP.glob(pattern)})
    return [(path, match[1]) for path in paths for match in COMMAND.finditer(path.read_text(encoding="utf-8"))]


def source_of(path: Path, name: str) -> Path:
    """What a command compiles: beside its document, named from the top, or printed in the document itself."""
    for file in (path.parent / name, TOP / name):
        if file.is_file():
            return file
    code, = re.findall(r"```cpp\n((?:(?!```).)*\bint main\(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    file = Path(tempfile.mkdtemp(prefix="neuron-source-"), Path(name).name)
    file.write_text(code, encoding="utf-8")
    return file


@case("the commands that examples and documents print build their programs with the installed copy")
def printed(folder):
    found = commands()
    names = {path.name for path, _ in found}
    assert {"hello.cpp", "share.cpp", "event_loop.cpp", "pipeline.cpp", "README.md", "guide.md", "libneuron.md"} <= names, names
    with installed() as (_, environment):
        for number, (path, command) in enumerate(found):
            place = folder / str(number)
            source = re.search(r"\S+\.c(?:pp)?\b", command)[0]
            (place / source).parent.mkdir(parents=True)
            shutil.copy(source_of(path, source), place / source)
            result = subprocess.run(["bash", "-c", command], cwd=place, env=environment, capture_output=True, text=True, check=False)
            equal((result.returncode, result.stderr), (0, ""), f"{path.relative_to(TOP)}: {command}")
            program = place / command.split()[-1]
            if program.name in ("scale", "example"):
                subprocess.run([program], cwd=place, env=environment, check=True, capture_output=True)
        kernel = BUILD / "user/tests/capi/hello.nko"
        hello = next(folder.glob("*/hello"))
        subprocess.run([hello, kernel], cwd=folder, env=environment, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
