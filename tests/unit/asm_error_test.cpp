// SPDX-License-Identifier: MIT
// The assembler on wrong sources: every rule has its message, at its place.
#include <fmt/format.h>

#include "asm_support.hpp"

namespace {

using namespace asm_test;

struct Case {
    std::string source;
    std::string_view message; ///< Part of the rendered errors.
};

void expect(std::initializer_list<Case> cases) {
    for (const Case &c : cases)
        expect_part(bad(c.source), c.message);
}

// The source behind `.param A…` and `.engine sp`, which are lines 1 and 2.
void expect_sp(std::initializer_list<Case> cases) {
    for (const Case &c : cases)
        expect_part(bad(fmt::format(".param A, in, bf16, 128, 512\n.engine sp\n{}\n", c.source)), c.message);
}

void expect_pe(std::initializer_list<Case> cases) {
    for (const Case &c : cases)
        expect_part(bad(fmt::format(".engine pe\n{}\n", c.source)), c.message);
}

void an_error_shows_file_line_column_and_caret(void **) {
    assert_string_equal(bad(".engine sp\n\tmove r1, BAD + 1\n").c_str(),
                        "test.s:2:11: error: undefined symbol 'BAD'\n    \tmove r1, BAD + 1\n    \t         ^~~\n");
}

void an_error_in_a_macro_shows_the_calls(void **) {
    const std::string text = bad(".macro in x\nmove r1, x\n.endm\n.macro out\nin r2\n.endm\n.engine sp\nout\n");
    expect_part(text, "test.s:5:4: error: 'r2' is a register; a constant is needed here");
    expect_part(text, "test.s:5:1: note: in macro 'in'\ntest.s:8:1: note: in macro 'out'\n");
}

void several_errors_come_in_one_go(void **) {
    const std::string text = bad(".engine sp\nfoo\nmove r64, 0\njump nowhere\n");
    expect_part(text, "test.s:2:1: error: unknown instruction or macro 'foo'");
    expect_part(text, "test.s:3:6: error: there is no register r64; they are r0..r63");
    expect_part(text, "test.s:4:6: error: undefined label 'nowhere' in the stream of SP");
}

void the_number_of_errors_is_limited(void **) {
    const auto image = assembler::assemble(".engine sp\n.rept 100000\nfoo\n.endr\n");
    assert_false(image.has_value());
    assert_int_equal(image.error().size(), assembler::Diagnostics::limit);
}

void words_that_are_nearly_right_get_a_hint(void **) {
    expect_sp({{"dma_laod r1", "did you mean 'dma_load'?"}, {".engin sp", "did you mean '.engine'?"}});
    expect({{".equ WIDTH, 4\n.engine sp\nmove r1, WIDHT", "did you mean 'WIDTH'?"}});
}

void malformed_tokens_are_named(void **) {
    expect_sp({{"move r1, 12ab", "'12ab' is not a number"},
               {"move r1, 0x", "'0x' is not a number"},
               {"move r1, 99999999999999999999", "does not fit 64 bits"},
               {".error \"open", "text without closing quote"},
               {"move r1, ?", "stray character '?'"},
               {"nop \x01", "stray byte 0x01"},
               {"\xc3\xa4\xc3\xb6", "stray byte 0xc3"}});
}

void bad_expressions_are_named(void **) {
    expect_sp({{"move r1, 1 +", "expected an expression, found end of line"},
               {"move r1, (1 + 2", "expected ')', found end of line"},
               {"move r1, 1 / 0", "division by zero"},
               {"move r1, 1 << 64", "shift by 64 is not in 0..63"},
               {"move r1, 0x7fffffffffffffff + 1", "does not fit 64 bits"},
               {"move r1, foo(1)", "unknown function 'foo'"},
               {"move r1, cdiv(1, 0)", "needs a value >= 0 and a divisor > 0"},
               {"move r1, s3", "'s3' is a semaphore; a constant is needed here"},
               {"move r1, A", "'A' is a parameter; a constant is needed here"},
               {"move r1, " + std::string(1000, '(') + "1", "nested too deep"} /* must not overflow the stack */});
}

void operands_out_of_range_are_named(void **) {
    expect_sp({{"move r1, 0x80000000", "test.s:3:10: error: imm is 2147483648: at most 2147483647"},
               {"move r1, -2147483649", "imm is -2147483649: at least -2147483648"},
               {"jump -1", "target is -1: at least 0"},
               {"load_arg r1, arg32", "there is no launch argument arg32; they are arg0..arg31"},
               {"load_arg r1, 0, high=2", "high is 2: at most 1"},
               {"move r[70], 1", "there is no register r70"},
               {"nop then s256+=1", "there is no semaphore s256; they are s0..s255"},
               {"nop wait s0>=-1", "test.s:3:14: error: semaphore value is -1: at least 0"},
               {"nop wait s0>=0x100000000", "semaphore value is 4294967296: at most 4294967295"},
               {"dma_load sbuf.bf16[0:1, 0, 1], A[0, 1, 1], ring=16", "test.s:3:49: error: ring is 16: at most 15"}});
}

void wrong_operands_are_named(void **) {
    expect_sp({{"move 5, 1", "expected a register, found '5'"},
               {"move r1", "'move' needs operand 'imm': Value."},
               {"move r1, 1, 2", "too many operands; 'move' has rd, imm"},
               {"nop 1", "'nop' takes no operands"},
               {"move r1, imm=1, imm=2", "operand 'imm' is given twice"},
               {"move r1, val=1", "'move' has no operand 'val'; it has rd, imm"},
               {"move r1 1", "expected ',', wait, take, then or end of line, found '1'"},
               {"alu plus, r1, r2, 3", "op: expected one of add, sub, mul, and, or, xor, shl, shr, found 'plus'"},
               {"add r1, r2, r3 + r4", "only one register can be added"},
               {"add r1, r2, 1 - r4", "a register can only be added"},
               {"jump r1", "expected a label, found a reserved word 'r1'"},
               {"load_arg r1, B", "'B' is not a parameter; there is A"}});
    expect_pe({{"matmul psum.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8], begin",
                "flags: expected any of start, stop joined by '|', or 0, found 'begin'"},
               {"matmul psum.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8], 1", "found '1'"}});
}

void instructions_stay_on_their_engines(void **) {
    expect({{".engine sp\nldweights sbuf.bf16[0:1, 0, 1]", "'ldweights' does not run on SP; it runs on PE"},
            {".engine pe\ncopy sbuf.bf16[0:1, 0, 1], sbuf.bf16[0:1, 0, 1]",
             "'copy' does not run on PE; it runs on ACT, DVE and POOL"},
            {"nop", "'nop' before .engine"},
            {"x: nop", "label 'x' before .engine"},
            {".raw \"00\"", ".raw before .engine"},
            {".engine gpu\nnop", "expected an engine (pe, act, dve, pool, sp), found 'gpu'"},
            {"", "no engine has instructions"}});
}

void tiles_obey_the_rules_of_the_hardware(void **) {
    expect_pe(
        {{"ldweights hbm.bf16[0:1, 0, 1]", "expected a tile's memory (sbuf, psum), found 'hbm'"},
         {"ldweights sbuf.f8[0:1, 0, 1]", "expected an element type (bf16, f16, f32,"},
         {"ldweights sbuf.bf16[0:0, 0, 1]", "partitions 0:0 are not within 0:128"},
         {"ldweights sbuf.bf16[0:129, 0, 1]", "partition is 129: at most 128"},
         {"ldweights sbuf.bf16[4:2, 0, 1]", "partitions 4:2 are not within"},
         {"ldweights sbuf.bf16[16:32, 0, 1]", "16 partitions may not start at 16: the start must be a multiple of 32"},
         {"ldweights sbuf.bf16[32:96, 0, 1]", "64 partitions may not start at 32: the start must be a multiple of 64"},
         {"ldweights sbuf.bf16[32:97, 0, 1]", "65 partitions may not start at 32: the start must be a multiple of 128"},
         {"ldweights sbuf.bf16[0:1, 1, 1]", "byte offset 1 is not a multiple of the element size 2"},
         {"ldweights sbuf.bf16[0:1, -2, 1]", "byte offset is -2: at least 0"},
         {"ldweights sbuf.bf16[0:1, r1<<1, 1]", "the register of a tile cannot be shifted"},
         {"ldweights sbuf.bf16[0:1, r1 + r2, 1]", "only one register can be added"},
         {"ldweights sbuf.bf16[0:1, 0, 0]", "dimension is 0: at least 1"},
         {"ldweights sbuf.bf16[0:1, 0, 65536]", "dimension is 65536: at most 65535"},
         {"ldweights sbuf.bf16[0:1, 0, 2, 40000]", "step is 40000: at most 32767"},
         {"ldweights sbuf.bf16[0:1, 0, 1, 1, 1, 1, 1]", "too many dimensions; there are at most 4"},
         {"ldweights sbuf.bf16[0:1, 0]", "expected ',' and a dimension, found ']'"},
         {"ldweights sbuf.bf16[0:1, 0, 2@-1]",
          "tile covers bytes -2..1 of each partition, outside SBUF of the largest chip (262144 bytes)"},
         {"matmul psum.f32[0:4, 1024, 512], sbuf.bf16[0:4, 0, 512]",
          "dst covers bytes 1024..3071 of each partition: more than one PSUM bank (2048 bytes)"},
         {"pe_transpose psum.f32[0:4, 2044, 2], sbuf.f32[0:2, 0, 4]", "dst covers bytes 2044..2051 of each partition"},
         {"ldweights psum.f32[0:1, 16380, 2]", "tile covers bytes 16380..16387 of each partition, outside PSUM"}});
    expect({{".sbuf 64\n.engine pe\nldweights sbuf.bf16[0:1, 0, 33]", "tile ends at byte 66, but .sbuf declares 64"},
            {".engine pe\nldweights sbuf.bf16[0:1, 0, 33]\n.sbuf 64",
             ".sbuf declares 64, but a tile before it ends at byte 66"}});
}

void memory_blocks_match_their_tile(void **) {
    expect_sp(
        {{"dma_load sbuf.bf16[0:4, 0, 8], A[0, 5, 8], ring=0", "5 rows here, but the tile has 4 partitions"},
         {"dma_load sbuf.bf16[0:4, 0, 8], A[0, 4, 9], ring=0",
          "9 elements per row here, but the tile has 8 per partition"},
         {"dma_load sbuf.bf16[0:4, 0, 8], A[0, 4], ring=0", "expected ',' and a dimension"},
         {"dma_load sbuf.bf16[0:4, 0, 8], X[0, 4, 8], ring=0", "'X' is not a parameter; there is A"},
         {"dma_load sbuf.bf16[0:4, 0, 8], A[r1<<32, 4, 8], ring=0", "shift is 32: at most 31"},
         {"dma_load sbuf.bf16[0:4, 0, 8], A[0, 4@0x80000000, 8], ring=0", "stride is 2147483648: at most 2147483647"},
         {"dma_load sbuf.bf16[0:4, 0, 8], A[0, 4, 1, 1, 1, 8], ring=0", "too many dimensions; there are at most 3"},
         {"dma_load sbuf.bf16[0:4, 0, 8]", "'dma_load' needs operand 'src': Source."},
         {"dma_load sbuf.bf16[0:4, 0, 8], A[1 << 4, 4, 8], ring=0", "put constants in parentheses"},
         {"dma_load sbuf.bf16[0:4, 0, 8], 5[0, 4, 8], ring=0", "expected a parameter, found '5'"}});
}

void blocks_without_a_tile_agree_with_each_other(void **) {
    expect_sp(
        {{"dma_copy A[0, 4, 8], A.f32[0, 4, 8]",
          "test.s:3:10: error: dst of 'dma_copy' needs its element type: PARAM.f32[…]"},
         {"dma_copy A.f32[0, 4, 8], A[0, 4, 8]", "test.s:3:26: error: src of 'dma_copy' needs its element type"},
         {"dma_copy A.f32[0, 4, 8], A.f32[0, 5, 8]", "test.s:3:35: error: 5 rows here, but the other block has 4"},
         {"dma_copy A.f32[0, 4, 8], A.bf16[0, 4, 2, 3]",
          "test.s:3:26: error: 6 elements per row here, but the other block has 8 per row"},
         {"dma_copy A.f32[0, 0, 8], A.f32[0, 0, 8]", "test.s:3:19: error: rows is 0: at least 1"},
         {"dma_copy A.f32[0, 65536, 8], A.f32[0, 65536, 8]", "rows is 65536: at most 65535"},
         {"dma_copy A.f32[0, 4, 8], A.f32[0, 4, 8], rows=4", "'dma_copy' has no operand 'rows'"},
         {"dma_copy A.f99[0, 4, 8], A.f32[0, 4, 8]", "test.s:3:12: error: expected an element type (bf16,"},
         {"mem_load r1, A[8]", "test.s:3:14: error: src of 'mem_load' needs its element type"},
         {"mem_load r1, A.u32[8, 2, 1]", "2 rows here, but there is 1: one element"},
         {"mem_load r1, A.u32[8, 1, 4]", "4 elements per row here, but there is 1: one element"},
         {"mem_load r1, A.u32[8, 1]", "expected ',' and a dimension, found ']'"},
         {"dma_load sbuf.bf16[0:4, 0, 8], A[0]", "test.s:3:35: error: expected ',', found ']'"}});
}

void scalars_are_checked(void **) {
    const auto memset = [](const std::string &value, std::string_view message) {
        expect_part(bad(".engine dve\nmemset sbuf.f32[0:64, 0, 8], " + value + "\n"), message);
    };
    memset("r5", "test.s:2:30: error: register 'r5' needs its type: f32:r5, i32:r5 or u32:r5");
    memset("16777217", "test.s:2:30: error: fp32 has no 16777217; write 16777217.0 for the nearest number");
    memset("0x7fffffffffffffff", "fp32 has no 9223372036854775807");
    memset("1e99", "test.s:2:30: error: '1e99' is out of the range of fp32");
    memset("1e-99", "'1e-99' is out of the range of fp32");
    memset("-nan", "test.s:2:31: error: nan has no sign; write its bits: f32:0xffc00000");
    memset("1.5 + 1", "expected ',', wait, take, then or end of line, found '+'");
    memset("1 + 1.5", "test.s:2:34: error: '1.5' is no whole number; one is needed here");
    memset("1.5e", "test.s:2:30: error: '1.5e' is not a number");
    memset("f32:1.5", "test.s:2:34: error: f32: takes bits or a register; write 1.5 alone");
    memset("f32:-1", "test.s:2:34: error: f32:-1 is not in 0..4294967295");
    memset("f32:0x100000000", "is not in 0..4294967295");
    memset("i32:0x80000000", "test.s:2:34: error: i32:2147483648 is not in -2147483648..2147483647");
    memset("u32:-1", "test.s:2:34: error: u32:-1 is not in 0..4294967295");
    memset("u32:r64", "test.s:2:34: error: there is no register r64");
    memset("bf16:r5", "undefined symbol 'bf16'");
    memset("\"x\"", "test.s:2:30: error: expected an expression, found \"x\"");
    memset("sbuf.f32[0:32, 0]", "test.s:2:30: error: 32 partitions here, but the tile has 64");
    memset("sbuf.f32[32:96, 0]", "64 partitions may not start at 32: the start must be a multiple of 64");
    memset("sbuf.f32[0:64, 0, 8]", "test.s:2:46: error: a column has no dimensions: it is one element per partition");
    memset("sbuf.f32[0:64, 2]", "test.s:2:30: error: byte offset 2 is not a multiple of the element size 4");
    memset("psum.f32[0:64, 16384]", "tile covers bytes 16384..16387 of each partition, outside PSUM");
    memset("sbuf.f32[0:64]", "expected ',', found ']'");
    memset("sbuf.f31[0:64, 0]", "test.s:2:35: error: expected an element type (bf16,");
    expect({{".sbuf 64\n.engine dve\nmemset sbuf.f32[0:64, 0, 8], sbuf.f32[0:64, 64]",
             "tile ends at byte 68, but .sbuf declares 64"}});
}

void fp32_numbers_are_checked(void **) {
    const auto fill = [](const std::string &value, std::string_view message) {
        expect_part(bad(".engine dve\nmatch_replace8 sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], " +
                        value + "\n"),
                    message);
    };
    fill("f32:r5", "test.s:2:83: error: 'r5' is a register; a constant is needed here");
    fill("33554433", "test.s:2:79: error: fp32 has no 33554433");
    fill("i32:5", "undefined symbol 'i32'");
    fill("1e39", "test.s:2:79: error: '1e39' is out of the range of fp32");
    fill("", "expected an expression, found end of line");
}

void arrays_have_their_length(void **) {
    const auto iota = [](const std::string &value, std::string_view message) {
        expect_part(bad(".engine pool\niota sbuf.i32[0:4, 0, 8], 0, 1, " + value + "\n"), message);
    };
    iota("[1, 2, 3]", "test.s:2:33: error: steps takes 4 numbers, found 3");
    iota("[1, 2, 3, 4, 5]", "test.s:2:33: error: steps takes 4 numbers, found 5");
    iota("1", "test.s:2:33: error: expected '[', found '1'");
    iota("[1, 2, 3, 4", "expected ']', found end of line");
    iota("[]", "test.s:2:34: error: expected an expression, found ']'");
    iota("[1, 2, 0x80000000, 4]", "test.s:2:40: error: steps is 2147483648: at most 2147483647");
    iota("[1, 2.5, 3, 4]", "test.s:2:37: error: '2.5' is no whole number");
    expect_part(bad(".engine dve\nstream_shuffle sbuf.f32[0:32, 0, 8], sbuf.f32[0:32, 0, 8], [256]\n"),
                "mask is 256: at most 31, or 255");
}

// What the contract says of the numbers, partitions and elements of single operands.
void operands_stay_in_their_ranges(void **) {
    const auto on = [](std::string_view engine, std::string_view line, std::string_view message) {
        expect_part(bad(fmt::format(".param A, in, u8, 1\n.engine {}\n{}\n", engine, line)), message);
    };
    on("sp", "sem_clear s8, 0", "test.s:3:15: error: count is 0: at least 1");
    on("sp", "sem_clear s8, 257", "test.s:3:15: error: count is 257: at most 256");
    on("sp", "core_barrier 256", "test.s:3:14: error: sem is 256: at most 255");
    on("sp", "dma_reduce sbuf.u8[0:1, 0, 1], A[0, 1, 1], source_stride=1, sources=17",
       "test.s:3:69: error: sources is 17: at most 16");
    on("sp", "dma_reduce sbuf.u8[0:1, 0, 1], A[0, 1, 1], source_stride=1, sources=0", "sources is 0: at least 1");
    on("sp", "dma_copy A.u8[0, 1, 4096, 4097], A.u8[0, 1, 4096, 4097]",
       "test.s:3:10: error: dst has 16781312 elements per row: at most 16777216");
    on("sp", "dma_gather sbuf.u8[0:4, 0, 8], A[0, 4, 8], sbuf.u32[0:4, 64, 2], bound=9",
       "test.s:3:44: error: index has 2 elements per partition: only 1");
    on("sp", "tensor_load r1, sbuf.u32[0:2, 0, 1]", "test.s:3:17: error: src has 2 partitions: only 1");
    on("sp", "tensor_store sbuf.u32[0:1, 0, 2], r1", "test.s:3:14: error: dst has 2 elements per partition: only 1");
    on("pe", "ldweights sbuf.bf16[0:128, 0, 257]",
       "test.s:3:11: error: src has 257 elements per partition: at most 256");
    on("pe", "ldweights sbuf.bf16[0:64, 0, 64], cols=half, col=16", "test.s:3:50: error: col is 16: a multiple of 32");
    on("pe", "ldweights sbuf.bf16[0:64, 0, 64], cols=half, col=128", "col is 128: at most 96");
    on("pe", "matmul psum.f32[0:128, 0, 513], sbuf.bf16[0:128, 0, 513]",
       "test.s:3:8: error: dst has 513 elements per partition: at most 512");
    on("pe", "matmul psum.f32[0:128, 0, 512], sbuf.f8e5m2[0:128, 0, 1025]",
       "test.s:3:33: error: moving has 1025 elements per partition: at most 1024");
    on("pe", "pe_transpose psum.u8[0:4, 0, 4], sbuf.u8[0:4, 0, 129]",
       "src has 129 elements per partition: at most 128");
    on("dve", "tensor_reduce sbuf.f32[0:4, 64, 1], sbuf.f32[0:4, 0, 8], add, axes=0", "axes is 0: at least 1");
    on("dve", "tensor_reduce sbuf.f32[0:4, 64, 1], sbuf.f32[0:4, 0, 8], add, axes=5", "axes is 5: at most 4");
    on("dve", "read_acc sbuf.f32[0:4, 0, 2]", "dst has 2 elements per partition: only 1");
    on("dve", "bn_stats sbuf.f32[0:4, 0, 5], sbuf.f32[0:4, 64, 512]", "dst has 5 elements per partition: only 6");
    on("dve", "bn_stats sbuf.f32[0:4, 0, 6], sbuf.f32[0:4, 64, 513]",
       "src has 513 elements per partition: at most 512");
    on("dve", "bn_aggr sbuf.f32[0:4, 0, 2], sbuf.f32[0:4, 64, 7]", "src has 7 elements per partition: a multiple of 3");
    on("dve", "bn_aggr sbuf.f32[0:4, 0, 2], sbuf.f32[0:4, 64, 2]", "src has 2 elements per partition: at least 3");
    on("dve", "max8 sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 64, 7]", "src has 7 elements per partition: at least 8");
    on("dve", "max8 sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 64, 16385]",
       "src has 16385 elements per partition: at most 16384");
    on("dve", "find_index8 sbuf.u16[0:4, 0, 8], sbuf.f32[0:4, 64, 9], sbuf.f32[0:4, 128, 8]",
       "values has 9 elements per partition: only 8");
    on("dve", "match_replace8_index sbuf.f32[0:4, 0, 8], sbuf.u32[0:4, 64, 8], 1.0, sbuf.f32[0:4, 128, 8], 0.0",
       "test.s:3:65: error: values of 'match_replace8_index' is a column, not a number");
    on("dve", "stream_shuffle sbuf.u8[0:16, 0, 4], sbuf.u8[0:16, 64, 4], [0]", "dst has 16 partitions: at least 32");
    on("dve", "stream_shuffle sbuf.u8[0:33, 0, 4], sbuf.u8[0:33, 64, 4], [0]",
       "dst has 33 partitions: a multiple of 32");
    on("dve", "stream_shuffle sbuf.u8[0:32, 0, 4], sbuf.u8[0:32, 64, 4], [254]",
       "test.s:3:60: error: mask is 254: at most 31, or 255");
    on("dve", "set_rng_seed sbuf.u32[0:2, 0, 1]", "src has 2 partitions: only 1");
    on("dve", "select_reduce sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], sbuf.u32[0:4, 64, 8], 0.0",
       "pred of 'select_reduce' is of type u8 or u16, not u32");
    on("pool", "partition_reduce sbuf.f32[0:2, 0, 8], sbuf.f32[0:4, 64, 8], add", "dst has 2 partitions: only 1");
    on("pool", "local_gather sbuf.u8[0:16, 0, 8], sbuf.u8[0:16, 64, 8], sbuf.u16[0:16, 128, 1], 3",
       "test.s:3:81: error: run is 3: a power of two");
    on("pool", "local_gather sbuf.u8[0:16, 0, 8], sbuf.u8[0:16, 64, 8], sbuf.u16[0:16, 128, 1], 64",
       "run is 64: at most 32");
    on("pool", "local_gather sbuf.u8[0:24, 0, 8], sbuf.u8[0:16, 64, 8], sbuf.u16[0:16, 128, 1], 1",
       "dst has 24 partitions: a multiple of 16");
}

// SBUF is that of the chip, if the kernel names one, else that of the largest; a register only adds.
void tiles_end_where_the_memory_of_the_chip_does(void **) {
    const auto on = [](std::string_view profile, std::string_view line) {
        return fmt::format("{}.engine dve\n{}\n", profile, line);
    };
    const std::string_view trn2 = ".profile trn2\n", any;
    (void)good(on(any, "memset sbuf.f32[0:4, 262140, 1], 0.0"));
    expect_part(
        bad(on(any, "memset sbuf.f32[0:4, 262140, 2], 0.0")),
        "test.s:2:8: error: tile covers bytes 262140..262147 of each partition, outside SBUF of the largest chip "
        "(262144 bytes)");
    (void)good(on(trn2, "memset sbuf.f32[0:4, 229372, 1], 0.0"));
    expect_part(
        bad(on(trn2, "memset sbuf.f32[0:4, 229376, 1], 0.0")),
        "test.s:3:8: error: tile covers bytes 229376..229379 of each partition, outside SBUF of trn2 (229376 bytes)");
    expect_part(bad(on(trn2, "memset sbuf.f32[0:4, 0, 1], sbuf.f32[0:4, 229376]")),
                "test.s:3:29: error: tile covers bytes");
    (void)good(on(trn2, "memset sbuf.f32[0:4, 229375 + r1, 1], 0.0"));
    expect_part(bad(on(trn2, "memset sbuf.f32[0:4, 229376 + r1, 1], 0.0")),
                "test.s:3:8: error: byte offset 229376 lies outside SBUF of trn2 (229376 bytes)");
    expect_part(bad(on(any, "memset psum.f32[0:4, 16384 + r1, 1], 0.0")), "byte offset 16384 lies outside PSUM");
    expect_part(
        bad(on(trn2, "memset sbuf.f32[0:4, 0, 2@0, 28673@0], 0.0")),
        "test.s:3:8: error: a walk of 57346 elements: at most 57344, as many as fit into a partition of SBUF of trn2");
    (void)good(on(trn2, "memset sbuf.f32[0:4, 0, 2@0, 28672@0], 0.0"));
}

void operands_stay_in_their_memory_and_type(void **) {
    expect_pe({{"ldweights psum.bf16[0:4, 0, 8]", "test.s:2:11: error: src of 'ldweights' lies in sbuf, not in psum"},
               {"matmul sbuf.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8]", "dst of 'matmul' lies in psum, not in sbuf"},
               {"matmul psum.bf16[0:4, 0, 8], sbuf.bf16[0:4, 0, 8]",
                "test.s:2:8: error: dst of 'matmul' is of type f32, not bf16"},
               {"ldweights sbuf.i8[0:4, 0, 8]", "src of 'ldweights' is of type bf16, f16, f32, tf32, "}});
    expect({{".engine pool\ncopy sbuf.f32[0:4, 0, 8], psum.f32[0:4, 0, 8]",
             "test.s:2:27: error: 'copy' on POOL reaches sbuf only; src lies in psum"},
            {".engine pool\nmemset sbuf.f32[0:4, 0, 8], psum.f32[0:4, 0]",
             "'memset' on POOL reaches sbuf only; value lies in psum"},
            {".engine dve\nrange_select sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], is_ge, i32:0, is_lt, 4.0",
             "bound0 of 'range_select' is of type f32, not i32"},
            {".engine dve\ncopy_predicated sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], sbuf.i8[0:4, 0, 8]",
             "pred of 'copy_predicated' is of type u8, u16 or u32, not i8"}});
}

void a_profile_excludes_what_its_cores_lack(void **) {
    const auto on = [](std::string_view profile, std::string_view engine, std::string_view line) {
        return fmt::format(".profile {}\n.engine {}\n{}\n", profile, engine, line);
    };
    const std::string_view transpose = "pe_transpose psum.bf16[0:8, 0, 4], sbuf.bf16[0:4, 0, 8]";
    const std::string_view scale = "tensor_scalar sbuf.bf16[0:4, 0, 8], sbuf.bf16[0:4, 64, 8], mult, 2";
    const std::string_view type = "copy sbuf.f32[0:4, 0, 8], sbuf.f8e4m3fn[0:4, 64, 8]";
    const std::string_view value = "tensor_scalar sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], square, 0";
    const std::string_view column = "memset sbuf.f32[0:4, 0, 8], sbuf.f8e4m3fn[0:4, 64]";
    const std::string_view block = "dma_copy arg0.f8e4m3fn[0, 4, 8], arg1.f32[0, 4, 8]";
    expect({{on("trn1", "pe", transpose),
             "test.s:3:1: error: 'pe_transpose' on PE needs NeuronCore-v3; trn1 has NeuronCore-v2"},
            {on("inf2", "act", scale),
             "test.s:3:1: error: 'tensor_scalar' on ACT needs NeuronCore-v3; inf2 has NeuronCore-v2"},
            {on("trn1", "sp", "core_barrier s1"),
             "test.s:3:1: error: 'core_barrier' on SP needs NeuronCore-v3; trn1 has NeuronCore-v2"},
            {on("trn1", "sp", "dma_send sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 64, 8], r1, s5, value=1"),
             "test.s:3:1: error: 'dma_send' on SP needs NeuronCore-v3; trn1 has NeuronCore-v2"},
            {on("trn2", "dve", type), "test.s:3:27: error: type f8e4m3fn needs NeuronCore-v4; trn2 has NeuronCore-v3"},
            {on("trn2", "dve", value), "test.s:3:57: error: op0 square needs NeuronCore-v4; trn2 has NeuronCore-v3"},
            {on("trn2", "dve", column), "test.s:3:29: error: type f8e4m3fn needs NeuronCore-v4"},
            {on("trn2", "sp", block), "test.s:3:10: error: type f8e4m3fn needs NeuronCore-v4"},
            {on("trn9", "pe", "end"), "test.s:1:10: error: expected a chip profile (inf2, trn1, trn2, trn3), found "},
            {on("trn1\n.profile trn1", "pe", "end"), "test.s:2:10: error: .profile is already given at line 1"},
            {".engine pe\nend\n.profile trn1", "test.s:3:10: error: .profile comes before the first instruction"}});
    (void)good(on("trn2", "pe", transpose));
    (void)good(on("trn2", "act", scale));
    (void)good(on("trn1", "dve", scale));
    for (const std::string_view line : {type, value, column})
        (void)good(on("trn3", "dve", line));
    (void)good(fmt::format(".engine dve\n{}\n", type)); // for any chip
}

void a_profile_may_come_from_outside(void **) {
    const auto outside = [](std::string_view source, std::string_view profile) {
        const auto image = assembler::assemble(source, {}, spec::find_profile(profile));
        return image ? std::string() : assembler::render(image.error(), "test.s", source);
    };
    const std::string_view source = ".engine act\ntensor_scalar sbuf.bf16[0:4, 0, 8], sbuf.bf16[0:4, 64, 8], mult, 2\n";
    expect_part(outside(source, "trn1"), "'tensor_scalar' on ACT needs NeuronCore-v3; trn1 has NeuronCore-v2");
    assert_string_equal(outside(source, "trn2").c_str(), "");
    assert_string_equal(outside(".profile trn2\n.engine sp\nend\n", "trn2").c_str(), "");
    expect_part(outside(".profile trn2\n.engine sp\nend\n", "trn1"),
                "test.s:1:10: error: the kernel is for trn2, but --profile says trn1");
}

void waits_and_updates_have_one_form(void **) {
    expect_sp({{"nop wait s0>1", "expected '>=' or '==', found '>'"},
               {"nop take s0==1", "expected '>=', found '=='"},
               {"nop then s0*=1", "expected '+=', '-=' or '=', found '*'"},
               {"nop wait r1>=1", "expected a semaphore, found 'r1'"},
               {"nop wait s0>=1 wait s1>=1", "only one wait or take, and it comes before then"},
               {"nop then s0+=1 wait s1>=1", "only one then, and nothing after it"}});
}

void names_are_defined_once(void **) {
    expect({{".engine sp\nx: nop\nx: nop", "label 'x' is already at line 2"},
            {".equ x, 1\n.equ x, 2", "'x' cannot name a constant: it is the constant of line 1"},
            {".equ x, 1\n.engine sp\nx: nop", "'x' cannot be a label: it is the constant of line 1"},
            {".equ r1, 1", "'r1' cannot name a constant: it is a reserved word"},
            {".equ x, 1\n.set x, 2", "'x' cannot name a variable: it is the constant of line 1"},
            {".param A, in, bf16, 1\n.param A, in, bf16, 1", "'A' cannot name a parameter: it is a parameter"},
            {".macro m\n.endm\n.macro m\n.endm", "macro 'm' is already at line 1"},
            {".macro m a, a\n.endm", "expected a new name of a macro parameter, found 'a'"},
            {".sem s1, s2", "'s1' cannot name a semaphore: it is a reserved word"},
            {".sbuf 1\n.sbuf 2", ".sbuf is already given at line 1"},
            {".cores 0", ".cores 0 is not in 1..32"},
            {".cores 33", ".cores 33 is not in 1..32"},
            {".cores", "expected"},
            {".cores 2, 3", "expected end of line"},
            {".cores 1\n.cores 2", ".cores is already given at line 1"}});
}

void parameters_are_checked(void **) {
    expect({{".param A, both, bf16, 1", "expected in, out, inout or scalar, found 'both'"},
            {".param A, in, float, 1", "expected an element type, found 'float'"},
            {".param A, in, bf16", "a tensor has 1 to 6 dimensions, this one 0"},
            {".param A, in, bf16, 1, 1, 1, 1, 1, 1, 1", "a tensor has 1 to 6 dimensions, this one 7"},
            {".param A, in, bf16, 0", "dimension 0 is not at least 1"},
            {".param A, in, bf16, 1 << 62, 2", "the tensor does not fit 63 bits"},
            {".param A, scalar, bf16", "expected end of line, found ','"},
            {".param a2345678901234567890123456789012, in, bf16, 1", "has 1 to 31 characters"},
            {".rept 33, i\n.param p, scalar\n.endr", "'p' cannot name a parameter"}});
}

void blocks_must_be_closed(void **) {
    expect({{".if 1\nnop", ".if without .endif"},
            {".if 0\n.else\nnop", ".else without .endif"},
            {".if 0\n.else\n.else\n.endif", ".else after .else"},
            {".endif", "this ends a block that was not opened"},
            {".macro m\nnop", ".macro without .endm"},
            {".rept 2\nnop", ".rept without .endr"},
            {".rept -1\n.endr", "cannot repeat -1 times"},
            {".rept 1\n.macro m\n.endm\n.endr", "a macro cannot be defined inside a macro or a repetition"}});
}

void macro_calls_are_checked(void **) {
    expect({{".macro m a, b\n.endm\n.engine sp\nm 1", "macro 'm' takes 2 arguments (a, b), not 1"},
            {".macro m a, b\n.endm\n.engine sp\nm 1, ", "argument 'b' of macro 'm' is empty"}});
}

void endless_expansion_stops(void **) {
    expect({{".macro m\nm\n.endm\n.engine sp\nm", "macros are nested more than 64 deep"},
            {".engine sp\n.rept 1000000000\n.endr", "statements after expansion"}});
}

void error_directive_stops_with_its_text(void **) {
    expect(
        {{".option M, 0\n.if M < 1\n.error \"M must be positive\"\n.endif", "test.s:3:8: error: M must be positive"}});
}

void raw_wants_hexadecimal(void **) {
    expect_sp({{".raw 12", "expected bytes in hexadecimal, in quotes"},
               {".raw \"1g\"", ".raw takes up to 128 bytes"},
               {".raw \"123\"", "odd number"},
               {".raw \"" + std::string(258, '0') + "\"", ".raw takes up to 128 bytes"}});
}

void definitions_must_have_an_option(void **) {
    const std::string_view source = ".option M, 1\n.option N\n.engine sp\nend\n";
    expect_part(bad(source), "test.s:2:9: error: N has no default: give -D N=VALUE");
    expect_part(bad(source, {{"N", "1"}, {"X", "2"}}), "test.s: error: -D X: the source has no .option X; it has M, N");
    expect_part(bad(source, {{"N", "1 +"}}), "test.s: error: -D N=1 +: the value is not a constant expression");
    expect_part(bad(source, {{"N", ""}}), "-D N=: the value is not a constant expression");
    expect_part(bad(source, {{"N", "1"}, {"N", "2"}}), "-D N is given twice");
    expect_no_part(bad(source), "undefined symbol");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_error_shows_file_line_column_and_caret),
        cmocka_unit_test(an_error_in_a_macro_shows_the_calls),
        cmocka_unit_test(several_errors_come_in_one_go),
        cmocka_unit_test(the_number_of_errors_is_limited),
        cmocka_unit_test(words_that_are_nearly_right_get_a_hint),
        cmocka_unit_test(malformed_tokens_are_named),
        cmocka_unit_test(bad_expressions_are_named),
        cmocka_unit_test(operands_out_of_range_are_named),
        cmocka_unit_test(wrong_operands_are_named),
        cmocka_unit_test(instructions_stay_on_their_engines),
        cmocka_unit_test(tiles_obey_the_rules_of_the_hardware),
        cmocka_unit_test(memory_blocks_match_their_tile),
        cmocka_unit_test(blocks_without_a_tile_agree_with_each_other),
        cmocka_unit_test(scalars_are_checked),
        cmocka_unit_test(fp32_numbers_are_checked),
        cmocka_unit_test(arrays_have_their_length),
        cmocka_unit_test(operands_stay_in_their_ranges),
        cmocka_unit_test(tiles_end_where_the_memory_of_the_chip_does),
        cmocka_unit_test(operands_stay_in_their_memory_and_type),
        cmocka_unit_test(a_profile_excludes_what_its_cores_lack),
        cmocka_unit_test(a_profile_may_come_from_outside),
        cmocka_unit_test(waits_and_updates_have_one_form),
        cmocka_unit_test(names_are_defined_once),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(blocks_must_be_closed),
        cmocka_unit_test(macro_calls_are_checked),
        cmocka_unit_test(endless_expansion_stops),
        cmocka_unit_test(error_directive_stops_with_its_text),
        cmocka_unit_test(raw_wants_hexadecimal),
        cmocka_unit_test(definitions_must_have_an_option),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("asm_error", tests, nullptr, nullptr);
}
