#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The JSON Schema itself. That all commands fit it is asserted wherever a test reads their JSON (support/schema.py)."""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import jsonschema
import schema
from neuronctl import NEURONCTL, good
from tap import case, equal, main


def commands(folder: Path, words: str = "") -> list[str]:
    """Those that do something: groups only have some."""
    text = good(folder, *words.split(), "--help").out.split("Examples:")[0]
    if "Subcommands:" not in text:
        return [words]
    names = re.findall(r"^  ([a-z]+) +\S", text.split("Subcommands:")[1], re.M)
    return [leaf for name in names for leaf in commands(folder, f"{words} {name}".strip())]


@case("the schema is a valid schema, and names its version in the file's name")
def valid(folder):
    jsonschema.Draft202012Validator.check_schema(schema.SCHEMA)
    equal(schema.SCHEMA["title"].replace("/", "-") + ".schema.json", schema.FILE.name)


@case("it has a definition for each command, and no others")
def complete(folder):
    leaves = commands(folder)
    named = {entry["if"]["properties"]["command"]["const"]: entry["then"]["$ref"] for entry in schema.SCHEMA["else"]["allOf"]}
    equal(named, {words: f"#/$defs/{schema.definition(words)}" for words in leaves})
    assert all(schema.definition(words) in schema.SCHEMA["$defs"] for words in leaves)


@case("an answer that lacks, adds or mistypes a member does not pass")
def strict(folder):
    answer = good(folder, "--json", "info", "--backend", "sim").json
    for spoil in (lambda a: a["device"].pop("cores"), lambda a: a["device"].update(extra=1), lambda a: a.update(ok=0),
                  lambda a: a["device"].update(cores="8"), lambda a: a.update(schema="neuronctl/2"), lambda a: a.update(ok=False)):
        broken = {**answer, "device": dict(answer["device"])}
        spoil(broken)
        try:
            schema.validate(broken)
        except jsonschema.ValidationError:
            continue
        raise AssertionError(f"passed: {broken}")


@case("standard output that cannot be written is an error, not a success")
def full(folder):
    with open("/dev/full", "w") as sink:
        run = subprocess.run([NEURONCTL, "--json", "info", "--backend", "sim"], stdout=sink, stderr=subprocess.PIPE, text=True, check=False)
    equal((run.returncode, run.stderr), (1, "neuronctl: error: cannot write to standard output\n"))


@case("errors are one line, with cause and hint")
def one_line(folder):
    run = subprocess.run([NEURONCTL, "frobnicate"], capture_output=True, text=True, check=False)
    equal(run.stderr, "neuronctl: error: unknown command 'frobnicate'; try 'neuronctl --help'\n")
    run = subprocess.run([NEURONCTL, "info", "--device", "accel77"], capture_output=True, text=True, check=False)
    equal(run.stderr.count("\n"), 1)
    assert run.stderr.endswith("; 'neuronctl doctor' looks for the reason\n"), run.stderr


if __name__ == "__main__":
    sys.exit(main())
