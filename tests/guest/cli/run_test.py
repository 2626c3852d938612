#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl run on the real driver: the same bits as the oracle and the chip in the process, on both ways in."""

import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import pair_kernel
from matmul import FILES, expect_pass, prepare
from neuronctl import assemble, bad, good
from tap import case, contains, equal, main

SIM = ("--backend", "sim", "--sim-hbm", "1G")
PATHS = ("uring", "ioctl", "doorbell")
SHAPES = {
    (128, 128, 128): "one whole tile",
    (96, 200, 72): "K is not a multiple of the PE array",
    (130, 513, 257): "a tail along every dimension",
    (64, 48, 2000): "accumulating over many tiles of K",
}
IO_URING = Path("/proc/sys/kernel/io_uring_disabled")
FALLBACK = "no io_uring: it is forbidden here (sysctl kernel.io_uring_disabled, or a sandbox)"


@contextmanager
def no_io_uring():
    before = IO_URING.read_text()
    IO_URING.write_text("2")
    try:
        yield
    finally:
        IO_URING.write_text(before)


def run(folder: Path, *options: object) -> bytes:
    """The bytes of C, which was not there before."""
    result = folder / "C.npy"
    result.unlink(missing_ok=True)
    good(folder, "run", *options, "matmul.nko", *FILES)
    return result.read_bytes()


def register(shape: tuple, what: str) -> None:
    @case(f"matmul {'x'.join(map(str, shape))} by every way in equals oracle and sim to the bit: {what}")
    def compute(folder):
        prepare(folder, *shape)
        sim = run(folder, *SIM)
        for path in PATHS:
            assert run(folder, "--submit", path) == sim, f"{path} and sim differ"
            expect_pass(folder)


for _shape, _what in SHAPES.items():
    register(_shape, _what)


@case("a kernel and tensors in host memory give the same bits as in HBM")
def host_memory(folder):
    prepare(folder, 130, 70, 300)
    assert run(folder, "--placement", "host") == run(folder, "--placement", "hbm")
    expect_pass(folder)


@case("a logical core is the pair of NeuronCores that it is on the simulated chip")
def logical_cores(folder):
    pair_kernel.prepare(folder)
    for index in range(4):
        equal(pair_kernel.run(folder, "--logical-core", index), [2 * index, 2 * index + 1])
    equal(pair_kernel.run(folder, "--lnc", 2, "--placement", "host"), [0, 1])
    bad(folder, 2, "logical core 4: /dev/accel/accel0 has 4 of 2 cores", "run", "--logical-core", "4",
        *pair_kernel.FILES)


@case("--submit decides how jobs enter the kernel, and io_uring is the default")
def submit_paths(folder):
    kernel = assemble(folder, ".engine sp\nend\n")
    for words, path in (((), "uring"), (("--submit", "uring"), "uring"), (("--submit", "ioctl"), "ioctl"),
                        (("--submit", "doorbell"), "doorbell")):
        result = good(folder, "--json", "run", *words, kernel)
        equal((result.json["submit_path"], result.err), (path, ""), str(words))


@case("with io_uring disabled jobs go through ioctls with the same bits, and the reason is said once")
def falls_back(folder):
    prepare(folder, 96, 200, 72)
    usual = run(folder)
    with no_io_uring():
        result = good(folder, "run", "matmul.nko", *FILES)
        assert (folder / "C.npy").read_bytes() == usual
        equal(result.err, f"neuronctl: warning: {FALLBACK}; jobs go through ioctls\n")
        equal([line.split() for line in result.out.splitlines() if line.startswith("submit")], [["submit", "ioctl"]])
        equal(good(folder, "run", "--submit", "ioctl", "matmul.nko", *FILES).err, "", "whoever asked for ioctls")
        bad(folder, 1, FALLBACK, "run", "--submit", "uring", "matmul.nko", *FILES)


if __name__ == "__main__":
    sys.exit(main())
