# SPDX-License-Identifier: MIT
"""What the shells offer for a line that somebody has begun to type."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

from tap import BUILD

PAGES = Path(os.environ.get("NEURONCTL_PAGES", BUILD / "user/tools/neuronctl/pages"))

BASH = """
. '{file}'
COMP_LINE=$1 COMP_POINT=${{#1}} COMPREPLY=()
_neuronctl 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# compadd is what all completion comes down to; a marker says that it is over.
ZSH = """
PS1= PS2= RPS1=
fpath=('{folder}' $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' insert-tab false
compadd() {{
    if [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits
    builtin compadd -A hits "$@"
    print -rl -- $hits >>'{out}'
    builtin compadd "$@"
}}
finished() {{ print END >>'{out}' }}
comppostfuncs=(finished)
print READY >>'{out}'
"""


def offers_bash(folder: Path, line: str) -> list[str]:
    script = BASH.format(file=PAGES / "bash/neuronctl")
    run = subprocess.run(["bash", "--norc", "-c", script, "bash", line], cwd=folder, capture_output=True, text=True, check=True)
    assert not run.stderr, run.stderr
    return run.stdout.split()


def offers_fish(folder: Path, line: str) -> list[str]:
    script = f"source '{PAGES}/fish/neuronctl.fish'; complete -C \"$argv[1]\""
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    run = subprocess.run(["fish", "--no-config", "-c", script, line], cwd=folder, env=environment, capture_output=True,
                         text=True, check=True)
    assert not run.stderr, run.stderr
    return [offer.split("\t")[0] for offer in run.stdout.splitlines()]


def offers_zsh(folder: Path, line: str) -> list[str]:
    out, setup = folder / ".offers", folder / ".setup"
    out.write_text("")
    setup.write_text(ZSH.format(folder=PAGES / "zsh", out=out))
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "ZDOTDIR": str(folder)})
    try:
        _until(out, terminal, "READY", f"source {setup}\n")
        _until(out, terminal, "END", f"{line}\t")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return [offer for offer in out.read_text().splitlines() if offer not in ("READY", "END", "")]


def _until(out: Path, terminal: int, mark: str, keys: str) -> None:
    """Types, and reads what the shell echoes, until the mark is in the file."""
    os.write(terminal, keys.encode())
    end = time.monotonic() + 60
    while mark not in out.read_text().splitlines():
        if time.monotonic() > end:
            raise AssertionError(f"zsh never said {mark}")
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)


SHELLS = {"bash": offers_bash, "zsh": offers_zsh, "fish": offers_fish}


def shells() -> list[str]:
    return [shell for shell in SHELLS if shutil.which(shell)]
