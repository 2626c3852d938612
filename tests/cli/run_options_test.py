#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl run --repeat, --check, --tolerance, --timeline, and Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from neuronctl import KERNELS, NEURONCTL, assemble, bad, ctl, good
from tap import case, contains, equal, main

SIM = ("run", "--backend", "sim", "--sim-hbm", "1G")
# T[i] += 1 for a row of floats.
COUNT = """
    .param T, inout, f32, 1, 64
    .engine sp
    dma_load sbuf.f32[0:1, 0, 64], T[0, 1, 64], ring=0 then s0+=1
    dma_store T[0, 1, 64], sbuf.f32[0:1, 256, 64], ring=0 wait s1>=1
    end
    .engine dve
    tensor_scalar sbuf.f32[0:1, 256, 64], sbuf.f32[0:1, 0, 64], add, operand0=1.0 wait s0>=1 then s1+=1
    end
    """
T = ("--in", "T=t.npy")


def count(folder: Path) -> np.ndarray:
    assemble(folder, COUNT)
    t = np.arange(64, dtype=np.float32).reshape(1, 64)
    np.save(folder / "t.npy", t)
    np.save(folder / "want.npy", t + 1)
    return t


@case("--repeat launches so often, each time with the same inputs, and says how long it took")
def repeat(folder):
    t = count(folder)
    answer = good(folder, "--json", *SIM, "k.nko", *T, "--out", "T=o.npy", "--repeat", "5").json
    assert np.array_equal(np.load(folder / "o.npy"), t + 1)
    launches = answer["launches"]
    assert launches["count"] == 5 and 0 < launches["min_ns"] <= launches["median_ns"] <= launches["max_ns"], launches
    equal(good(folder, "--json", *SIM, "k.nko", *T, "--out", "T=o.npy").json["launches"]["count"], 1)
    contains(good(folder, *SIM, "k.nko", *T, "--out", "T=o.npy", "--repeat", "3").out, "(3 launches: median")
    for number in ("0", "-1", "many", "1000001"):
        bad(folder, 2, "--repeat", *SIM, "k.nko", *T, "--out", "T=o.npy", f"--repeat={number}")


@case("--repeat zeroes what chips share before each launch")
def repeat_shared(folder):
    assemble(folder, """
        .param S, inout, u32, 1
        .param A, out, u32, 1
        .engine sp
        mem_load r1, S.u32[0]
        mem_store A.u32[0], r1 then s0+=1
        move r2, 7
        mem_store S.u32[0], r2 wait s0>=1
        end""")
    good(folder, *SIM, "k.nko", "--share", "S", "--out", "A=a.npy", "--repeat", "3")
    equal(int(np.load(folder / "a.npy")[0]), 0)


@case("--check passes on the same bits, and needs no --out")
def check_good(folder):
    count(folder)
    answer = good(folder, "--json", *SIM, "k.nko", *T, "--check", "T=want.npy").json
    equal((answer["checked_elements"], answer["params"][0]["check"]), (64, "want.npy"))
    contains(good(folder, *SIM, "k.nko", *T, "--check", "T=want.npy").out, "64 elements as expected")


@case("--check names the first element that differs with both values, exits with 3, and leaves the output")
def check_bad(folder):
    t = count(folder)
    want = t + 1
    want[0, 17] = 5
    want[0, 40] = 6
    np.save(folder / "want.npy", want)
    bad(folder, 3, "T[0, 17] is 18, want.npy says 5; 2 of 64 elements differ", *SIM, "k.nko", *T, "--check", "T=want.npy")
    error = ctl(folder, "--json", *SIM, "k.nko", *T, "--check", "T=want.npy", "--out", "T=o.npy").json["error"]
    equal((error["code"], error["index"], error["got"], error["want"], error["differ"]), ("mismatch", [0, 17], "18", "5", 2))
    assert np.array_equal(np.load(folder / "o.npy"), t + 1)


