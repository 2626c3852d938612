// SPDX-License-Identifier: MIT
// The assembler on correct sources: what each form of the language means, byte for byte.
#include "asm_support.hpp"

namespace {

using namespace asm_test;
using spec::Engine;

// The one instruction of `text` on `engine`, with parameters A (index 0) and B (index 1).
template<class T>
T one(std::string_view text, std::string_view engine = "sp", std::string_view before = "") {
    const std::string source = std::string(".param A, in, bf16, 128, 512\n.param B, out, bf16, 128, 512\n") +
                               std::string(before) + "\n.engine " + std::string(engine) + "\n" + std::string(text) +
                               "\n";
    const KernelImage image = good(source);
    for (const auto &instructions : image.streams)
        if (!instructions.empty()) {
            assert_int_equal(instructions.size(), 1);
            assert_int_equal(std::to_integer<int>(instructions[0][0]), spec::raw(T::OPCODE));
            return spec::unpack<T>(instructions[0]);
        }
    fail_msg("no instruction");
    return {};
}

std::int64_t expression(const std::string &text) { return one<spec::InsnMove>("move r1, " + text).imm; }

void expressions_follow_c_precedence(void **) {
    assert_int_equal(expression("2 + 3 * 4"), 14);
    assert_int_equal(expression("(2 + 3) * 4"), 20);
    assert_int_equal(expression("10 - 3 - 2"), 5);
    assert_int_equal(expression("1 << 2 + 1"), 8);
    assert_int_equal(expression("0xf0 | 1 ^ 3 & 2"), 0xf3);
    assert_int_equal(expression("7 / 2 + 7 % 4"), 6);
    assert_int_equal(expression("-7 / 2"), -3);
    assert_int_equal(expression("1 + 1 == 2 && 3 > 2"), 1);
    assert_int_equal(expression("1 == 2 || 2 <= 1"), 0);
    assert_int_equal(expression("-2 >> 1"), -1);
    assert_int_equal(expression("~0x0f & 0xff"), 0xf0);
    assert_int_equal(expression("!5 + !0"), 1);
}

void functions_of_expressions_compute(void **) {
    assert_int_equal(expression("min(3, 2) + max(3, 2) * 10"), 32);
    assert_int_equal(expression("cdiv(129, 128)"), 2);
    assert_int_equal(expression("cdiv(128, 128)"), 1);
    assert_int_equal(expression("align(129, 64)"), 192);
    assert_int_equal(expression("defined(NOPE)"), 0);
}

void numbers_have_three_bases(void **) {
    assert_int_equal(expression("0x1F"), 31);
    assert_int_equal(expression("0b101"), 5);
    assert_int_equal(expression("1_000"), 1000);
    assert_int_equal(expression("-2147483648"), INT32_MIN);
}

void comments_have_three_forms(void **) {
    const KernelImage image = good(".engine sp ; one\n# two\nnop // three\n  ; four\nend# five\n");
    assert_int_equal(stream(image, Engine::SP).size(), 2);
}

void backslash_joins_lines(void **) { assert_int_equal(expression("1 + \\\n 2"), 3); }

void sums_take_register_number_or_both(void **) {
    auto alu = one<spec::InsnAlu>("alu add, r4, r5, r6");
    assert_int_equal(alu.rb, 6);
    assert_int_equal(alu.imm, 0);
    alu = one<spec::InsnAlu>("alu sub, r4, r5, 128");
    assert_int_equal(alu.rb, 0);
    assert_int_equal(alu.imm, 128);
    assert_int_equal(spec::raw(alu.op), spec::raw(spec::AluOp::SUB));
    alu = one<spec::InsnAlu>("alu add, r4, r5, r6 - 2 * 3");
    assert_int_equal(alu.rb, 6);
    assert_int_equal(alu.imm, -6);
    assert_int_equal(one<spec::InsnAlu>("alu shl, r4, r5, 1 << 3").imm, 8);
}

void short_forms_mean_their_instruction(void **) {
    const auto alu = one<spec::InsnAlu>("shr r1, r2, r3 + 4");
    assert_int_equal(spec::raw(alu.op), spec::raw(spec::AluOp::SHR));
    assert_int_equal(alu.rd, 1);
    assert_int_equal(alu.ra, 2);
    const auto branch = one<spec::InsnBranch>("bge r7, 9, 3");
    assert_int_equal(spec::raw(branch.cond), spec::raw(spec::Cond::GE));
    assert_int_equal(branch.ra, 7);
    assert_int_equal(branch.imm, 9);
    assert_int_equal(branch.target, 3);
    const auto jump = one<spec::InsnBranch>("jump 2");
    assert_int_equal(spec::raw(jump.cond), spec::raw(spec::Cond::ALWAYS));
    assert_int_equal(jump.target, 2);
}

void named_operands_come_in_any_order(void **) {
    const auto load = one<spec::InsnDmaLoad>("dma_load ring=3, src=A[0, 4, 8], dst=sbuf.bf16[0:4, 64, 8]");
    assert_int_equal(load.ring, 3);
    assert_int_equal(load.dst.offset, 64);
    assert_int_equal(load.src.num[0], 8);
}

void bools_are_written_by_name(void **) {
    assert_int_equal(one<spec::InsnLoadArg>("load_arg r1, B").high, 0);
    const auto high = one<spec::InsnLoadArg>("load_arg r1, B, high");
    assert_int_equal(high.high, 1);
    assert_int_equal(high.arg, 1);
    assert_int_equal(one<spec::InsnLoadArg>("load_arg r1, 7, high=1").arg, 7);
    assert_int_equal(one<spec::InsnLoadArg>("load_arg r1, arg31").arg, 31);
}

void flags_join_with_a_bar(void **) {
    const std::string tiles = "matmul psum.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8]";
    const auto flags = [&](const std::string &text) { return one<spec::InsnMatmul>(tiles + text, "pe").flags; };
    assert_int_equal(flags(""), 0);
    assert_int_equal(flags(", 0"), 0);
    assert_int_equal(flags(", start"), 1);
    assert_int_equal(flags(", flags=start|stop"), 3);
}

void tile_steps_default_to_dense(void **) {
    const auto tile = one<spec::InsnLdweights>("ldweights sbuf.f32[32:64, 0x100 + r5, 2, 3, 4]", "pe").src;
    assert_int_equal(tile.partition, 32);
    assert_int_equal(tile.partitions, 32);
    assert_int_equal(tile.offset, 0x100);
    assert_int_equal(tile.reg, 5);
    assert_int_equal(spec::raw(tile.dtype), spec::raw(spec::Dtype::F32));
    const std::array<std::uint16_t, 4> num = {4, 3, 2, 1};
    const std::array<std::int16_t, 4> step = {1, 4, 12, 0};
    assert_memory_equal(tile.num.data(), num.data(), sizeof num);
    assert_memory_equal(tile.step.data(), step.data(), sizeof step);
}

void tile_steps_can_be_given(void **) {
    const auto tile = one<spec::InsnLdweights>("ldweights sbuf.bf16[0:1, 64, 3@0, 5, 4@-2 + 1]", "pe").src;
    const std::array<std::int16_t, 4> step = {-1, -4, 0, 0};
    assert_memory_equal(tile.step.data(), step.data(), sizeof step);
}

void memory_strides_default_to_dense(void **) {
    const auto load = one<spec::InsnDmaLoad>("dma_load sbuf.f32[0:8, 0, 12], A[16, 8, 3, 4], ring=0");
    assert_int_equal(load.src.offset, 16);
    assert_int_equal(load.src.partition_stride, 48);
    assert_int_equal(load.src.stride[0], 4);
    assert_int_equal(load.src.stride[1], 16);
    assert_int_equal(load.src.num[0], 4);
    assert_int_equal(load.src.num[1], 3);
    assert_int_equal(load.src.num[2], 1);
}

void memory_addresses_shift_a_register(void **) {
    const auto store =
        one<spec::InsnDmaStore>("dma_store B[r9<<7 - 2 * 8, 8@-1024, 12@2], sbuf.bf16[0:8, 0, 12], ring=15");
    assert_int_equal(store.dst.offset, -16);
    assert_int_equal(store.dst.reg, 9);
    assert_int_equal(store.dst.shift, 7);
    assert_int_equal(store.dst.arg, 1);
    assert_int_equal(store.dst.partition_stride, -1024);
    assert_int_equal(store.ring, 15);
}

void memory_may_have_a_type_of_its_own(void **) {
    const auto load = one<spec::InsnDmaLoad>("dma_load sbuf.f32[0:8, 0, 12], A.bf16[0, 8, 12]");
    assert_int_equal(load.src.dtype, spec::raw(spec::Dtype::BF16));
    assert_int_equal(load.src.stride[0], 2);
    assert_int_equal(load.src.partition_stride, 24);
    assert_int_equal(one<spec::InsnDmaLoad>("dma_load sbuf.f32[0:8, 0, 12], A[0, 8, 12]").src.dtype, 0);
}

void memory_takes_its_rows_from_the_data_not_from_the_indices(void **) {
    const auto gather = one<spec::InsnDmaGather>(
        "dma_gather sbuf.f32[0:8, 0, 12], A[0, 8@256, 12], sbuf.u32[0:8, 512, 1], ring=1, bound=100");
    assert_int_equal(gather.src.partition_stride, 256);
    assert_int_equal(gather.src.num[0], 12);
    assert_int_equal(gather.bound, 100);
    const auto scatter = one<spec::InsnDmaScatter>(
        "dma_scatter A[0, 8@256, 12], sbuf.f32[0:8, 0, 12], sbuf.u32[0:8, 512, 1], oob=skip, bound=100");
    assert_int_equal(scatter.dst.num[0], 12);
    assert_int_equal(spec::raw(scatter.oob), spec::raw(spec::OobMode::SKIP));
}

void blocks_of_memory_store_their_rows(void **) {
    const auto copy = one<spec::InsnDmaCopy>("dma_copy B.f32[0, 300, 2, 4], A.bf16[64, 300@-16, 8], ring=2, op=add");
    assert_int_equal(copy.rows, 300);
    assert_int_equal(copy.dst.dtype, spec::raw(spec::Dtype::F32));
    assert_int_equal(copy.dst.partition_stride, 32);
    assert_int_equal(copy.src.partition_stride, -16);
    assert_int_equal(copy.ring, 2);
    assert_int_equal(spec::raw(copy.op), spec::raw(spec::DmaOp::ADD));
}

void one_element_of_memory_needs_no_shape(void **) {
    const auto load = one<spec::InsnMemLoad>("mem_load r1, A.u16[r2<<1 + 4]");
    assert_int_equal(load.src.reg, 2);
    assert_int_equal(load.src.shift, 1);
    assert_int_equal(load.src.offset, 4);
    assert_int_equal(load.src.num[0], 1);
    assert_int_equal(load.src.num[2], 1);
    assert_int_equal(load.src.partition_stride, 0);
    assert_int_equal(one<spec::InsnMemStore>("mem_store A.u16[0, 1, 1], r3").ra, 3);
}

spec::Scalar scalar(const std::string &text) {
    return one<spec::InsnMemset>("memset sbuf.f32[0:64, 0, 8], " + text, "dve", ".equ N, 3\n.reg k, r7").value;
}

void expect_number(const std::string &text, spec::Dtype type, std::uint32_t bits) {
    spec::Scalar want;
    want.kind = spec::ScalarKind::IMM;
    want.dtype = type;
    want.value = bits;
    if (!(scalar(text) == want))
        fail_msg("%s: got %#x", text.c_str(), scalar(text).value);
}

void scalars_are_numbers_in_fp32(void **) {
    const auto f32 = [](const std::string &text, std::uint32_t bits) { expect_number(text, spec::Dtype::F32, bits); };
    f32("1.5", 0x3fc00000);
    f32("+1.5", 0x3fc00000);
    f32("-0.25", 0xbe800000);
    f32("1e-5", 0x3727c5ac);
    f32("1E+2", 0x42c80000);
    f32("1_0.2_5", 0x41240000);
    f32("0.1", 0x3dcccccd); // the nearest
    f32("3", 0x40400000);
    f32("-(N + 1) * 2", 0xc1000000);
    f32("-0.0", 0x80000000);
    f32("0", 0);
    f32("16777216", 0x4b800000);
    f32("16777217.0", 0x4b800000);
    f32("inf", 0x7f800000);
    f32("-inf", 0xff800000);
    f32("nan", 0x7fc00000);
    f32("1e-45", 1);
    f32("3.4028235e38", 0x7f7fffff);
    f32("f32:0x7fc00001", 0x7fc00001);
}

void scalars_are_integers_by_their_type(void **) {
    expect_number("i32:-N", spec::Dtype::I32, 0xfffffffd);
    expect_number("u32:0xffffffff", spec::Dtype::U32, 0xffffffff);
}

void scalars_are_registers_by_their_type(void **) {
    for (const auto &[text, type] : {std::pair("f32:r5", spec::Dtype::F32), std::pair("i32:r[N + 2]", spec::Dtype::I32),
                                     std::pair("u32:r5", spec::Dtype::U32)}) {
        spec::Scalar want;
        want.kind = spec::ScalarKind::REG;
        want.dtype = type;
        want.reg = 5;
        assert_true(scalar(text) == want);
    }
    assert_int_equal(scalar("f32:k").reg, 7);
}

void scalars_are_columns(void **) {
    spec::Scalar want;
    want.kind = spec::ScalarKind::VECTOR;
    want.dtype = spec::Dtype::BF16;
    want.space = spec::Space::PSUM;
    want.partition = 64;
    want.reg = 7;
    want.value = 6;
    assert_true(scalar("psum.bf16[64:128, k + N * 2]") == want);
    assert_int_equal(good(".engine dve\nmemset psum.f32[0:4, 0, 8], sbuf.f32[0:4, 64]\n").sbuf_bytes, 68);
    assert_int_equal(good(".engine dve\nmemset sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, r1]\n").sbuf_bytes, 0);
}

void a_scalar_that_is_left_out_is_zero_in_fp32(void **) {
    const auto insn =
        one<spec::InsnTensorScalar>("tensor_scalar sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], add, 2.0", "dve");
    assert_int_equal(insn.operand0.value, 0x40000000);
    assert_int_equal(spec::raw(insn.op1), spec::raw(spec::TensorOp::BYPASS));
    assert_int_equal(insn.operand1.value, 0);
    assert_int_equal(spec::raw(insn.operand1.dtype), spec::raw(spec::Dtype::F32));
}

void fp32_operands_are_numbers(void **) {
    const std::string tile = "sbuf.f32[0:4, 0, 8]";
    const auto insn = one<spec::InsnMatchReplace8>(
        "match_replace8 " + tile + ", " + tile + ", " + tile + ", imm=-3.4028235e38", "dve");
    assert_int_equal(insn.imm, 0xff7fffff);
}

void arrays_are_lists(void **) {
    const auto insn = one<spec::InsnIota>("iota sbuf.i32[0:4, 0, 8], 5, channel=-1, steps=[1, -2, 1 << 4, 0]", "pool");
    const std::array<std::int32_t, 4> want = {1, -2, 16, 0};
    assert_memory_equal(insn.steps.data(), want.data(), sizeof want);
    assert_int_equal(insn.base, 5);
    assert_int_equal(insn.channel, -1);
}

void semaphores_that_are_operands_have_their_names(void **) {
    assert_int_equal(one<spec::InsnCoreBarrier>("core_barrier s7").sem, 7);
    assert_int_equal(one<spec::InsnCoreBarrier>("core_barrier 7").sem, 7);
    assert_int_equal(one<spec::InsnCoreBarrier>("core_barrier full", "sp", ".sem full, s9").sem, 9);
}

void macros_take_numbers_and_columns(void **) {
    const KernelImage image = good(".macro fill dst, x\nmemset dst, x\n.endm\n.engine dve\n"
                                   "fill sbuf.f32[0:4, 0, 8], -0.25\nfill sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 64]\n");
    assert_int_equal(spec::unpack<spec::InsnMemset>(stream(image, Engine::DVE)[0]).value.value, 0xbe800000);
    assert_int_equal(spec::unpack<spec::InsnMemset>(stream(image, Engine::DVE)[1]).value.value, 64);
}

void waits_and_updates_go_to_the_header(void **) {
    const auto header = [](const char *text) { return one<spec::InsnNop>(text).header; };
    auto h = header("nop wait s1>=2 then s3+=4");
    assert_int_equal(spec::raw(h.wait_op), spec::raw(spec::WaitOp::GE));
    assert_int_equal(h.wait_sem, 1);
    assert_int_equal(h.wait_value, 2);
    assert_int_equal(spec::raw(h.update_op), spec::raw(spec::UpdateOp::ADD));
    assert_int_equal(h.update_sem, 3);
    assert_int_equal(h.update_value, 4);
    assert_int_equal(spec::raw(header("nop wait s255==0xffffffff").wait_op), spec::raw(spec::WaitOp::EQ));
    assert_int_equal(spec::raw(header("nop take s1>=2").wait_op), spec::raw(spec::WaitOp::TAKE));
    assert_int_equal(spec::raw(header("nop then s1-=2").update_op), spec::raw(spec::UpdateOp::SUB));
    assert_int_equal(spec::raw(header("nop then s1=2").update_op), spec::raw(spec::UpdateOp::SET));
    assert_int_equal(header("nop").update_sem, 0);
}

void aliases_stand_for_registers_and_semaphores(void **) {
    const auto move = one<spec::InsnMove>("move k, 1 wait full>=1", "sp",
                                          ".equ FIRST, 40\n.reg k, r[FIRST + 2]\n.sem full, s[FIRST / 2]");
    assert_int_equal(move.rd, 42);
    assert_int_equal(move.header.wait_sem, 20);
}

void register_aliases_belong_to_their_engine(void **) {
    const KernelImage image =
        good(".engine sp\n.reg k, r1\nmove k, 0\n.engine act\n.reg k, r2\nmove k, 0\n.engine sp\nmove k, 0\n");
    assert_int_equal(spec::unpack<spec::InsnMove>(stream(image, Engine::ACT)[0]).rd, 2);
    assert_int_equal(spec::unpack<spec::InsnMove>(stream(image, Engine::SP)[1]).rd, 1);
}

void labels_go_forward_and_back(void **) {
    const KernelImage image = good(".engine pe\nback: nop\njump on\njump back\non: end\nlast:\n");
    const auto &code = stream(image, Engine::PE);
    assert_int_equal(spec::unpack<spec::InsnBranch>(code[1]).target, 3);
    assert_int_equal(spec::unpack<spec::InsnBranch>(code[2]).target, 0);
    assert_int_equal(image.symbols.size(), 3);
    assert_int_equal(image.symbols[2].instruction, 4);
}

void labels_belong_to_their_engine(void **) {
    const KernelImage image =
        good(".engine pe\nloop: jump loop\n.engine act\nnop\nloop: jump loop\n.engine pe\njump loop\n");
    assert_int_equal(spec::unpack<spec::InsnBranch>(stream(image, Engine::ACT)[1]).target, 1);
    assert_int_equal(spec::unpack<spec::InsnBranch>(stream(image, Engine::PE)[1]).target, 0);
}

void conditions_choose_one_branch(void **) {
    const std::string source = ".option X, 2\n.engine sp\n.if X == 1\nmove r1, 1\n.elif X == 2\n.if 0\nmove r1, 9\n"
                               ".else\nmove r1, 2\n.endif\n.else\nmove r1, 3\n.endif\n";
    const auto value = [&](const std::vector<Definition> &definitions) {
        const KernelImage image = good(source, definitions);
        assert_int_equal(stream(image, Engine::SP).size(), 1);
        return spec::unpack<spec::InsnMove>(stream(image, Engine::SP)[0]).imm;
    };
    assert_int_equal(value({}), 2);
    assert_int_equal(value({{"X", "1"}}), 1);
    assert_int_equal(value({{"X", "2 + 3"}}), 3);
}

void conditions_behind_the_taken_branch_are_not_computed(void **) {
    (void)good(".equ X, 0\n.engine sp\n.if X == 0\nend\n.elif 1 / X\nend\n.endif\n");
}

void macros_compute_their_arguments_first(void **) {
    const KernelImage image =
        good(".macro twice reg, x\nmove reg, 2 * x\n.endm\n.engine sp\ntwice r3, 1 + 2\ntwice r4, (5)\n");
    const auto first = spec::unpack<spec::InsnMove>(stream(image, Engine::SP)[0]);
    assert_int_equal(first.rd, 3);
    assert_int_equal(first.imm, 6);
    assert_int_equal(spec::unpack<spec::InsnMove>(stream(image, Engine::SP)[1]).imm, 10);
}

void macros_take_whole_operands(void **) {
    const KernelImage image =
        good(".macro mm dst, how\nmatmul dst, sbuf.bf16[0:4, 0, 8], flags=how\n.endm\n.engine pe\n"
             "mm psum.f32[0:4, 0 + r1, 8], start|stop\n");
    assert_int_equal(spec::unpack<spec::InsnMatmul>(stream(image, Engine::PE)[0]).flags, 3);
}

void local_labels_belong_to_their_expansion(void **) {
    const KernelImage image = good(".macro spin\n$again: jump $again\n.endm\n.macro twice what\nwhat\n$again: jump "
                                   "$again\nwhat\n.endm\n.engine sp\ntwice spin\n");
    const auto &code = stream(image, Engine::SP);
    assert_int_equal(code.size(), 3);
    for (std::uint32_t i = 0; i < 3; ++i)
        assert_int_equal(spec::unpack<spec::InsnBranch>(code[i]).target, i);
}

void macros_may_recurse_under_a_condition(void **) {
    const KernelImage image =
        good(".macro down n\nmove r1, n\n.if n > 0\ndown n - 1\n.endif\n.endm\n.engine sp\ndown 3\n");
    assert_int_equal(stream(image, Engine::SP).size(), 4);
}

void repetitions_count(void **) {
    const KernelImage image = good(".engine sp\n.rept 3, i\n$l: move r[i + 1], i * 10\n.endr\n.rept 0\nnop\n.endr\n");
    const auto &code = stream(image, Engine::SP);
    assert_int_equal(code.size(), 3);
    assert_int_equal(spec::unpack<spec::InsnMove>(code[2]).rd, 3);
    assert_int_equal(spec::unpack<spec::InsnMove>(code[2]).imm, 20);
}

void variables_can_be_set_again(void **) {
    const KernelImage image = good(".set n, 1\n.engine sp\n.rept 3\n.set n, n * 2\n.endr\nmove r1, n\n");
    assert_int_equal(spec::unpack<spec::InsnMove>(stream(image, Engine::SP)[0]).imm, 8);
}

void parameters_become_launch_arguments(void **) {
    const KernelImage image =
        good(".param A, in, f16, 2, 3\n.param n, scalar\n.param B, inout, u8, 1, 2, 3, 4, 5, 6\n.engine sp\nend\n");
    assert_int_equal(image.params.size(), 3);
    assert_int_equal(image.params[2].index, 2);
    assert_int_equal(image.params[2].dims.size(), 6);
    assert_int_equal(image.params[0].bytes(), 12);
    assert_false(image.params[1].is_tensor());
}

void sbuf_need_is_computed_or_declared(void **) {
    assert_int_equal(good(".engine pe\nldweights sbuf.f32[0:4, 1024, 16]\n").sbuf_bytes, 1024 + 64);
    assert_int_equal(good(".engine pe\nldweights sbuf.f32[0:4, r1, 16]\n").sbuf_bytes, 0);
    assert_int_equal(good(".sbuf 4096\n.engine pe\nldweights sbuf.f32[0:4, r1, 16]\n").sbuf_bytes, 4096);
}

void raw_instructions_are_padded(void **) {
    const KernelImage image = good(".engine dve\n.raw \"ff00 12\"\n");
    const InstructionBytes &bytes = stream(image, Engine::DVE)[0];
    assert_int_equal(std::to_integer<int>(bytes[0]), 0xff);
    assert_int_equal(std::to_integer<int>(bytes[2]), 0x12);
    assert_int_equal(std::to_integer<int>(bytes[127]), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(expressions_follow_c_precedence),
        cmocka_unit_test(functions_of_expressions_compute),
        cmocka_unit_test(numbers_have_three_bases),
        cmocka_unit_test(comments_have_three_forms),
        cmocka_unit_test(backslash_joins_lines),
        cmocka_unit_test(sums_take_register_number_or_both),
        cmocka_unit_test(short_forms_mean_their_instruction),
        cmocka_unit_test(named_operands_come_in_any_order),
        cmocka_unit_test(bools_are_written_by_name),
        cmocka_unit_test(flags_join_with_a_bar),
        cmocka_unit_test(tile_steps_default_to_dense),
        cmocka_unit_test(tile_steps_can_be_given),
        cmocka_unit_test(memory_strides_default_to_dense),
        cmocka_unit_test(memory_addresses_shift_a_register),
        cmocka_unit_test(memory_may_have_a_type_of_its_own),
        cmocka_unit_test(memory_takes_its_rows_from_the_data_not_from_the_indices),
        cmocka_unit_test(blocks_of_memory_store_their_rows),
        cmocka_unit_test(one_element_of_memory_needs_no_shape),
        cmocka_unit_test(scalars_are_numbers_in_fp32),
        cmocka_unit_test(scalars_are_integers_by_their_type),
        cmocka_unit_test(scalars_are_registers_by_their_type),
        cmocka_unit_test(scalars_are_columns),
        cmocka_unit_test(a_scalar_that_is_left_out_is_zero_in_fp32),
        cmocka_unit_test(fp32_operands_are_numbers),
        cmocka_unit_test(arrays_are_lists),
        cmocka_unit_test(semaphores_that_are_operands_have_their_names),
        cmocka_unit_test(macros_take_numbers_and_columns),
        cmocka_unit_test(waits_and_updates_go_to_the_header),
        cmocka_unit_test(aliases_stand_for_registers_and_semaphores),
        cmocka_unit_test(register_aliases_belong_to_their_engine),
        cmocka_unit_test(labels_go_forward_and_back),
        cmocka_unit_test(labels_belong_to_their_engine),
        cmocka_unit_test(conditions_choose_one_branch),
        cmocka_unit_test(conditions_behind_the_taken_branch_are_not_computed),
        cmocka_unit_test(macros_compute_their_arguments_first),
        cmocka_unit_test(macros_take_whole_operands),
        cmocka_unit_test(local_labels_belong_to_their_expansion),
        cmocka_unit_test(macros_may_recurse_under_a_condition),
        cmocka_unit_test(repetitions_count),
        cmocka_unit_test(variables_can_be_set_again),
        cmocka_unit_test(parameters_become_launch_arguments),
        cmocka_unit_test(sbuf_need_is_computed_or_declared),
        cmocka_unit_test(raw_instructions_are_padded),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("asm_encode", tests, nullptr, nullptr);
}
