#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Installs manual pages and completions where man and the shells look: install.py BUILT DATADIR MANDIR (meson calls it)."""

import os
import shutil
import sys
from pathlib import Path

PLACES = {"bash/neuronctl": "bash-completion/completions", "zsh/_neuronctl": "zsh/site-functions",
          "fish/neuronctl.fish": "fish/vendor_completions.d"}


def main() -> int:
    built, prefix = Path(sys.argv[1]), Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"])
    files = {built / name: prefix / sys.argv[2] / place for name, place in PLACES.items()}
    files |= {page: prefix / sys.argv[3] / "man1" for page in (built / "man1").iterdir()}
    for source, folder in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / source.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
