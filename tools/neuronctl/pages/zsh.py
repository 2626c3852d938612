# SPDX-License-Identifier: MIT
"""Completion for zsh."""

from __future__ import annotations

from model import Command, Option, Program

HEAD = r"""#compdef neuronctl
# Made from the command line itself by tools/neuronctl/pages; do not edit.

__neuronctl_nodes() {
	local -a names=(/dev/accel/accel*(N:t))
	compadd -a names
}

__neuronctl_named_files() { # extension
	compset -P '*=' && _files -g "*.$1"
}
"""

TAIL = r"""
_neuronctl "$@"
"""


def quoted(words: str) -> str:
    return "'" + words.replace("'", "'\\''") + "'"


def described(words: str) -> str:
    return words.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def action(option: Option) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    if option.device:
        return "__neuronctl_nodes"
    if option.folder:
        return "_files -/"
    if option.extensions is None:
        return " "
    if option.named_file:
        return f"__neuronctl_named_files {option.extensions[0]}"
    # A single one in parentheses would be qualifiers of the pattern.
    return f'_files -g "{" ".join("*." + each for each in option.extensions)}"' if option.extensions else "_files"


def spec(option: Option) -> str:
    if option.positional:
        number = "*" if option.repeatable else ("" if option.required else ":")
        return quoted(f"{number}:{option.positional}:{action(option)}")
    tail = f"[{described(option.description)}]"
    if not option.flag:
        tail += f":{described(option.type)}:{action(option)}"
    many = "*" if option.repeatable else ""
    if len(option.names) == 1:
        return quoted(many + option.names[0] + tail)
    return quoted(many or f"({' '.join(option.names)})") + "{" + ",".join(option.names) + "}" + quoted(tail)


def function_name(command: Command) -> str:
    return "_neuronctl" + "".join(f"_{word}" for word in command.words.split())


def function(program: Program, command: Command) -> str:
    specs = [spec(option) for option in command.named]
    if command is not program:
        specs += [spec(option) for option in program.named if option.names != ["--version"] and "--help" not in option.names]
    specs += [spec(option) for option in command.positionals]
    name = function_name(command)
    if not command.commands:
        body = "\t_arguments -s \\\n" + " \\\n".join(f"\t\t{each}" for each in specs) + "\n"
        return f"\n{name}() {{\n{body}}}\n"
    children = "\n".join(f"\t\t\t{quoted(child.name + ':' + described(child.description))}" for child in command.commands)
    specs += ["'1:command:->command'", "'*::argument:->argument'"]
    body = ("\tlocal curcontext=$curcontext state line\n\ttypeset -A opt_args\n\t_arguments -C \\\n"
            + " \\\n".join(f"\t\t{each}" for each in specs) + "\n"
            + "\tcase $state in\n\tcommand)\n\t\tlocal -a commands=(\n" + children + "\n\t\t)\n"
            + "\t\t_describe command commands\n\t\t;;\n\targument)\n\t\tcase $line[1] in\n"
            + "".join(f"\t\t{child.name}) {function_name(child)} ;;\n" for child in command.commands)
            + "\t\tesac\n\t\t;;\n\tesac\n")
    return f"\n{name}() {{\n{body}}}\n"


def completion(program: Program) -> str:
    commands = sorted(program.everything(), key=lambda each: -len(each.words.split()))
    return HEAD + "".join(function(program, command) for command in commands) + TAIL
