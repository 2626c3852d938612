# SPDX-License-Identifier: MIT
"""The command line as objects."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Option:
    names: list[str]
    positional: str
    flag: bool
    description: str
    default: str
    required: bool
    repeatable: bool
    group: str
    type: str = ""
    choices: list[str] = field(default_factory=list)
    limits: str = ""

    @property
    def value(self) -> str:
        """What stands for the value in a text."""
        return "|".join(self.choices) if self.choices and len(self.choices) <= 5 else self.type

    @property
    def extensions(self) -> list[str]:
        """Of a file that the value names: [] any file, None no file."""
        if "FILE" not in self.type and self.type != "FOLDER":
            return None
        return re.findall(r"\.(\w+)", self.type)

    @property
    def folder(self) -> bool:
        return self.type == "FOLDER"

    @property
    def named_file(self) -> bool:
        """NAME=FILE"""
        return "=FILE" in self.type

    @property
    def device(self) -> bool:
        return self.type == "DEVICE"


@dataclass
class Command:
    name: str
    words: str
    description: str
    footer: str
    options: list[Option]
    commands: list[Command]

    @property
    def positionals(self) -> list[Option]:
        return [option for option in self.options if option.positional]

    @property
    def named(self) -> list[Option]:
        return [option for option in self.options if not option.positional]

    def leaves(self) -> list[Command]:
        """Itself, or the commands that it groups."""
        return [leaf for command in self.commands for leaf in command.leaves()] if self.commands else [self]

    def everything(self) -> list[Command]:
        return [self] + [each for command in self.commands for each in command.everything()]

    def examples_and_notes(self) -> tuple[list[str], list[str]]:
        """The footer's two parts: lines of examples, and paragraphs."""
        blocks = [block for block in self.footer.strip("\n").split("\n\n") if block.strip()]
        examples = [line for block in blocks if block.startswith("Examples:") for line in block.splitlines()[1:]]
        return examples, [block for block in blocks if not block.startswith("Examples:")]


@dataclass
class Program(Command):
    version: str = ""
    exit_codes: list[dict] = field(default_factory=list)


def _command(data: dict, kind=Command, **more) -> Command:
    return kind(name=data["name"], words=data["words"], description=data["description"], footer=data["footer"],
                options=[Option(**option) for option in data["options"]],
                commands=[_command(command) for command in data["commands"]], **more)


def load(data: dict) -> Program:
    return _command(data, Program, version=data["version"], exit_codes=data["exit_codes"])
