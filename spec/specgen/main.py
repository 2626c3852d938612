# SPDX-License-Identifier: MIT
"""Command line of the generator."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import c, check, cpp, markdown, python
from .errors import SpecError
from .load import input_files, load
from .markdown_isa import FOLDER as ISA_FOLDER
from .output import write_if_changed

SPEC_DIR = Path(__file__).resolve().parents[1]
DOCS_DIR = SPEC_DIR.parent / "docs" / "reference"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="generate.py", description="Writes what follows from the hardware contract.")
    parser.add_argument(
        "--spec", type=Path, default=SPEC_DIR, metavar="DIR", help="folder of the contract (default: this one)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the headers, C++ and Python there")
    parser.add_argument(
        "--docs",
        type=Path,
        nargs="?",
        const=DOCS_DIR,
        metavar="DIR",
        help="write the Markdown there (default: docs/reference)",
    )
    parser.add_argument(
        "--check-docs", type=Path, nargs="?", const=DOCS_DIR, metavar="DIR", help="fail if the Markdown there is stale"
    )
    parser.add_argument(
        "--list-inputs", action="store_true", help="print the files that the outputs depend on, and stop"
    )
    return parser.parse_args()


def list_inputs(spec_dir: Path) -> None:
    package = Path(__file__).resolve().parent
    for path in (
        input_files(spec_dir)
        + [SPEC_DIR / "generate.py"]
        + sorted(package.glob("*.py"))
        + sorted((package / "templates").glob("*.in"))
    ):
        print(path)


def leftovers(folder: Path, docs: dict[str, str]) -> list[str]:
    """Pages of instructions that are gone."""
    found = (f"{ISA_FOLDER}/{path.name}" for path in (folder / ISA_FOLDER).glob("*.md"))
    return sorted(name for name in found if name not in docs)


def write_docs(folder: Path, docs: dict[str, str]) -> None:
    for name, text in docs.items():
        write_if_changed(folder / name, text)
    for name in leftovers(folder, docs):
        (folder / name).unlink()


def check_docs(folder: Path, docs: dict[str, str]) -> int:
    stale = [
        name
        for name, text in docs.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    for name in stale:
        print(f"{folder / name}: stale; run spec/generate.py --docs", file=sys.stderr)
    gone = leftovers(folder, docs)
    for name in gone:
        print(f"{folder / name}: there is no such instruction; run spec/generate.py --docs", file=sys.stderr)
    return 1 if stale or gone else 0


def main() -> int:
    options = arguments()
    if options.list_inputs:
        list_inputs(options.spec)
        return 0
    try:
        spec = load(options.spec)
        check.check(spec)
    except SpecError as error:
        for problem in error.problems:
            print(f"{options.spec / problem}", file=sys.stderr)
        return 1
    if options.out:
        for name, text in {**c.emit(spec), **cpp.emit(spec), **python.emit(spec)}.items():
            write_if_changed(options.out / name, text)
    if options.docs:
        write_docs(options.docs, markdown.emit(spec))
    return check_docs(options.check_docs, markdown.emit(spec)) if options.check_docs else 0
