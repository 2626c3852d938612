#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the headers, tables and documents that follow from the hardware contract in this folder."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the source tree stays clean, and may be read-only
sys.path.insert(0, str(Path(__file__).resolve().parent))

from specgen.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
