#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Help, manual pages and completions: they come from one description, and say the same."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from completion import PAGES, SHELLS
from neuronctl import good
from tap import TOP, case, equal, main

# What CLI11 prints of an option and of a command: two spaces, the name, spaces, the text.
OPTION = re.compile(r"^  ((?:-\w,|--[\w-]+,)?--[\w-]+|-\w)(?: .*)?$", re.M)
COMMAND = re.compile(r"^  ([a-z]+) +\S", re.M)


def help_of(folder: Path, words: str) -> str:
    return good(folder, *words.split(), "--help").out.split("Examples:")[0]


def commands(folder: Path, words: str = "") -> list[str]:
    """Every command that --help leads to, groups among them."""
    text = help_of(folder, words)
    names = COMMAND.findall(text.split("Subcommands:")[1]) if "Subcommands:" in text else []
    found = [f"{words} {name}".strip() for name in names]
    return found + [deeper for name in found for deeper in commands(folder, name)]


def options(folder: Path, words: str) -> set[str]:
    return {name for names in OPTION.findall(help_of(folder, words)) for name in names.split(",")}


def page(words: str) -> str:
    name = "-".join(["neuronctl", *words.split()[:1]])
    return (PAGES / f"man1/{name}.1").read_text().replace("\\-", "-")


@case("there are commands, and each has a manual page, as the program has")
def every_command(folder):
    found = commands(folder)
    assert {"run", "asm", "disasm", "devices", "info"} <= set(found), found
    pages = {path.name for path in (PAGES / "man1").iterdir()}
    equal(pages, {"neuronctl.1"} | {f"neuronctl-{words.split()[0]}.1" for words in found})


@case("what --help lists is in the manual page, in both directions")
def help_and_pages(folder):
    for words in ["", *commands(folder)]:
        shown, text = options(folder, words), page(words)
        if "Subcommands:" in help_of(folder, words) and words:
            continue  # its options are those of its commands
        if " " in words:
            section = text.split(f".SH {words.upper()}\n")[1].split("\n.SH ")[0]
        else:
            section = text.split(".SH OPTIONS")[1].split("\n.SH ")[0]
        listed = set(re.findall(r"\\fB(--?[\w-]+)\\fR", section))
        equal(listed, shown, f"neuronctl {words}")


@case("what --help lists is what each shell offers, in both directions")
def help_and_completions(folder):
    for shell in ("bash", "fish"):
        for words in ["", *commands(folder)]:
            line = f"neuronctl {words}".strip()
            equal({name for name in SHELLS[shell](folder, f"{line} --")} - ({"--json"} if words else set()),
                  {name for name in options(folder, words) if name.startswith("--")}, f"{shell}: {line}")


@case("zsh offers the options and commands that --help lists")
def help_and_zsh(folder):
    for words in ["", *commands(folder)]:
        line = f"neuronctl {words}".strip()
        offers = SHELLS["zsh"](folder, f"{line} --")
        shown = {name for name in options(folder, words) if name.startswith("--")}
        missing = shown - {offer.rstrip("=") for offer in offers}
        assert not missing, f"zsh: {line}: lacks {missing}, has {offers}"


def register(shell: str) -> None:
    @case(f"{shell} completes commands, options, choices and files")
    def completes(folder):
        if shutil.which(shell) is None:
            raise AssertionError(f"{shell} is not installed (tools/build/deps.sh test)")
        (folder / "k.nko").touch()
        (folder / "x.npy").touch()
        (folder / "other.txt").touch()
        offers = SHELLS[shell]
        for line, want, without in (("neuronctl dis", {"disasm"}, {"run"}),
                                    ("neuronctl --json dis", {"disasm"}, {"run"}),
                                    ("neuronctl run --submit ", {"auto", "uring", "ioctl", "doorbell"}, {"k.nko"}),
                                    ("neuronctl run --backend s", {"sim"}, {"accel"}),
                                    ("neuronctl run --sim-profile trn", {"trn1", "trn2", "trn3"}, {"inf2"}),
                                    ("neuronctl run k", {"k.nko"}, {"x.npy"}),
                                    # fish lists other files, too, behind these
                                    ("neuronctl run ", {"k.nko"}, {"run"} if shell == "fish" else {"other.txt", "run"}),
                                    ("neuronctl run k.nko --timeout 5 --plac", {"--placement"}, {"--submit"})):
            got = set(offers(folder, line))
            assert want <= got and not without & got, f"{line!r}: {got}"
        got = [offer.removeprefix("X=") for offer in offers(folder, "neuronctl run k.nko --in X=x")]
        equal(got, ["x.npy"])


for _shell in SHELLS:
    register(_shell)


@case("manual pages have no warnings")
def clean_pages(folder):
    for path in sorted((PAGES / "man1").iterdir()):
        for command in (["mandoc", "-Tlint", "-Wwarning", path], ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path]):
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            complaints = run.stderr + (run.stdout if command[0] == "mandoc" else "")
            assert run.returncode == 0 and not complaints, f"{path.name}: {complaints}"


@case("exit codes are the same in help, manual page and reference")
def exit_codes(folder):
    shown = " ".join(good(folder, "--help").out.split()).split("Exit codes: ")[1]
    reference = (TOP / "docs/reference/neuronctl.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", reference.split("## Exit codes")[1].split("\n## ")[0], re.M)
    assert len(rows) >= 5, rows
    assert shown.startswith("; ".join(f"{code} {words}" for code, words in rows) + "."), (shown, rows)
    section = page("").split(".SH EXIT STATUS\n")[1].split(".SH ")[0]
    equal(section, "".join(f".TP\n\\fB{code}\\fR\n{words[0].upper()}{words[1:]}.\n" for code, words in rows))


@case("the reference tells of every command")
def reference(folder):
    text = (TOP / "docs/reference/neuronctl.md").read_text()
    for words in commands(folder):
        assert f"`{words}" in text, words


if __name__ == "__main__":
    sys.exit(main())
