# SPDX-License-Identifier: MIT
"""Manual pages: one of the program, and one of each of its commands; a group of commands shares a page."""

from __future__ import annotations

from model import Command, Option, Program


def text(words: str) -> str:
    """Plain text as roff shows it."""
    out = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + out if words[:1] in (".", "'") else out


def bold(words: str) -> str:
    return f"\\fB{text(words)}\\fR"


def italic(words: str) -> str:
    return f"\\fI{text(words)}\\fR"


def usage(command: Command, program: str = "neuronctl") -> str:
    parts = [bold(f"{program} {command.words}".strip())]
    if command.named:
        parts.append("[" + italic("OPTIONS") + "]")
    for option in command.positionals:
        parts.append((italic(option.positional) if option.required else "[" + italic(option.positional) + "]")
                     + ("\\&..." if option.repeatable else ""))
    if command.commands:
        parts.append(italic("COMMAND"))
    return " ".join(parts)


def option_lines(option: Option) -> list[str]:
    head = ", ".join(bold(name) for name in option.names) if option.names else italic(option.positional)
    if option.names and not option.flag:
        head += " " + italic(option.value)
    tail = []
    if option.default:
        tail.append(f"Default: {option.default}.")
    if option.limits:
        tail.append(f"{option.limits}.".replace("INT in ", "A number in ").replace("UINT in ", "A number in ")
                    .replace("FLOAT in ", "A number in "))
    if len(option.choices) > 5:
        tail.append("One of: " + ", ".join(option.choices) + ".")
    if option.repeatable:
        tail.append("May be repeated.")
    body = option.description.rstrip(".") + "." if option.description else ""
    return [".TP", head, text(" ".join([body, *tail]).strip())]


def options_section(command: Command, heading: str = ".SH OPTIONS") -> list[str]:
    groups: dict[str, list[Option]] = {}
    for option in command.positionals + command.named:
        groups.setdefault("Arguments" if option.positional else option.group, []).append(option)
    if not groups:
        return []
    out = [heading] if heading else []
    for group, options in groups.items():
        if len(groups) > 1 and heading == ".SH OPTIONS":
            out.append(f".SS {text(group)}")
        for option in options:
            out += option_lines(option)
    return out


def paragraphs(blocks: list[str]) -> list[str]:
    out: list[str] = []
    for block in blocks:
        out += [".PP", *(text(line.strip()) for line in block.splitlines())]
    return out


def example_section(lines: list[str]) -> list[str]:
    if not lines:
        return []
    return [".SH EXAMPLES", ".nf", *(text(line.removeprefix("  ")) for line in lines), ".fi"]


def exit_section(program: Program) -> list[str]:
    out = [".SH EXIT STATUS"]
    for entry in program.exit_codes:
        out += [".TP", bold(str(entry["code"])), text(entry["text"][:1].upper() + entry["text"][1:] + ".")]
    return out


def header(title: str, program: Program, date: str) -> list[str]:
    return [f'.\\" Made from the command line itself by tools/neuronctl/pages; do not edit.',
            f'.TH {title.upper()} 1 {date} "neuronctl {program.version}" "Neuron accelerator"']


def summary(command: Command) -> str:
    words = command.description.split(". ")[0].rstrip(".")
    return words[:1].lower() + words[1:]


def command_page(command: Command, program: Program, date: str) -> str:
    name = f"neuronctl-{command.name}"
    leaves = command.leaves()
    lines = header(name, program, date)
    lines += [".SH NAME", f"{text(name)} \\- {text(summary(command))}", ".SH SYNOPSIS"]
    for leaf in leaves:
        lines += [".PP" if leaf is not leaves[0] else "", usage(leaf)]
    lines += [".SH DESCRIPTION", text(command.description.rstrip(".") + ".")]
    examples, notes = command.examples_and_notes()
    lines += paragraphs(notes)
    if command.commands:
        for leaf in leaves:
            own, leaf_notes = leaf.examples_and_notes()
            examples += own
            lines += [f".SH {text(leaf.words.upper())}", text(leaf.description.rstrip(".") + ".")]
            lines += paragraphs(leaf_notes) + options_section(leaf, "")
    else:
        lines += options_section(command)
    lines += example_section(examples) + exit_section(program)
    lines += [".SH SEE ALSO", f"{bold('neuronctl')}(1)"]
    return "\n".join(line for line in lines if line) + "\n"


def program_page(program: Program, date: str) -> str:
    examples, _ = program.examples_and_notes()
    lines = header("neuronctl", program, date)
    lines += [".SH NAME", f"neuronctl \\- {text(summary(program))}", ".SH SYNOPSIS", usage(program)]
    lines += [".SH DESCRIPTION", text(program.description)]
    lines += [".PP", text("Every command has a page of its own: neuronctl-run(1), and so on.")]
    lines += options_section(program) + [".SH COMMANDS"]
    for leaf in program.leaves():
        lines += [".TP", bold(leaf.words), text(leaf.description.rstrip(".") + ".")]
    lines += example_section(examples) + exit_section(program)
    lines += [".SH ENVIRONMENT", ".TP", bold("NO_COLOR"), "If set and not empty, no colours are used."]
    lines += [".SH SEE ALSO", ",\n".join(f"{bold('neuronctl-' + command.name)}(1)" for command in program.commands)]
    return "\n".join(lines) + "\n"


def pages(program: Program, date: str) -> dict[str, str]:
    out = {"neuronctl.1": program_page(program, date)}
    for command in program.commands:
        out[f"neuronctl-{command.name}.1"] = command_page(command, program, date)
    return out
