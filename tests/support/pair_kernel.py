# SPDX-License-Identifier: MIT
"""A kernel for a logical core: its two NeuronCores meet at a barrier, swap tiles, and say which cores they are."""

from pathlib import Path

import numpy as np

from neuronctl import assemble, good

SOURCE = """
    .cores 2
    .param X, in, f32, 2, 128, 64
    .param Y, out, f32, 2, 128, 64
    .param ID, out, u32, 2
    .engine sp
    core_rank r1
    core_id r2
    mem_store ID.u32[r1<<2], r2
    xor r3, r1, 1
    mul r4, r1, 128 * 64 * 4
    dma_load sbuf.f32[0:128, 0, 64], X[r4, 128, 64], ring=0 then s0+=1
    nop wait s0>=1
    core_barrier s7
    dma_send sbuf.f32[0:128, 256, 64], sbuf.f32[0:128, 0, 64], r3, s5, ring=1, value=1
    dma_store Y[r4, 128, 64], sbuf.f32[0:128, 256, 64], ring=2 wait s5>=1
    end
"""
FILES = ("pair.nko", "--in", "X=x.npy", "--out", "Y=y.npy", "--out", "ID=id.npy")


def prepare(folder: Path) -> None:
    assemble(folder, SOURCE, "pair")
    np.save(folder / "x.npy", np.random.default_rng(5).standard_normal((2, 128, 64), dtype=np.float32))


def run(folder: Path, *words: object) -> list[int]:
    """Runs it, checks what it did, and gives the numbers of its cores."""
    for name in ("y.npy", "id.npy"):
        (folder / name).unlink(missing_ok=True)
    good(folder, "run", *words, *FILES)
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    assert np.array_equal(y.view(np.uint32), x[::-1].view(np.uint32)), words
    return np.load(folder / "id.npy").tolist()
