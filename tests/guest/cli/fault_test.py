#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Kernels that fault on the real driver: what is said, and that nobody else notices."""

import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import fault_kernels
from matmul import FILES, expect_pass, prepare
from neuronctl import NEURONCTL, assemble, bad, ctl, good
from tap import BUILD, case, contains, equal, main

sys.path.insert(0, str(BUILD / "spec"))

from neuron_spec import QUEUE_STATUS_WAITING

SIM = ("--backend", "sim", "--sim-hbm", "1G")
TIMEOUT = ("--timeout", "100")
# Keeps core 0 for a while; then ends, or faults.
SLOW = """
    .option ROUNDS, 1000
    .engine sp
    move r1, 0
loop: add r1, r1, 1
    blt r1, ROUNDS, loop
    {last}
    """


def said(result) -> tuple:
    """An error without the one thing that may differ: where the backend put the buffers, and so which are neighbours."""
    error = result.json["error"]
    message = re.sub(r" \(behind [^()]*, the last one\)", " (behind all buffers)", error["message"])
    return result.code, re.sub(r"address 0x[0-9a-f]+", "address X", message), {**error["fault"], "va": 0}


def reference(folder: Path, *shape: int) -> bytes:
    """The inputs, and the result that the oracle agrees with."""
    prepare(folder, *shape)
    result = computes(folder)
    expect_pass(folder)
    return result


def computes(folder: Path, *options: object) -> bytes:
    """Runs the matmul; the bytes of its result, which was not there before."""
    (folder / "C.npy").unlink(missing_ok=True)
    good(folder, "run", *options, "matmul.nko", *FILES)
    return (folder / "C.npy").read_bytes()


def start(folder: Path, *words: object) -> subprocess.Popen:
    return subprocess.Popen([NEURONCTL, *map(str, words)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def register(path: str) -> None:
    @case(f"faults read as on the simulated chip, and a good kernel runs after each ({path})")
    def faults(folder):
        want = reference(folder, 96, 200, 72)
        for text, parts in fault_kernels.FAULTS:
            words = ("run", assemble(folder, text), *fault_kernels.outputs(text))
            on_device = ctl(folder, "--json", *words, "--submit", path)
            equal(said(on_device), said(ctl(folder, "--json", *words, *SIM)), "accel against sim")
            for part in parts:
                contains(on_device.json["error"]["message"], part)
            assert on_device.code == 1 and not (folder / "q.npy").exists()
            assert computes(folder, "--submit", path) == want
        error = bad(folder, 1, parts[0], *words, "--submit", path).err
        equal(error, f"neuronctl: error: {on_device.json['error']['message']}\n", "as text")


for _path in ("uring", "ioctl"):
    register(_path)


def queue_states() -> list[dict]:
    """Every queue of the device: what its registers say."""
    files = list(Path("/sys/kernel/debug/accel").glob("*/queues"))
    assert files, "debugfs shows no device"
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [{key: int(value, 0) for key, value in re.findall(r"(\w+)=(\d\w*)", line)} for line in lines]


def busy() -> bool:
    return any(queue["submitted"] > queue["completed"] for queue in queue_states())


def core_is_awaited() -> bool:
    return any(QUEUE_STATUS_WAITING.get(queue["status"]) for queue in queue_states())


def waits_for_core(folder: Path, rounds: int, last: str) -> tuple:
    """Runs the matmul while another process has the core. Gives whether it had to wait, the other process's status and error."""
    good(folder, "asm", assemble_slow(folder, last), "-D", f"ROUNDS={rounds}")
    other = start(folder, "run", *TIMEOUT, "slow.nko")
    try:
        while not busy() and other.poll() is None:
            time.sleep(0.01)
        waiter = start(folder, "run", *TIMEOUT, "matmul.nko", *FILES)
        waited = False
        while waiter.poll() is None:
            waited = waited or core_is_awaited()
            time.sleep(0.01)
        assert waiter.returncode == 0, waiter.stderr.read()
        return waited, other.wait(timeout=120), other.stderr.read()
    finally:
        other.kill()
        other.communicate()


def assemble_slow(folder: Path, last: str) -> str:
    (folder / "slow.s").write_text(SLOW.format(last=last))
    return "slow.s"


@case("a process whose job waits behind another one's that faults computes the right bits")
def behind_a_fault(folder):
    want = reference(folder, 130, 513, 257)
    for rounds in (20_000_000, 80_000_000, 320_000_000):
        (folder / "C.npy").unlink(missing_ok=True)
        waited, status, error = waits_for_core(folder, rounds, '.raw "ff"')
        assert (folder / "C.npy").read_bytes() == want
        assert status == 1 and "ILLEGAL_INSTRUCTION" in error, (status, error)
        # Then both were in the device together when the other one faulted.
        if waited:
            return
    raise AssertionError("the two jobs never met")


@case("a process that computes all the time stays right while another one faults again and again")
def beside_faults(folder):
    want = reference(folder, 64, 48, 2000)
    text, parts = fault_kernels.FAULTS[-1]
    words = ("run", assemble(folder, text), *fault_kernels.outputs(text))
    faults = 0
    for _ in range(4):
        (folder / "C.npy").unlink(missing_ok=True)
        steady = start(folder, "run", "matmul.nko", *FILES)
        while steady.poll() is None:
            fault = ctl(folder, *words)
            assert fault.code == 1 and parts[0] in fault.err, fault.err
            faults += 1
        out, error = steady.communicate()
        assert steady.returncode == 0 and error == "", error
        contains(out, "OK: matmul ran on")
        assert (folder / "C.npy").read_bytes() == want
    assert faults >= 4, faults


@case("a job that does not end is given up after --timeout, and the next process gets the core")
def endless(folder):
    want = reference(folder, 96, 200, 72)
    kernel = assemble(folder, ".engine sp\nloop: jump loop\n")
    for path in ("uring", "ioctl"):
        bad(folder, 1, "no end after 300 ms (--timeout): the kernel goes on", "run", "--timeout", "0.3", "--submit", path, kernel)
        assert computes(folder, "--submit", path) == want


if __name__ == "__main__":
    sys.exit(main())
