#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What one process leaves in the cores' on-chip memory, another one does not find there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import numpy as np
from neuronctl import assemble, bad, good
from tap import case, main

SECRET = 0x5EC4E75A
OUT = ("--out", "S=s.npy", "--out", "P=p.npy")
# Both memories of core 0: whole partitions, in rows that a step reaches.
FILL = """
        .engine dve
loop:   memset sbuf.u32[0:128, 0, {rows}, 4096], u32:{secret}
        memset psum.u32[0:128, 0, {psum}], u32:{secret} then s0+=1
        {last}
        end
"""
LOOK = """
        .param  S, out, u32, 128, {sbuf}
        .param  P, out, u32, 128, {psum}
        .engine sp
        dma_store S[0, 128, {rows}, 4096], sbuf.u32[0:128, 0, {rows}, 4096], 0 {wait}
        dma_store P[0, 128, {psum}], psum.u32[0:128, 0, {psum}], 1
        end
"""


def kernel(folder: Path, name: str, text: str, wait: str = "", last: str = "") -> str:
    device = good(folder, "--json", "info").json["device"]
    sbuf, psum = device["sbuf_bytes"] // 4, device["psum_bytes"] // 4
    assert sbuf % 4096 == 0 and psum <= 4096, device
    return assemble(folder, text.format(sbuf=sbuf, psum=psum, rows=sbuf // 4096, secret=SECRET, wait=wait, last=last), name)


def found(folder: Path) -> set:
    """Every word of both memories, as the last run saw them."""
    words = set()
    for file in (folder / "s.npy", folder / "p.npy"):
        words |= set(np.unique(np.load(file)).tolist())
        file.unlink()
    return words


@case("a process does not find what another one left in SBUF and PSUM")
def left_behind(folder):
    both = kernel(folder, "both", LOOK + FILL, "wait s0>=1")
    fill, look = kernel(folder, "fill", FILL), kernel(folder, "look", LOOK)
    good(folder, "run", both, *OUT)
    assert found(folder) == {SECRET}  # so it is there to be found
    for path in ("uring", "ioctl"):
        good(folder, "run", fill, "--submit", path)
        good(folder, "run", look, *OUT, "--submit", path)
        assert found(folder) == {0}, path


@case("nor what one left that was stopped in the middle")
def stopped(folder):
    endless, look = kernel(folder, "endless", FILL, last="jump loop"), kernel(folder, "look", LOOK)
    for path in ("uring", "ioctl"):
        bad(folder, 1, "no end after 500 ms (--timeout): the kernel goes on", "run", "--timeout", "0.5", "--submit", path, endless)
        good(folder, "run", look, *OUT, "--submit", path)
        assert found(folder) == {0}, path


if __name__ == "__main__":
    sys.exit(main())