@case("--tolerance allows so much, in itself or of the expected value, and NaN for NaN")
def tolerance(folder):
    t = count(folder)
    want = t + 1
    want[0, 0] += 0.01      # 1.01: absolute
    want[0, 63] *= 1.009    # 64 + 0.576: relative
    np.save(folder / "want.npy", want)
    words = (*SIM, "k.nko", *T, "--check", "T=want.npy")
    bad(folder, 3, "T[0, 0] is 1, want.npy says 1.01", *words)
    good(folder, *words, "--tolerance", "0.011")
    bad(folder, 3, "T[0, 0]", *words, "--tolerance", "0.009")
    want[0, 0] = 1
    np.save(folder / "want.npy", want)
    bad(folder, 3, "T[0, 63] is 64", *words, "--tolerance", "0.008")
    good(folder, *words, "--tolerance", "0.009")
    t[0, 5] = np.nan
    want = t + 1
    want[0, 5] = np.uint32(0x7FC00123).view(np.float32)
    np.save(folder / "t.npy", t)
    np.save(folder / "want.npy", want)
    bad(folder, 3, "T[0, 5] is nan (0x7fc00000), want.npy says nan (0x7fc00123)", *words)
    good(folder, *words, "--tolerance", "0")


@case("every element type that array files have is compared by its value")
def types(folder):
    for dtype, array, shown in (("bf16", np.array([0x3F80, 0x4000], np.uint16).view("V2"), ("1", "2")),
                                ("f16", np.array([0.5, -2], np.float16), ("0.5", "-2")), ("i8", np.array([-3, 4], np.int8), ("-3", "4")),
                                ("u8", np.array([200, 4], np.uint8), ("200", "4")), ("i16", np.array([-300, 4], np.int16), ("-300", "4")),
                                ("u16", np.array([40000, 4], np.uint16), ("40000", "4")), ("i32", np.array([-70000, 4], np.int32), ("-70000", "4")),
                                ("u32", np.array([3000000000, 4], np.uint32), ("3000000000", "4"))):
        size = array.dtype.itemsize
        assemble(folder, f".param T, inout, {dtype}, 2\n.engine sp\nend\n")
        np.save(folder / "t.npy", array)
        np.save(folder / "want.npy", array[::-1].copy())
        good(folder, *SIM, "k.nko", *T, "--check", "T=t.npy")
        bad(folder, 3, f"T[0] is {shown[0]}, want.npy says {shown[1]}; 2 of 2", *SIM, "k.nko", *T, "--check", "T=want.npy")
        assert size in (1, 2, 4)


@case("wrong --check and --tolerance are refused before a device is opened")
def check_arguments(folder):
    count(folder)
    np.save(folder / "s.npy", np.zeros(64, np.float32))
    words = (*SIM, "k.nko", *T, "--out", "T=o.npy")
    bad(folder, 2, "T: s.npy is f32 [64], kernel k wants f32 [1, 64]", *words, "--check", "T=s.npy")
    bad(folder, 2, "T: no.npy: cannot open", *words, "--check", "T=no.npy")
    bad(folder, 2, "--check T is given twice", *words, "--check", "T=want.npy", "--check", "T=want.npy")
    bad(folder, 2, "kernel k has no parameter 'Q'", *words, "--check", "Q=want.npy")
    bad(folder, 2, "--check T: expected NAME=FILE.npy", *words, "--check", "T")
    bad(folder, 2, "--tolerance is for --check", *words, "--tolerance", "1")
    for text in ("-1", "x"):
        bad(folder, 2, "--tolerance", *words, "--check", "T=want.npy", f"--tolerance={text}")
    good(folder, "asm", KERNELS / "hello/hello.s")
    bad(folder, 2, "--check X: 'X' is an input of kernel hello", *SIM, "hello.nko", "--check", "X=t.npy")
    assert not (folder / "o.npy").exists()


