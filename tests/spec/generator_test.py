#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The generator as a program: what it writes, when it writes, how it fails."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import tap
from places import GENERATOR, SPEC
from tap import case, contains, equal

OUTPUTS = {"neuron_spec.h", "neuron_spec_names.h", "neuron/spec.hpp", "neuron/spec.cpp", "neuron_spec.py"}


def generate(*arguments, hash_seed: str = "0") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(GENERATOR), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def times(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in tree(folder)}


def copy_spec(folder: Path) -> Path:
    target = folder / "spec"
    target.mkdir()
    for path in SPEC.glob("*.toml"):
        shutil.copy(path, target)
    for part in ("isa", "profiles"):
        shutil.copytree(SPEC / part, target / part)
    return target


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    contains(text, old)
    path.write_text(text.replace(old, new, 1))


@case("every output is written")
def outputs(folder: Path) -> None:
    equal(generate("--out", folder).returncode, 0)
    equal(set(tree(folder)), OUTPUTS)


@case("two runs give the same bytes")
def deterministic(folder: Path) -> None:
    equal(generate("--out", folder / "a", "--docs", folder / "a", hash_seed="1").returncode, 0)
    equal(generate("--out", folder / "b", "--docs", folder / "b", hash_seed="2").returncode, 0)
    equal(tree(folder / "a"), tree(folder / "b"))


@case("a file that does not change is not written")
def untouched(folder: Path) -> None:
    generate("--out", folder)
    before = times(folder)
    generate("--out", folder)
    equal(times(folder), before)


@case("a damaged output is written again")
def damaged(folder: Path) -> None:
    generate("--out", folder)
    good = tree(folder)
    (folder / "neuron_spec.h").write_bytes(b"\xff\xfe")
    equal(generate("--out", folder).returncode, 0)
    equal(tree(folder), good)


@case("a changed number reaches C, C++ and Python")
def changed(folder: Path) -> None:
    spec = copy_spec(folder)
    replace(spec / "device.toml", 'name = "MAX_QUEUES"\nvalue = 128', 'name = "MAX_QUEUES"\nvalue = 96')
    equal(generate("--spec", spec, "--out", folder / "out").returncode, 0)
    contains((folder / "out/neuron_spec.h").read_text(), "#define NRN_MAX_QUEUES\t\t\t\t96\n")
    contains((folder / "out/neuron/spec.hpp").read_text(), "constexpr std::uint32_t MAX_QUEUES = 96;")
    contains((folder / "out/neuron_spec.py").read_text(), "\nMAX_QUEUES = 96\n")


@case("a mistake in the contract names file and entry, and nothing is written")
def mistake(folder: Path) -> None:
    spec = copy_spec(folder)
    replace(spec / "packets.toml", 'name = "dst", offset = 16', 'name = "dst", offset = 12')
    result = generate("--spec", spec, "--out", folder / "out")
    equal(result.returncode, 1)
    contains(result.stderr, "packets.toml: packet COPY, field dst: offset 12 is not aligned to 8")
    equal((folder / "out").exists(), False)


@case("the committed documents are those of the contract")
def docs_current(folder: Path) -> None:
    result = generate("--check-docs")
    equal(result.returncode, 0, result.stderr)


@case("a stale document is told by name")
def docs_stale(folder: Path) -> None:
    equal(generate("--docs", folder).returncode, 0)
    equal(generate("--check-docs", folder).returncode, 0)
    (folder / "isa.md").write_text("old")
    (folder / "mmu.md").unlink()
    (folder / "isa/move.md").write_text("old")
    (folder / "isa/gone.md").write_text("of an instruction that was")
    result = generate("--check-docs", folder)
    equal(result.returncode, 1)
    contains(result.stderr, "isa.md: stale")
    contains(result.stderr, "mmu.md: stale")
    contains(result.stderr, "isa/move.md: stale")
    contains(result.stderr, "isa/gone.md: there is no such instruction")
    equal(generate("--docs", folder).returncode, 0)
    equal((folder / "isa/gone.md").exists(), False)
    equal(generate("--check-docs", folder).returncode, 0)


GROUP = """# SPDX-License-Identifier: MIT
# A group of its own.
[[dtype_class]]
name = "TRIAL_TYPES"
doc = "Two types."
dtypes = ["F32", "I32"]
[[instruction]]
name = "TRIAL"
opcode = 0xfe
engines = ["ACT", "POOL"]
since = 3
engine_since = { POOL = 4 }
engine_spaces = { POOL = ["SBUF"] }
doc = "A trial. It does nothing."
limits = ["None at all."]
meaning = ["First this.", "Then that."]
cost = "One cycle."
errors = ["ILLEGAL_OPERAND: when it is tried"]
operands = [
  { name = "dst", offset = 16, type = "tile", kind = "tile", access = "write", one_bank = true, spaces = ["PSUM"], dtypes = "TRIAL_TYPES", partitions = 1, elements = { min = 8, max = "2 * DMA_RINGS - 1" }, doc = "Out." },
  { name = "factor", offset = 44, type = "u32", kind = "f32", doc = "Factor." },
  { name = "list", offset = 48, type = "i16", array = 3, kind = "array", min = 0, max = 9, multiple = 3, also = -1, doc = "Numbers." },
]
"""


