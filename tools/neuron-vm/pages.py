#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes what comes of neuron-vm's one parser: pages.py bash|zsh|fish FILE."""

import os
import sys

import shtab

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from neuron_vm import options  # noqa: E402

FILES = {"module": shtab.FILE, "qmp": shtab.FILE}
FOLDERS = ("kernel", "module_source", "out", "share")


def parser():
    """The parser, with what the shell can complete of its values."""
    found = options.parser()
    for action in found._actions:  # argparse has no other way to walk them
        if action.dest in FOLDERS:
            action.complete = shtab.DIRECTORY
        elif action.dest in FILES:
            action.complete = FILES[action.dest]
    return found


def fish():
    """shtab knows no fish."""
    lines = ["# Made from the command line itself; do not edit.", "complete -c neuron-vm -f"]
    for action in parser()._actions:
        for option in action.option_strings:
            kind, name = ("-l", option[2:]) if option.startswith("--") else ("-s", option[1:])
            value = "" if action.nargs == 0 else " -x -a '(__fish_complete_directories)'" if action.dest in FOLDERS else " -r -F" if action.dest in FILES else " -x"
            text = (action.help or "").replace("\\", "\\\\").replace("'", "\\'")
            lines.append(f"complete -c neuron-vm {kind} {name}{value} -d '{text}'")
    return "\n".join(lines) + "\n"


def main():
    kind, path = sys.argv[1:]
    text = fish() if kind == "fish" else shtab.complete(parser(), shell=kind)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
