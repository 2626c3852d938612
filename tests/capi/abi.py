# SPDX-License-Identifier: MIT
"""What programs in C rely on, as text: symbols with their versions, declarations, layouts of structures."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path


def run(*words) -> str:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout


def symbols(library: Path) -> list[str]:
    """Those of the C interface, "neuron_x@@NEURON_0.1"."""
    names = (line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines())
    return sorted(name for name in names if name.startswith("neuron_"))


def declarations(header: Path) -> list[str]:
    """Types and functions, one to a line."""
    text = run("gcc", "-std=c11", "-E", "-P", header)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)\)?", "", text)
    found, depth, start = [], 0, 0
    for at, c in enumerate(text):
        depth += {"{": 1, "}": -1}.get(c, 0)
        if c == ";" and depth == 0:
            line = " ".join(text[start:at].split())
            start = at + 1
            if "neuron_" in line:
                found.append(line + ";")
    return found


def layouts(header: Path, lines: list[str]) -> list[str]:
    """Offsets and sizes of the members of each structure that is not opaque."""
    names = [match[1] for line in lines if (match := re.match(r"struct (neuron_\w+) \{", line))]
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "types.c"), Path(folder, "types.o")
        source.write_text(f'#include "{header}"\n' + "".join(f"struct {name} a_{name};\n" for name in names), encoding="utf-8")
        run("gcc", "-std=c11", "-g", "-c", source, "-o", output)
        text = run("pahole", "-C", ",".join(names), output)
    return [line.rstrip() for line in text.splitlines() if line.strip() and not re.match(r"\s*/\* (---|last|size: \d+, cachelines)", line)] + [
        f"{name}: {size} bytes" for name, size in re.findall(r"^struct (\w+) \{.*?size: (\d+),", text, re.DOTALL | re.MULTILINE)
    ]


def interface(library: Path, header: Path) -> str:
    lines = declarations(header)
    parts = ("symbols", symbols(library)), ("declarations", lines), ("layouts", layouts(header, lines))
    return "# SPDX-License-Identifier: MIT\n" + "".join(f"== {name}\n" + "".join(f"{line}\n" for line in body) for name, body in parts)