@case("a new file in isa/ is a group of instructions with a page for each")
def group(folder: Path) -> None:
    spec = copy_spec(folder)
    (spec / "isa/trial_group.toml").write_text(GROUP)
    result = generate("--spec", spec, "--out", folder / "out", "--docs", folder / "docs")
    equal(result.returncode, 0, result.stderr)
    overview = (folder / "docs/isa.md").read_text()
    contains(overview, "### Trial group\n\nA group of its own.\n")
    contains(overview, "| 0xfe | [`TRIAL`](isa/trial.md) | ACT, POOL | 3, POOL 4 | A trial. |")
    contains(overview, "| `TRIAL_TYPES` | `F32` `I32` | Two types. |")
    text = (folder / "docs/isa/trial.md").read_text()
    contains(text, "```\ntrial psum.f32[0:1, 0, 16], 1.5, [0, 0, 0]\n```")
    contains(text, "| POOL | 4 | `trn3` | SBUF |")
    contains(text, "| `dst` | tile | write | PSUM | [`TRIAL_TYPES`](../isa.md#classes-of-element-types) | Out. |")
    contains(text, "- None at all.")
    contains(text, "- `dst`: 1 partition, 8 to 31 elements per partition.")
    contains(text, "- `list`: each 0 to 9, a multiple of 3; or -1.")
    contains(text, "1. First this.\n2. Then that.")
    contains(text, "## Cost\n\nOne cycle.")
    contains(text, "| [`ILLEGAL_OPERAND`](../faults.md#enum-fault) | when it is tried |")
    contains(text, "| 48 | 6 | `list` | i16[3] | Numbers. Range: 0 to 9, a multiple of 3; or -1. |")
    profiles = (folder / "docs/profiles.md").read_text()
    contains(profiles, "| [`TRIAL`](isa/trial.md) |  |  | ACT | ACT POOL |")


SECTIONS = ("Operands", "Limits", "Meaning", "Cost", "Errors")
MEMORY_FAULTS = {"PAGE_NOT_MAPPED", "BAD_ADDRESS", "PAGE_TABLE", "HOST_BUS", "HBM_RANGE"}


def sections(page: Path) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", page.read_text(), flags=re.M)
    return dict(zip(parts[1::2], (text.strip() for text in parts[2::2])))


def instructions() -> list[dict]:
    return [i for path in SPEC.glob("isa/*.toml") for i in tomllib.loads(path.read_text()).get("instruction", [])]


@case("every page has operands, limits, meaning, cost and errors")
def page_sections(folder: Path) -> None:
    equal(generate("--docs", folder).returncode, 0)
    pages = list((folder / "isa").glob("*.md"))
    equal(len(pages), len(instructions()))
    for page in pages:
        found = sections(page)
        for name in SECTIONS:
            if not found.get(name):
                raise AssertionError(f"{page.name}: no {name}")


def expected_faults(i: dict) -> set[str]:
    """The faults that its engines, operands and header bring along."""
    kinds = [o["kind"] for o in i["operands"]]
    want = {"ILLEGAL_OPERAND", "SEMAPHORE", "DEADLOCK"} | {text.partition(":")[0] for text in i.get("errors", [])}
    if len(i["engines"]) < 5:
        want.add("ILLEGAL_INSTRUCTION")
    if "since" in i or "engine_since" in i:
        want.add("UNSUPPORTED")
    if {"tile", "scalar"} & set(kinds):
        want |= {"TILE_RANGE", "HAZARD_ORDER"}
    for o in i["operands"]:
        want |= {"INDEX_RANGE"} if o.get("index") else set()
        want |= MEMORY_FAULTS if o["kind"] == "mem" else set()
        want |= {"PAGE_READ_ONLY"} if o["kind"] == "mem" and o["access"] != "read" else set()
        if o["kind"] in ("tile", "mem", "scalar") and "dtypes" not in o:
            want.add("UNSUPPORTED_OPERAND")  # one type came with version 4
        if o.get("enum") in ("tensor_op", "pe_mode", "pe_tile"):
            want.add("UNSUPPORTED_OPERAND")
    return want | (set() if i["name"] == "END" else {"PC_RANGE"})


