# SPDX-License-Identifier: MIT
"""A kernel that copies a small tensor, or less of it, or more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from neuronctl import assemble

# Loads {bytes} bytes of a tensor of 100.
COPY = """
        .param  X, in, u8, 1, 100
        .param  Y, out, u8, 1, 100
        .engine sp
        dma_load sbuf.u8[0:1, 0, {bytes}], X[0, 1, {bytes}], 0 then s1+=1
        nop wait s1>=1
        dma_store Y[0, 1, 100], sbuf.u8[0:1, 0, 100], 0
        end
"""


def copy_kernel(folder: Path, count: int) -> str:
    """The kernel's file. Its input is x.npy, which has the numbers from 0 to 99."""
    np.save(folder / "x.npy", np.arange(100, dtype=np.uint8).reshape(1, 100))
    return assemble(folder, COPY.format(bytes=count))
