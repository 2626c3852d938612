#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A transfer that the IOMMU of the machine refuses, because the driver has unmapped the memory too early: from the kernel's log to the buffer and the
process, in one command."""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from corpus import KernelLog, output
from driver_bugs import buggy
from neuronctl import NEURONCTL, good
from tap import BUILD, case, contains, equal, main

PROGRAM = BUILD / "user/tests/bugs/driver-bug-dma"
REFUSED = re.compile(r"DMAR: .*fault addr (0x[0-9a-f]+)")


@case("the log's line and the address in it name the buffer, and who unmapped it when")
def refused(folder):
    log = KernelLog()
    with buggy("dma-unmapped-early"):
        equal(subprocess.run([PROGRAM]).returncode, 1)
        lines = log.lines()
        found = next((match for line in lines if (match := REFUSED.search(line))), None)
        assert found, lines
        (folder / "log").write_text("\n".join(lines))
        named = good(folder, "decode", "log", "log").out
        contains(named, "the IOMMU refused")
        assert re.search(r"'?pages of a DMA job'?.* pid \d+", named, re.S), named
        contains(good(folder, "addr", found[1], "--space", "bus").out, "pages of a DMA job")
        contains(output(folder, NEURONCTL, "explain"), "use after DMA unmap")


if __name__ == "__main__":
    main()
