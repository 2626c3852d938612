#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What types can tell is an error of the compiler, with words that say what is wrong."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import BUILD, TOP, case, contains, equal, main  # noqa: E402

INCLUDE = [TOP / "libneuron/include", BUILD / "spec", BUILD / "user/libneuron/kernel"]
FRAME = """using namespace neuron::builder;
namespace spec = neuron::spec;
void build(Kernel &kernel) {{
    const auto pe = kernel.pe();
    const auto act = kernel.act();
    const auto dve = kernel.dve();
    const auto pool = kernel.pool();
    const auto sp = kernel.sp();
    const auto x = kernel.in<f32>("X", {{128, 512}});
    constexpr auto t = sbuf<f32>(partitions<128>(), at<0>(), dims<512>());
    constexpr auto half = sbuf<f32>(partitions<64>(), at<0>(), dims<512>());
    constexpr auto sums = psum<f32>(partitions<128>(), bank<0>(), dims<512>());
    constexpr auto column = sbuf<f32>(partitions<128>(), at<4096>());
    (void)pe, (void)act, (void)dve, (void)pool, (void)sp, (void)x, (void)t, (void)half, (void)sums, (void)column;
    {code}
}}
"""

# What is refused, the code, and what the compiler says (any of several, where compilers word it themselves).
REFUSED = [
    ("partitions that a core does not have", "partitions<129>();", "a core does not have these partitions"),
    ("no partitions", "partitions<5, 5>();", "a core does not have these partitions"),
    ("a start that is no multiple of a quarter", "partitions<16, 32>();", "so many partitions may not start there"),
    ("a start that is no multiple of a half", "partitions<32, 96>();", "so many partitions may not start there"),
    ("a bank that PSUM does not have", "bank<8>();", "PSUM does not have so many banks"),
    ("a negative offset", "at<-4>();", "a byte offset is not negative"),
    ("a dimension of nothing", "dims<4, 0>();", "a dimension is at least 1"),
    ("five dimensions", "sbuf<f32>(partitions<1>(), at<0>(), dims<2, 2, 2, 2, 2>());", "a tile does not have so many dimensions"),
    ("a tile behind SBUF", "sbuf<f32>(partitions<1>(), at<262140>(), dims<2>());", "the tile lies outside its memory"),
    ("a tile that steps out of SBUF", "sbuf<f32>(partitions<1>(), at<0>(), dims<Dim(2, -1)>());", "the tile lies outside its memory"),
    ("a tile behind PSUM", "psum<f32>(partitions<1>(), bank<7>(), dims<513>());", "the tile lies outside its memory"),
    ("an offset between elements", "sbuf<f32>(partitions<1>(), at<2>(), dims<2>());", "not a multiple of the element size"),
    ("a walk that is longer than a partition", "psum<f32>(partitions<1>(), 0, dims<4097>());", "as many elements as fit into a partition"),
    ("a register that is not there", "reg<64>;", "there is no such register"),
    ("a semaphore that is not there", "sem<256>;", "there is no such semaphore"),
    ("an engine that does not run it", "sp.copy(t, t);", "'copy' does not run on this engine; it runs on ACT, DVE and POOL"),
    ("a memory that an operand does not take", "pe.matmul(t, t);", "dst of 'matmul' lies in psum"),
    ("a memory that the engine does not reach", "pool.copy(t, sums);", "'copy' on POOL reaches sbuf only"),
    ("an element type that an operand does not take", "pe.matmul(psum<bf16>(partitions<128>(), bank<0>(), dims<512>()), t);",
     "dst of 'matmul' is of type f32"),
    ("too many elements", "pe.matmul(psum<f32>(partitions<128>(), 0, dims<513>()), t);",
     "dst of 'matmul' does not have so many elements per partition: at most 512"),
    ("too few elements", "dve.max8(t, t);", "dst of 'max8' does not have so many elements per partition: only 8"),
    ("a sum across banks", "pe.matmul(psum<f32>(partitions<128>(), at<1024>(), dims<512>()), t);",
     "dst of 'matmul' lies in more than one PSUM bank"),
    ("a wrong number of partitions", "pe.tensor_load(reg<1>, t);", "src of 'tensor_load' does not have so many partitions: only 1"),
    ("tiles of different partitions", "dve.copy(t, half);", "dst and src of 'copy' have the same number of partitions"),
    ("tiles of different sizes", "dve.copy(t, sbuf<f32>(partitions<128>(), at<0>(), dims<256>()));",
     "dst and src of 'copy' have the same number of elements per partition"),
    ("two inputs in PSUM", "dve.tensor_tensor(t, sums, sums, spec::TensorOp::ADD);", "of 'tensor_tensor' at most one is in psum"),
    ("a block of other rows", "sp.dma_load(t, x.block<64, 512>());", "src of 'dma_load' has as many rows as dst has partitions"),
    ("a block of other elements", "sp.dma_load(t, x.block<128, 256>());",
     "src of 'dma_load' has as many elements per row as dst has per partition"),
    ("a type that memory does not have", "sp.dma_load(sbuf<bf16>(partitions<128>(), at<0>(), dims<512>()), x.block<128, 512>());",
     "src of 'dma_load' and dst have different types"),
    ("more than one element", "sp.mem_load(reg<1>, x.block<1, 2>());", "src of 'mem_load' is one element"),
    ("a block without dimensions", "x.block<128>();", "a block has rows and dimensions"),
    ("a block for a tile", "dve.copy(t, x.block<128, 512>());", "src of 'copy' is a tile"),
    ("a column for a tile", "dve.copy(t, column);", "src of 'copy' is a tile"),
    ("a tile for a column", "dve.memset(t, half);", "value of 'memset' is a number, a register or a column"),
    ("a column of other partitions", "dve.memset(half, column);", "value of 'memset' has as many partitions as dst has partitions"),
    ("a kind of scalar that an operand does not take", "dve.match_replace8_index(t, sbuf<u32>(partitions<128>(), at<0>(), dims<8>()), 1.0F, t, 0.0F);",
     "values of 'match_replace8_index' is a column"),
    ("a tile for an option", "act.activate(t, t, spec::Activation::EXP, 1.0F, {.bias = t});", "bias of 'activate' is a number, a register or a column"),
    ("an array that is too short", "dve.stream_shuffle(sbuf<f32>(partitions<32>(), at<0>(), dims<8>()), sbuf<f32>(partitions<32>(), at<64>(), dims<8>()), {1, 2});",
     "mask of 'stream_shuffle' takes 32 numbers"),
    ("a whole number of a float type", "scalar<f32>(3);", "a whole number is an i32 or a u32"),
    ("a register of a short type", "scalar<bf16>(reg<1>);", "a register holds an f32, an i32 or a u32"),
    ("two waits", "sp.nop().wait(sem<0> >= 1).wait(sem<1> >= 1);", "has no member named .wait"),
    ("a wait behind an update", "sp.nop().then(sem<0> += 1).wait(sem<1> >= 1);", "'void'"),
    ("taking an exact count", "sp.nop().take(sem<0> == 1);", "cannot convert|could not convert"),
    ("a label of another engine", "sp.jump(act.here(\"loop\"));", "cannot convert"),
    ("a shifted register in a tile", "sbuf<f32>(partitions<1>(), reg<1> << 2, dims<1>());", "no matching function"),
]


