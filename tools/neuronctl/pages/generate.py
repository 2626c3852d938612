#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes manual pages and completions from what the parser of neuronctl knows.

  generate.py COMMANDS.json --out FOLDER --date YYYY-MM-DD

COMMANDS.json is what `neuronctl-describe` prints. FOLDER gets man1/, bash/neuronctl, zsh/_neuronctl, fish/neuronctl.fish.
"""

import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bash
import fish
import man
import zsh
from model import load


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--date", required=True)
    options = parser.parse_args()
    program = load(json.loads(options.commands.read_text()))
    files = {f"man1/{name}": text for name, text in man.pages(program, options.date).items()}
    files |= {"bash/neuronctl": bash.completion(program), "zsh/_neuronctl": zsh.completion(program),
              "fish/neuronctl.fish": fish.completion(program)}
    for name, text in files.items():
        path = options.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    # A page of a command that is gone must not be installed.
    for path in (options.out / "man1").iterdir():
        if f"man1/{path.name}" not in files:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