@case("the errors of a page are those that follow from the tables, each with a line and a link")
def page_errors(folder: Path) -> None:
    equal(generate("--docs", folder, "--out", folder / "out").returncode, 0)
    found: dict = {}
    exec((folder / "out/neuron_spec.py").read_text(), found)
    for i in instructions():
        text = sections(folder / f"isa/{i['name'].lower()}.md")["Errors"]
        rows = re.findall(r"^\| \[`(\w+)`\]\(\.\./faults\.md#enum-fault\) \| (.+) \|$", text, re.M)
        equal(len(rows), len(text.splitlines()) - 2, i["name"])
        names = {name for name, _ in rows}
        equal(names, {fault.name for fault in found["FAULTS"][i["name"]]}, i["name"])
        missed = expected_faults(i) - names
        equal(missed, set(), f"{i['name']}: errors that its page does not name")
        more = names - expected_faults(i) - {"HAZARD_UNWRITTEN", "UNSUPPORTED_OPERAND"}
        equal(more, set(), f"{i['name']}: errors that its page should not name")


@case("rules that tiles share are limits on a page and a table in Python")
def page_limits(folder: Path) -> None:
    equal(generate("--docs", folder, "--out", folder / "out").returncode, 0)
    text = sections(folder / "isa/tensor_tensor.md")["Limits"]
    contains(text, "- `dst`, `a` and `b` have the same number of partitions and of elements per partition.")
    contains(text, "- Of `a` and `b` at most one is in PSUM.")
    contains(text, "- POOL reaches SBUF only.")
    contains(text, "up to 32 partitions start at 0, 32, 64 or 96")
    contains(sections(folder / "isa/reciprocal.md")["Limits"], "- `dst` and `src` have the same number of partitions")
    contains(sections(folder / "isa/alu.md")["Limits"], "- `rd`, `ra` and `rb`: r0 to r63.")
    equal(sections(folder / "isa/nop.md")["Limits"], "None.")
    found: dict = {}
    exec((folder / "out/neuron_spec.py").read_text(), found)
    rules = {"same_partitions": ("dst", "a", "b"), "same_elements": ("dst", "a", "b"), "one_in_psum": ("a", "b")}
    equal(found["TILE_RULES"]["TENSOR_TENSOR"], rules)


@case("the facts of an instruction reach C++ and Python")
def facts(folder: Path) -> None:
    spec = copy_spec(folder)
    (spec / "isa/trial_group.toml").write_text(GROUP)
    equal(generate("--spec", spec, "--out", folder / "out").returncode, 0)
    source = (folder / "out/neuron/spec.cpp").read_text()
    contains(source, 'OPERANDS_TRIAL, {0, 3, 0, 4, 0}, {0x0, 0x3, 0x0, 0x1, 0x0}, "One cycle."')
    ranges = "{}, {1, 1, 1, false, 1}, {8, 31, 1, false, 8}, true}"
    contains(source, f"OperandAccess::WRITE, 0x2, 0x108, 0x0, 1, {ranges}")
    contains(source, "OperandAccess::NONE, 0x0, 0x0, 0x0, 3, {0, 9, 3, false, -1}, {}, {}, false}")
    contains((folder / "out/neuron/spec.hpp").read_text(), "std::array<std::int16_t, 3> list{};")
    found: dict = {}
    exec((folder / "out/neuron_spec.py").read_text(), found)
    equal(found["INSN_SINCE"]["TRIAL"], {"ACT": 3, "POOL": 4})
    equal(found["ENGINE_SPACES"]["TRIAL"], {"POOL": (found["Space"].SBUF,)})
    types = (found["Dtype"].F32, found["Dtype"].I32)
    equal(found["DTYPE_CLASSES"]["TRIAL_TYPES"], types)
    equal(found["OPERANDS"]["TRIAL"]["dst"], ("tile", "write", (found["Space"].PSUM,), types))
    equal(found["OPERANDS"]["TRIAL"]["list"], ("array", None, (), ()))
    equal(found["RANGES"]["TRIAL"]["dst"], {"partitions": (1, 1, 1, False, None), "elements": (8, 31, 1, False, None)})
    equal(found["RANGES"]["TRIAL"]["list"], {"range": (0, 9, 3, False, -1)})
    raw = found["pack_insn"]("TRIAL", factor=7, list=[1, -2, 3])
    equal(found["unpack_insn"](raw)[1]["list"], [1, -2, 3])


@case("the list of inputs has every TOML file, module and template of the generator")
def inputs(folder: Path) -> None:
    listed = set(generate("--list-inputs").stdout.split())
    package = SPEC / "specgen"
    want = [
        GENERATOR,
        *SPEC.glob("*.toml"),
        *SPEC.glob("isa/*.toml"),
        *SPEC.glob("profiles/*.toml"),
        *package.glob("*.py"),
        *package.glob("templates/*"),
    ]
    equal(listed, {str(p) for p in want})


@case("generating leaves the source tree as it was")
def clean_tree(folder: Path) -> None:
    before = tree(SPEC)
    generate("--out", folder)
    equal(tree(SPEC).keys(), before.keys())


if __name__ == "__main__":
    sys.exit(tap.main())