COMPILE = ["/usr/bin/g++", "-std=c++20", "-Wall", "-Wextra", "-Wno-unused-value", *(f"-I{folder}" for folder in INCLUDE)]
PRECOMPILED = tempfile.TemporaryDirectory(prefix="neuron-test-")


def run(*words: str, text: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(words, input=text, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})


def compiled(code: str) -> subprocess.CompletedProcess:
    header = Path(PRECOMPILED.name, "builder.hpp")
    if not header.exists():
        header.write_text("#include <neuron/builder.hpp>\n", encoding="utf-8")
        result = run(*COMPILE, "-x", "c++-header", str(header), "-o", f"{header}.gch")
        equal((result.returncode, result.stderr), (0, ""))
    return run(*COMPILE, "-fsyntax-only", "-include", str(header), "-x", "c++", "-", text=FRAME.format(code=code))


def refuse(what: str, code: str, message: str) -> None:
    @case(f"the compiler refuses {what}")
    def refused(_):
        result = compiled(code)
        assert result.returncode != 0, f"it was compiled: {code}"
        errors = "\n".join(re.findall(r"error: .*", result.stderr))
        assert any(part in errors for part in message.split("|")) or re.search(message, errors), f"{message!r} is not in: {errors}"


@case("the frame of these cases compiles")
def frame(_):
    result = compiled("")
    equal((result.returncode, result.stderr), (0, ""))


for entry in REFUSED:
    refuse(*entry)


@case("the table of calls is the one that is generated")
def calls(_):
    fresh = (BUILD / "user/libneuron/kernel/neuron/builder/builder-calls.md").read_text(encoding="utf-8")
    stale = (TOP / "docs/reference/builder-calls.md").read_text(encoding="utf-8")
    assert fresh == stale, "docs/reference/builder-calls.md is stale; 'make builder-calls' writes it"
    contains(fresh, "`matmul(dst, moving, {.flags")


if __name__ == "__main__":
    sys.exit(main())
