# SPDX-License-Identifier: MIT
"""Completion for bash. Needs no package beside bash itself."""

from __future__ import annotations

from model import Command, Option, Program

HEAD = r"""# Made from the command line itself by tools/neuronctl/pages; do not edit.
# Completion of neuronctl for bash.

_neuronctl_files() { # extension...
	local ext
	compopt -o filenames 2>/dev/null
	if [ $# = 0 ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	for ext in "$@"; do
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "!*.$ext" -- "$cur")
	done
}

_neuronctl_named_files() { # extension...; cur is NAME=FILE, of which bash replaces what follows the =
	local whole=$cur i
	case $cur in *=*) ;; *) return ;; esac
	cur=${cur#*=}
	_neuronctl_files "$@"
	case $COMP_WORDBREAKS in *=*) return ;; esac
	for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${whole%%=*}=${COMPREPLY[i]}; done
}

_neuronctl_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

_neuronctl_devices() {
	local -a names
	mapfile -t names < <(compgen -G '/dev/accel/accel*')
	_neuronctl_words "${names[*]##*/}"
}
"""

TAIL = r"""
_neuronctl() {
	local line=${COMP_LINE:0:COMP_POINT} cur prev='' path='' word skip='' n=0
	local -a words
	read -r -a words <<<"$line"
	case $line in *[[:space:]]) words+=('') ;; esac
	cur=${words[-1]}
	COMPREPLY=()
	for word in "${words[@]:1:${#words[@]}-2}"; do
		if [ -n "$skip" ]; then skip=; prev=; continue; fi
		case $word in
		--*=*) ;;
		-*) if _neuronctl_takes_value "$path" "$word"; then skip=1; prev=$word; fi ;;
		*) if _neuronctl_is_command "$path" "$word"; then path="${path:+$path }$word"; else n=$((n + 1)); fi ;;
		esac
	done
	case $cur in
	--*=*)
		prev=${cur%%=*}
		cur=${cur#*=}
		_neuronctl_value "$path" "$prev"
		;;
	*)
		if [ -n "$skip" ]; then
			_neuronctl_value "$path" "$prev"
		elif [[ $cur == -* ]]; then
			_neuronctl_options "$path"
		else
			_neuronctl_argument "$path" "$n"
		fi
		;;
	esac
}
complete -F _neuronctl neuronctl
"""


def values(option: Option) -> str:
    if option.choices:
        return f"_neuronctl_words '{' '.join(option.choices)}'"
    if option.device:
        return "_neuronctl_devices"
    if option.folder:
        return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")'
    if option.extensions is None:
        return ":"
    return " ".join(["_neuronctl_named_files" if option.named_file else "_neuronctl_files", *option.extensions])


def names(program: Program, command: Command) -> list[str]:
    """Options before the command may also stand behind it."""
    own = [name for option in command.named for name in option.names]
    return own + ([name for option in program.named for name in option.names if name not in own and name != "--version"]
                  if command is not program else [])


def function(name: str, cases: list[str], last: str) -> str:
    return f"\n{name}() {{\n\tcase \"$1\" in\n" + "".join(f"\t{case}\n" for case in cases) + f"\t*) {last} ;;\n\tesac\n}}\n"


def two(name: str, cases: list[str], last: str) -> str:
    return (f"\n{name}() {{ # command, word\n\tcase \"$1:$2\" in\n" + "".join(f"\t{case}\n" for case in cases)
            + f"\t*) {last} ;;\n\tesac\n}}\n")


def completion(program: Program) -> str:
    everything = program.everything()
    takes, is_command, value, options, argument = [], [], [], [], []
    for command in everything:
        for option in command.named:
            if not option.flag:
                patterns = "|".join(f"'{command.words}:{name}'" for name in option.names)
                takes.append(f"{patterns}) return 0 ;;")
                value.append(f"{patterns}) {values(option)} ;;")
        for child in command.commands:
            is_command.append(f"'{command.words}:{child.name}') return 0 ;;")
        options.append(f"'{command.words}') _neuronctl_words '{' '.join(names(program, command))}' ;;")
        if command.commands:
            words = " ".join(child.name for child in command.commands)
            argument.append(f"'{command.words}:0') _neuronctl_words '{words}' ;;")
        for index, option in enumerate(command.positionals):
            number = "*" if option.repeatable else str(index)
            argument.append(f"'{command.words}:'{number}) {values(option)} ;;")
    return (HEAD + two("_neuronctl_takes_value", takes, "return 1") + two("_neuronctl_is_command", is_command, "return 1")
            + two("_neuronctl_value", value, ":") + function("_neuronctl_options", options, ":")
            + two("_neuronctl_argument", argument, ":") + TAIL)
