# SPDX-License-Identifier: MIT
"""Kernels that fault, each with what the error has to say."""

FAULTS = (
    ('.engine sp\nnop\n.raw "ff"\nend', ("ILLEGAL_INSTRUCTION", "SP instruction 1")),
    (".engine pe\nmatmul psum.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8], stop\nend", ("PE instruction 0",)),
    (".engine act\nnop", ("PC_RANGE", "ACT")),
    (".engine dve\nnop wait s0>=1\nend", ("DEADLOCK", "DVE")),
    (".param Q, out, u8, 1\n.engine sp\ndma_store Q[(1 << 40), 1, 1], sbuf.u8[0:1, 0, 1], ring=3\nend",
     ("PAGE_NOT_MAPPED", "ring 3", " that ends at address 0x", ", the last one)")),
)


def outputs(text: str) -> tuple:
    """The words that a kernel of these needs on the command line."""
    return ("--out", "Q=q.npy") if "Q" in text else ()