@case("--timeline holds each instruction of each engine by the device's clock, and the host's steps")
def timeline(folder):
    count(folder)
    good(folder, *SIM, "k.nko", *T, "--check", "T=want.npy", "--timeline", "t.json", "--repeat", "2")
    trace = json.loads((folder / "t.json").read_text())
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    names = {(event["pid"], event["tid"]): event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "thread_name"}
    by_thread = {}
    for event in events:
        by_thread.setdefault(names[event["pid"], event["tid"]], []).append(event)
    equal([event["name"] for event in by_thread["core 0 DVE"]], ["tensor_scalar", "end"])
    equal([event["name"] for event in by_thread["core 0 SP"]], ["dma_load", "dma_store", "end"])
    equal([event["name"] for event in by_thread["core 0 DMA ring 0"]], ["dma_load", "dma_store"])
    equal([event["name"] for event in by_thread["steps"]],
          ["open", "load", "upload", "launch 1", "launch 2", "execute", "download", "write"])
    contains(by_thread["core 0 DVE"][0]["args"]["text"], "tensor_scalar sbuf.f32[0:1, 256, 64]")
    # What the device did lies within the launch that the host saw, but for the error of setting the clocks.
    launch, seen = by_thread["launch"][0], by_thread["steps"][4]
    slack = 2000
    assert seen["ts"] - slack <= launch["ts"] and launch["ts"] + launch["dur"] <= seen["ts"] + seen["dur"] + slack, (launch, seen)
    for event in by_thread["core 0 DVE"]:
        assert event["args"]["device_start_ns"] <= event["args"]["device_end_ns"] and event["dur"] >= 0
    load, add, store = by_thread["core 0 DMA ring 0"][0], by_thread["core 0 DVE"][0], by_thread["core 0 DMA ring 0"][1]
    assert load["args"]["device_end_ns"] <= add["args"]["device_end_ns"] <= store["args"]["device_end_ns"]


@case("a timeline of several cores and chips has them all")
def timeline_many(folder):
    assemble(folder, ".cores 2\n.engine sp\nnop\nend\n")
    good(folder, *SIM, "--sim-chips", "2", "k.nko", "--timeline", "t.json")
    trace = json.loads((folder / "t.json").read_text())
    threads = [(event["pid"], event["args"]["name"]) for event in trace["traceEvents"] if event["name"] == "thread_name"]
    for chip in (1, 2):
        for core in (0, 1):
            assert (chip, f"core {core} SP") in threads, threads
    bad(folder, 2, "no/t.json: cannot write", *SIM, "k.nko", "--timeline", "no/t.json")


@case("Ctrl-C stops a run: exit code 130, one line, no output file")
def interrupt(folder):
    assemble(folder, ".param A, out, u32, 1\n.engine sp\nloop: jump loop\n")
    for number in (signal.SIGINT, signal.SIGTERM):
        for words in ((), ("--json",)):
            run = subprocess.Popen([NEURONCTL, *words, *SIM, "--timeout", "0", "k.nko", "--out", "A=a.npy", "--timeline", "/dev/null"],
                                   cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            # It is caught from the start of the command; before that the process ends by the signal, as ever.
            while not catches(run.pid):
                assert run.poll() is None
            run.send_signal(number)
            out, err = run.communicate(timeout=60)
            equal(run.returncode, 130)
            if words:
                equal((json.loads(out)["error"]["code"], err), ("interrupted", ""))
            else:
                equal((out, err), ("", "neuronctl: error: interrupted\n"))
    assert not (folder / "a.npy").exists()


def catches(pid: int) -> bool:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (signal.SIGINT - 1) & 1)


def on_terminal(folder: Path, *words: object, **environment: str) -> str:
    """What a terminal gets to see."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(NEURONCTL, [str(NEURONCTL), *map(str, words)], {**os.environ, "TERM": "xterm", **environment})
    seen = b""
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:  # its other side is closed
        pass
    os.close(terminal)
    os.waitpid(pid, 0)
    return seen.decode()


@case("colours and progress are for terminals, and NO_COLOR is honoured")
def colours(folder):
    count(folder)
    words = (*SIM, "k.nko", *T, "--check", "T=want.npy", "--repeat", "300")
    assert "\033" not in (result := good(folder, *words)).out and result.err == ""
    seen = on_terminal(folder, *words)
    contains(seen, "\033[32mOK:\033[0m")
    contains(seen, "\r\033[Klaunch ")
    plain = on_terminal(folder, *words, NO_COLOR="1")
    assert "\033[32m" not in plain and "OK: k ran" in plain, plain


if __name__ == "__main__":
    sys.exit(main())
