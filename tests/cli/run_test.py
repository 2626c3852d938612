#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl run on the chip in the process: what works, and every input that must be refused before a device is opened."""

import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import fault_kernels
from neuronctl import KERNELS, assemble, bad, ctl, good
from tap import case, main

SIM = ("run", "--backend", "sim", "--sim-hbm", "1G")
X_SHAPE = (128, 512)


def hello(folder: Path) -> np.ndarray:
    """Assembles the kernel and writes its input."""
    good(folder, "asm", KERNELS / "hello/hello.s")
    x = np.random.default_rng(3).standard_normal(X_SHAPE, dtype=np.float32)
    np.save(folder / "x.npy", x)
    return x


def bf16(x: np.ndarray) -> np.ndarray:
    bits = x.view(np.uint32)
    return ((bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16).astype(np.uint16)


@case("hello converts a tensor, and the output file is what NumPy computes")
def hello_runs(folder):
    x = hello(folder)
    result = good(folder, *SIM, "hello.nko", "--in", "X=x.npy", "--out", "Y=y.npy")
    y = np.load(folder / "y.npy")
    assert y.dtype == np.dtype("V2") and y.shape == X_SHAPE
    assert np.array_equal(y.view(np.uint16), bf16(x))
    for part in ("sim: trn2", "f32 [128, 512]", "x.npy", "upload", "256.0 KiB", "execute", "OK: hello ran on sim in"):
        assert part in result.out, (part, result.out)


@case("the same bits come out of the stepped mode, any seed, any placement and thread count")
def same_bits(folder):
    hello(folder)
    outputs = set()
    for options in ((), ("--sim-stepped", "--sim-seed", "7"), ("--sim-threads", "1"), ("--placement", "host"),
                    ("--sim-simd", "scalar"),
                    ("--sim-profile", "inf2")):
        good(folder, *SIM, *options, "hello.nko", "--in", "X=x.npy", "--out", "Y=y.npy")
        outputs.add((folder / "y.npy").read_bytes())
    assert len(outputs) == 1


@case("--json names device, tensors, steps and bytes")
def json_result(folder):
    hello(folder)
    answer = good(folder, "--json", *SIM, "hello.nko", "--in", "X=x.npy", "--out", "Y=y.npy").json
    assert answer["schema"] == "neuronctl/1" and answer["command"] == "run" and answer["ok"] is True
    assert answer["device"]["backend"] == "sim" and answer["device"]["hbm_bytes"] == 1 << 30
    assert [step["name"] for step in answer["steps"]] == ["open", "load", "upload", "execute", "download", "write"]
    assert answer["steps"][2]["bytes"] == 128 * 512 * 4
    assert answer["params"][1] == {"name": "Y", "kind": "out", "dtype": "bf16", "shape": [128, 512],
                                   "bytes": 128 * 512 * 2, "out": "y.npy"}


@case("inout tensors are read and written, scalars reach the kernel")
def inout_and_scalar(folder):
    # Moves T down by n bytes: T[0] = T[n].
    assemble(folder, """
        .param T, inout, u8, 1, 64
        .param n, scalar
        .engine sp
        load_arg r1, n
        dma_load sbuf.u8[0:1, 0, 8], T[r1, 1, 8], ring=0 then s0+=1
        dma_store T[0, 1, 8], sbuf.u8[0:1, 0, 8], ring=0 wait s0>=1
        end""")
    np.save(folder / "t.npy", np.arange(64, dtype=np.uint8).reshape(1, 64))
    good(folder, *SIM, "k.nko", "--in", "T=t.npy", "--out", "T=t.npy", "--scalar", "n=0x10")
    assert np.load(folder / "t.npy")[0, :9].tolist() == [16, 17, 18, 19, 20, 21, 22, 23, 8]


@case("a tensor of the wrong shape or type is refused with both sides named")
def wrong_tensor(folder):
    hello(folder)
    words = (*SIM, "hello.nko", "--out", "Y=y.npy", "--in")
    np.save(folder / "s.npy", np.zeros((512, 128), np.float32))
    bad(folder, 2, "X: s.npy is f32 [512, 128], kernel hello wants f32 [128, 512]", *words, "X=s.npy")
    np.save(folder / "t.npy", np.zeros(X_SHAPE, np.float16))
    bad(folder, 2, "X: t.npy is f16 [128, 512], kernel hello wants f32 [128, 512]", *words, "X=t.npy")
    np.save(folder / "r.npy", np.zeros(128 * 512, np.float32))
    bad(folder, 2, "X: r.npy is f32 [65536], kernel hello wants", *words, "X=r.npy")
    assert not (folder / "y.npy").exists()


@case("array files that NumPy writes but the chip has no use for are refused")
def unusable_arrays(folder):
    hello(folder)
    words = (*SIM, "hello.nko", "--out", "Y=y.npy", "--in", "X=z.npy")
    for array, message in ((np.zeros(X_SHAPE), "element type '<f8' is not supported"),
                           (np.zeros(X_SHAPE, ">f4"), "big-endian elements ('>f4')"),
                           (np.zeros(X_SHAPE, np.float32, order="F"), "Fortran order"),
                           (np.zeros(X_SHAPE, "i4,i4"), "structured elements")):
        np.save(folder / "z.npy", array)
        bad(folder, 2, f"X: z.npy: {message}", *words)
    np.savez(folder / "z.npz", array)
    os.rename(folder / "z.npz", folder / "z.npy")
    bad(folder, 2, "X: z.npy: not a NumPy array file (wrong magic)", *words)
    (folder / "z.npy").write_bytes((folder / "x.npy").read_bytes()[:-1])
    bad(folder, 2, "X: z.npy: truncated", *words)
    os.unlink(folder / "z.npy")
    bad(folder, 2, "X: z.npy: cannot open: No such file or directory", *words)


@case("missing, unknown, repeated and misplaced arguments are named")
def wrong_arguments(folder):
    hello(folder)
    words = (*SIM, "hello.nko")
    x, y = ("--in", "X=x.npy"), ("--out", "Y=y.npy")
    bad(folder, 2, "kernel hello needs --in X=FILE.npy, f32 [128, 512]", *words, *y)
    bad(folder, 2, "kernel hello needs --out Y=FILE.npy", *words, *x)
    bad(folder, 2, "kernel hello has no parameter 'Z'; it has X (in), Y (out)", *words, *x, *y, "--in", "Z=x.npy")
    bad(folder, 2, "--in X is given twice", *words, *x, *x, *y)
    bad(folder, 2, "--out Y is given twice", *words, *x, *y, "--out", "Y=z.npy")
    bad(folder, 2, "--in Y: 'Y' is an output of kernel hello", *words, *x, *y, "--in", "Y=x.npy")
    bad(folder, 2, "--out X: 'X' is an input of kernel hello", *words, *x, *y, "--out", "X=z.npy")
    bad(folder, 2, "--scalar X: 'X' is an input", *words, *x, *y, "--scalar", "X=1")
    for text in ("X", "=x.npy", "X="):
        bad(folder, 2, f"--in {text}: expected NAME=FILE.npy", *words, *y, "--in", text)
    assert not (folder / "y.npy").exists()


@case("--cores names as many cores as the chip has, at least one")
def cores(folder):
    hello(folder)
    arguments = ("hello.nko", "--in", "X=x.npy", "--out", "Y=y.npy")
    bad(folder, 2, "--cores 3: sim has 2 cores", *SIM, "--sim-cores", "2", "--cores", "3", *arguments)
    bad(folder, 2, "--cores: Value 0 not in range 1 to 32", *SIM, "--cores", "0", *arguments)
    assert not (folder / "y.npy").exists()
    good(folder, *SIM, "--sim-cores", "2", "--cores", "2", *arguments)


@case("a kernel that says how many cores it is for gets so many, and no other number")
def kernel_cores(folder):
    source = ".cores 2\n.param A, out, u32, 1\n.engine sp\ncore_count r1\nmem_store A.u32[0], r1\nend\n"
    assemble(folder, source)
    good(folder, *SIM, "k.nko", "--out", "A=a.npy")
    assert np.load(folder / "a.npy")[0] == 2
    good(folder, *SIM, "--cores", "2", "k.nko", "--out", "A=a.npy")
    bad(folder, 1, "k.nko: is for 2 cores, the launch names 3", *SIM, "--cores", "3", "k.nko", "--out", "A=b.npy")
    bad(folder, 1, "k.nko: needs 2 cores, sim has 1", *SIM, "--sim-cores", "1", "k.nko", "--out", "A=b.npy")
    assert not (folder / "b.npy").exists()


@case("scalars must be 64-bit integers, given once")
def wrong_scalars(folder):
    assemble(folder, ".param n, scalar\n.engine sp\nend\n")
    for text in ("1.5", "abc", "0x", "18446744073709551616", "-9223372036854775809"):
        bad(folder, 2, f"--scalar n: '{text}' is not a 64-bit integer", *SIM, "k.nko", "--scalar", f"n={text}")
    bad(folder, 2, "--scalar n is given twice", *SIM, "k.nko", "--scalar", "n=1", "--scalar", "n=1")
    bad(folder, 2, "kernel k needs --scalar n=NUMBER", *SIM, "k.nko")
    for text in ("-1", "18446744073709551615", "0xffffffffffffffff", "-9223372036854775808"):
        good(folder, *SIM, "k.nko", "--scalar", f"n={text}")


@case("outputs that cannot be written are refused before the run")
def wrong_outputs(folder):
    hello(folder)
    words = (*SIM, "hello.nko", "--in", "X=x.npy", "--out")
    bad(folder, 2, "no/y.npy: cannot write: No such file or directory", *words, "Y=no/y.npy")
    bad(folder, 2, f"{folder}: cannot write: Is a directory", *words, f"Y={folder}")
    assemble(folder, ".param A, out, u8, 1\n.param B, out, u8, 1\n.engine sp\nend\n")
    bad(folder, 2, "'A' and 'B' would both be written to ./c.npy", *SIM, "k.nko", "--out", "A=c.npy", "--out", "B=./c.npy")


@case("a kernel of another format or ISA version is refused")
def wrong_kernels(folder):
    hello(folder)
    arguments = ("--in", "X=x.npy", "--out", "Y=y.npy")
    bad(folder, 2, "x.npy: not an ELF file (wrong magic)", *SIM, "x.npy", *arguments)
    bad(folder, 2, "nope.nko", *SIM, "nope.nko", *arguments)
    image = bytearray((folder / "hello.nko").read_bytes())
    note = image.index(b"Neuron\0\0") + 8
    image[note:note + 4] = (9 << 16).to_bytes(4, "little")
    (folder / "v9.nko").write_bytes(image)
    bad(folder, 2, "v9.nko: made for ISA version 9.0, this library speaks", *SIM, "v9.nko", *arguments)


@case("a fault names job, engine, instruction and reason, and leaves no output")
def faults(folder):
    for text, parts in fault_kernels.FAULTS:
        assemble(folder, text)
        out = fault_kernels.outputs(text)
        for part in parts:
            bad(folder, 1, part, *SIM, "k.nko", *out)
        answer = ctl(folder, "--json", *SIM, "k.nko", *out).json["error"]
        assert answer["code"] == "device_fault" and answer["fault"]["job"] >= 1, answer
        assert not (folder / "q.npy").exists()


@case("a run that does not end is given up after --timeout")
def timeouts(folder):
    assemble(folder, ".engine sp\nloop: jump loop\n")
    bad(folder, 1, "no end after 200 ms (--timeout): the kernel goes on", *SIM, "--timeout", "0.2", "k.nko")
    assert ctl(folder, "--json", *SIM, "--timeout", "0.2", "k.nko").json["error"]["code"] == "timeout"


if __name__ == "__main__":
    sys.exit(main())
