#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Debian packages are in order, and a program that knows nothing of this tree builds and runs with what is in them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import TOP, case, contains, equal, main  # noqa: E402

PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
SCRATCH = tempfile.TemporaryDirectory(prefix="neuron-deb-")
ROOT = Path(SCRATCH.name)
PACKAGES = {"libneuron0", "libneuron-dev", "neuron-tools", "neuron-accel-dkms", "neuron-qemu"}
made: list[Path] = []

C_PROGRAM = """#include <stdio.h>
#include <neuron/neuron.h>
int main(void) {
    neuron_device *device;
    neuron_error *error;
    const struct neuron_device_options options = {.size = sizeof options, .backend = "sim"};
    struct neuron_device_info info = {.size = sizeof info};
    if (neuron_device_open(&options, &device, &error) != NEURON_OK) {
        fprintf(stderr, "%s\\n", neuron_error_message(error));
        return 1;
    }
    neuron_device_get_info(device, &info, NULL);
    printf("%s %s\\n", neuron_version(), info.profile);
    neuron_device_close(device);
    return 0;
}
"""


def run(*words, env=None, **more) -> str:
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, env=env or PLAIN, **more)
    assert result.returncode == 0, f"{words}: status {result.returncode}, {result.stdout + result.stderr}"
    return result.stdout


def libraries() -> Path:
    return ROOT / "usr/lib" / run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()


def installed() -> dict[str, str]:
    """How linker and loader find what is unpacked, but not installed."""
    return {**PLAIN, "LD_LIBRARY_PATH": str(libraries())}


def flags(module: str) -> list[str]:
    """What pkg-config says, of what is unpacked and of the system."""
    own = libraries() / "pkgconfig"
    paths = [own, *run("pkg-config", "--variable", "pc_path", "pkg-config").strip().split(":")]
    env = {**PLAIN, "PKG_CONFIG_LIBDIR": ":".join(str(path) for path in paths), "PKG_CONFIG_SYSROOT_DIR": str(ROOT)}
    return run("pkg-config", "--cflags", "--libs", module, env=env).split()


@case("the packages are made of what is built")
def make(_):
    made.extend(Path(line) for line in run(TOP / "tools/build/deb.sh", env=dict(os.environ)).split())
    equal({path.name.split("_")[0] for path in made}, PACKAGES)
    for path in made:
        run("dpkg-deb", "-x", path, ROOT)


@case("lintian has neither errors nor warnings")
def lint(_):
    # The page of the tool comes from its own build. Without one, and only then, lintian misses it.
    paged = (ROOT / "usr/share/man/man1/neuronctl.1.gz").exists()
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", "--display-level", ">=warning"]
    equal(run(*words, *([] if paged else ["--suppress-tags", "no-manual-page"]), *made), "")


@case("each package has its part")
def contents(_):
    lib = libraries()
    source, = (ROOT / "usr/src").iterdir()
    version = source.name.removeprefix("neuron-accel-")
    contains(run(ROOT / "usr/bin/neuronctl", "--version", env=installed()), version)
    for name in ("neuron", "neuron-kernel"):
        equal(os.readlink(lib / f"lib{name}.so"), f"lib{name}.so.0")
        equal(os.readlink(lib / f"lib{name}.so.0"), f"lib{name}.so.{version}")
    for path in ("usr/include/neuron/neuron.h", "usr/include/neuron/neuron.hpp", "usr/include/neuron/spec.hpp",
                 "usr/include/neuron/builder.hpp", "usr/include/neuron/builder/instructions.hpp", "usr/include/neuron/builder/tables.hpp",
                 "usr/share/man/man3/neuron_buffer.3.gz", "usr/share/man/man3/neuron_buffer_create.3.gz",
                 f"usr/src/neuron-accel-{version}/dkms.conf", f"usr/src/neuron-accel-{version}/neuron_spec.h"):
        assert (ROOT / path).exists(), f"{path} is missing"
    contains((ROOT / f"usr/src/neuron-accel-{version}/dkms.conf").read_text(encoding="utf-8"), f'PACKAGE_VERSION="{version}"')
    for path in [lib / "libneuron.so.0", ROOT / "usr/bin/neuronctl", ROOT / "usr/libexec/neuron-accel/qemu-system-x86_64"]:
        assert "RUNPATH" not in run("readelf", "-d", path), f"{path} looks for libraries in a build tree"


@case("the rule gives the nodes of this driver to the group render")
def udev(_):
    rule, = [line for line in (ROOT / "lib/udev/rules.d/60-neuron-accel.rules").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    equal([part.strip() for part in rule.split(",")],
          ['SUBSYSTEM=="accel"', 'KERNEL=="accel[0-9]*"', 'DRIVERS=="neuron_accel"', 'GROUP="render"', 'MODE="0660"'])


@case("a kernel in C++ builds with pkg-config alone, and runs")
def builder(folder):
    run("g++", "-std=c++20", "-Wall", "-Werror", TOP / "examples/builder/scale.cpp", *flags("libneuron-kernel"), "-o", folder / "scale", cwd=folder, env=installed())
    equal(run(folder / "scale", env=installed()), "scale: 131072 elements are right\n")


@case("a program in C builds with pkg-config alone, and runs")
def c_program(folder):
    (folder / "open.c").write_text(C_PROGRAM, encoding="utf-8")
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "open.c", *flags("libneuron"), "-o", "open", cwd=folder, env=installed())
    contains(run(folder / "open", env=installed()), "trn2")


@case("the tool assembles")
def tool(folder):
    run(ROOT / "usr/bin/neuronctl", "asm", TOP / "kernels/hello/hello.s", "-o", folder / "hello.nko", env=installed())


@case("the emulator has the device")
def emulator(_):
    contains(run(ROOT / "usr/libexec/neuron-accel/qemu-system-x86_64", "-device", "help", env=installed()), 'name "neuron')


@case("the manual pages have no mistakes")
def pages(_):
    folder = ROOT / "usr/share/man/man3"
    for page in sorted(folder.glob("*.gz")):
        text = subprocess.run(["zcat", page], capture_output=True, check=True).stdout
        if text.startswith(b".so "):
            assert (ROOT / "usr/share/man" / (text.decode().split()[1] + ".gz")).exists(), f"{page.name} leads nowhere"
            continue
        (plain := Path(SCRATCH.name, page.stem)).write_bytes(text)
        equal(run("mandoc", "-T", "lint", "-W", "warning", plain), "", page.name)
        result = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", plain], capture_output=True, check=True, env={**PLAIN, "MANROFFSEQ": ""})
        equal(result.stderr, b"", page.name)


if __name__ == "__main__":
    sys.exit(main())
