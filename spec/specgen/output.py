# SPDX-License-Identifier: MIT
"""Writes results, and leaves alone what has not changed so that nothing is rebuilt for it."""

import os
from pathlib import Path


def write_if_changed(path: Path, text: str) -> bool:
    """True if the file was written. The file appears whole or not at all."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except (OSError, UnicodeDecodeError):
        pass  # absent or damaged: write it
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return True
