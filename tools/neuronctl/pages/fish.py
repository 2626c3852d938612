# SPDX-License-Identifier: MIT
"""Completion for fish."""

from __future__ import annotations

from model import Command, Option, Program

HEAD = r"""# Made from the command line itself by tools/neuronctl/pages; do not edit.
# Completion of neuronctl for fish.

# True where the words of a command, and no further ones, have been typed.
function __neuronctl_in
    set -l found
    set -l words (commandline -opc)
    for word in $words[2..-1]
        switch $word
            case '-*'
            case '*'
                set -l now (string join ' ' -- $found $word)
                contains -- $now $__neuronctl_commands; and set -a found $word
        end
    end
    test "$found" = "$argv[1]"
end

# True where the last word was an option of NAME=FILE.
function __neuronctl_files
    set -l current (commandline -ct)
    set -l name (string match -r '^[^=]*=' -- $current)
    test -n "$name"; or return
    for file in (__fish_complete_suffix (string replace -- $name '' $current) .$argv[1])
        echo $name$file
    end
end

complete -c neuronctl -f
"""


def quoted(words: str) -> str:
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"


def value_words(option: Option) -> str:
    if option.choices:
        return f" -x -a {quoted(' '.join(option.choices))}"
    if option.device:
        return " -x -a '(string replace /dev/accel/ \"\" /dev/accel/accel*)'"
    if option.folder:
        return " -x -a '(__fish_complete_directories)'"
    if option.extensions is None:
        return " -x"
    if option.named_file:
        return f" -x -a '(__neuronctl_files {option.extensions[0]})'"
    if option.extensions:
        return f" -x -a '(__fish_complete_suffix .{option.extensions[0]})'"
    return " -r -F"


def line(command: Command, option: Option) -> str:
    condition = f"__neuronctl_in {quoted(command.words)}"
    out = f"complete -c neuronctl -n {quoted(condition)}"
    for name in option.names:
        out += f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}"
    out += "" if option.flag else value_words(option)
    return out + f" -d {quoted(option.description)}"


def completion(program: Program) -> str:
    everything = program.everything()
    out = [HEAD, "set -g __neuronctl_commands " + " ".join(quoted(each.words) for each in everything[1:]), ""]
    for command in everything:
        condition = quoted(f"__neuronctl_in {quoted(command.words)}")
        for child in command.commands:
            out.append(f"complete -c neuronctl -n {condition} -a {child.name} -d {quoted(child.description)}")
        out += [line(command, option) for option in command.named]
        if command is not program:
            out += [line(command, option) for option in program.named
                    if option.names != ["--version"] and "--help" not in option.names]
        for option in command.positionals:
            words = value_words(option).replace(" -x", "").replace(" -r", "")
            if words:
                out.append(f"complete -c neuronctl -n {condition}{words}")
    return "\n".join(out) + "\n"
