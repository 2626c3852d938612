// SPDX-License-Identifier: MIT
/**
 * @file
 * Every instruction of the contract has a function, and the example of its page written with it gives the same bytes.
 */
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <limits>
#include <set>
#include <string>

#include "assembler.hpp"
#include <neuron/builder.hpp>

#include "without_lines.hpp"

extern "C" {
#include <cmocka.h>
}

namespace {

using namespace neuron::builder;
using neuron::spec::AccCmd, neuron::spec::Activation, neuron::spec::AluOp, neuron::spec::Cond, neuron::spec::DmaOp;
using neuron::spec::MatmulFlag, neuron::spec::OobMode, neuron::spec::PartitionOp, neuron::spec::Rounding;
using neuron::spec::TensorOp, neuron::spec::UpdateOp;
using Insn = neuron::spec::Engine;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr auto all = partitions<128>();

template<neuron::spec::Dtype D, std::int64_t At, std::int64_t Columns>
constexpr auto tile = sbuf<D>(all, at<At>(), dims<Columns>());

/** Compares the last instruction of an engine with the example of the instruction. */
class Check {
public:
    template<Insn E>
    void same(const Engine<E> &, std::string_view name) {
        const auto *instruction = neuron::spec::find_instruction(neuron::encoding::upper(name));
        if (instruction == nullptr)
            fail_msg("there is no instruction %s", std::string(name).c_str());
        done_.insert(instruction->name);
        const auto bytes = neuron::assembler::assemble_one(instruction->example, E, {});
        if (!bytes)
            fail_msg("%s: %s", std::string(name).c_str(), bytes.error().front().message.c_str());
        const auto image = kernel.file();
        if (!image)
            fail_msg("%s: %s", std::string(name).c_str(), image.error().message.c_str());
        const auto file = neuron::KernelFile::parse(*image, "test").value();
        const auto stream = file.stream(E);
        if (stream.back() != *bytes)
            fail_msg("%s: other bytes than of '%s'", std::string(name).c_str(),
                     std::string(instruction->example).c_str());
    }
    void every_one() const {
        for (const auto &instruction : neuron::spec::instructions())
            if (!done_.contains(instruction.name))
                fail_msg("%s is not tried", std::string(instruction.name).c_str());
    }

    Kernel kernel;

private:
    std::set<std::string_view> done_;
};

#define SAME(engine, name, call)                                                                                       \
    do {                                                                                                               \
        engine.call;                                                                                                   \
        check.same(engine, #name);                                                                                     \
    } while (false)

void control(Check &check) {
    const auto pe = check.kernel.pe();
    const auto top = pe.here("top");
    pe.nop().wait(sem<3> >= 1).then(sem<4> += 1);
    check.same(pe, "nop");
    SAME(pe, end, end());
    SAME(pe, move, move(reg<1>, 128));
    SAME(pe, alu, add(reg<1>, reg<1>, reg<2> + 64));
    SAME(pe, alu, alu(AluOp::ADD, reg<1>, reg<1>, reg<2> + 64));
    SAME(pe, load_arg, load_arg(reg<1>, Argument{0}, {.high = true}));
    SAME(pe, branch, blt(reg<1>, reg<2>, top));
    SAME(pe, branch, branch(Cond::LT, reg<1>, reg<2>, top));
    SAME(pe, core_id, core_id(reg<1>));
    SAME(pe, core_rank, core_rank(reg<1>));
    SAME(pe, core_count, core_count(reg<2>));
    SAME(pe, tensor_load, tensor_load(reg<1>, sbuf<i32>(partitions<1>(), 1024 + reg<2>, dims<1>())));
    SAME(pe, tensor_store, tensor_store(sbuf<i32>(partitions<1>(), 1024 + reg<2>, dims<1>()), reg<1>));
    const Tensor<u32> words(0);
    SAME(pe, mem_load, mem_load(reg<1>, words.element(reg<2> << 2)));
    SAME(pe, mem_store, mem_store(words.element(reg<2> << 2), reg<1>));
    SAME(pe, sem_clear, sem_clear(sem<8>, 4));
    SAME(pe, sem_remote, sem_remote(reg<1>, sem<5>, 1, {.op = UpdateOp::ADD}));
    SAME(pe, core_barrier, core_barrier(sem<7>));
    SAME(pe, notify, notify(100, reg<1>));
    const auto act = check.kernel.act();
    SAME(act, drain, drain());
    SAME(act, set_rounding, set_rounding(Rounding::STOCHASTIC));
}

void dma(Check &check) {
    const auto act = check.kernel.act();
    const Tensor<bf16> x(0);
    const ScalarParam p0(0), p1(1);
    const auto wide = tile<bf16, 0, 768>;
    const auto index = sbuf<u32>(all, at<4096>(), dims<1>());
    act.dma_load(tile<bf16, 0, 512>, x.block(reg<1> << 10, Dim(128, 4096), 512), {.ring = 1}).then(sem<0> += 1);
    check.same(act, "dma_load");
    act.dma_store(p1.as<bf16>().block<128, 512>(), tile<f32, 0, 512>, {.op = DmaOp::ADD}).then(sem<1> += 1);
    check.same(act, "dma_store");
    act.dma_copy(p1.as<f32>().block<64, 256>(), p0.as<bf16>().block<64, 256>(), {.ring = 2}).then(sem<0> += 1);
    check.same(act, "dma_copy");
    act.dma_tile(sbuf<bf16>(partitions<64, 128>(), at<0>(), dims<512>()),
                 sbuf<bf16>(partitions<64>(), at<0>(), dims<512>()))
        .then(sem<0> += 1);
    check.same(act, "dma_tile");
    act.dma_send(tile<f32, 2048, 512>, tile<f32, 0, 512>, reg<1>, sem<5>, 1).then(sem<0> += 1);
    check.same(act, "dma_send");
    act.dma_gather(wide, x.block<128, 768>(), index, 50257, {.oob = OobMode::SKIP}).then(sem<0> += 1);
    check.same(act, "dma_gather");
    act.dma_scatter(x.block<128, 768>(), wide, index, 50257).then(sem<0> += 1);
    check.same(act, "dma_scatter");
    act.dma_transpose(sbuf<bf16>(partitions<64>(), at<0>(), dims<128>()), sbuf<bf16>(all, at<256>(), dims<64>()))
        .then(sem<0> += 1);
    check.same(act, "dma_transpose");
    act.dma_reduce(tile<f32, 0, 512>, p0.as<bf16>().block<128, 512>(), 131072, 4).then(sem<0> += 1);
    check.same(act, "dma_reduce");
}

void elementwise(Check &check) {
    const auto act = check.kernel.act();
    const auto dve = check.kernel.dve();
    const auto column = sbuf<f32>(all, at<4096>());
    const auto a = tile<f32, 0, 512>;
    const auto b = tile<f32, 2048, 512>;
    const auto c = tile<f32, 4096, 512>;
    const auto sums = psum<f32>(all, bank<0>(), dims<512>());
    SAME(act, copy, copy(tile<bf16, 2048, 512>, a));
    SAME(dve, memset, memset(a, -infinity));
    SAME(dve, tensor_tensor, tensor_tensor(tile<bf16, 0, 512>, tile<bf16, 1024, 512>, sums, TensorOp::ADD));
    SAME(act, tensor_scalar,
         tensor_scalar(a, a, TensorOp::SUBTRACT, column, {.op1 = TensorOp::MULT, .operand1 = 0.125F}));
    SAME(dve, scalar_tensor_tensor, scalar_tensor_tensor(a, b, TensorOp::MULT, 0.9F, c, {.op1 = TensorOp::ADD}));
    SAME(dve, reciprocal, reciprocal(tile<f32, 0, 1>, tile<f32, 4, 1>));
    SAME(act, activate, activate(tile<bf16, 0, 512>, sums, Activation::GELU, 1.0F, {.bias = column}));
    SAME(act, read_acc, read_acc(tile<f32, 4096, 1>));
    SAME(dve, copy_predicated, copy_predicated(a, b, tile<u8, 4096, 512>));
    SAME(dve, fill_predicated, fill_predicated(a, tile<u8, 4096, 512>, -infinity, {.invert = true}));
    SAME(dve, select_reduce, select_reduce(a, b, tile<u8, 4096, 512>, -1e30F, {.acc = AccCmd::RESET_REDUCE}));
    SAME(dve, range_select, range_select(a, b, TensorOp::IS_GE, 0.0F, TensorOp::IS_LT, column));
    SAME(dve, rng, rng(tile<u32, 0, 512>));
    SAME(act, set_rng_seed, set_rng_seed(sbuf<u32>(partitions<1>(), at<0>(), dims<1>())));
    SAME(dve, dropout, dropout(tile<bf16, 0, 512>, tile<bf16, 0, 512>, 0.1F));
}

void reductions(Check &check) {
    const auto dve = check.kernel.dve();
    const auto a = tile<f32, 0, 512>;
    const auto eight = tile<f32, 4096, 8>;
    SAME(dve, tensor_reduce, tensor_reduce(tile<f32, 4096, 1>, a, TensorOp::MAX, 1, {.negate = true}));
    SAME(dve, tensor_scalar_reduce,
         tensor_scalar_reduce(a, a, TensorOp::MULT, 2.0F, TensorOp::ADD, {.acc = AccCmd::RESET_REDUCE}));
    SAME(dve, tensor_scalar_cumulative,
         tensor_scalar_cumulative(a, a, TensorOp::MULT, 1.0F, {.op1 = TensorOp::ADD, .acc = AccCmd::RESET_REDUCE}));
    SAME(dve, tensor_tensor_scan,
         tensor_tensor_scan(a, tile<f32, 2048, 512>, tile<f32, 4096, 512>, 0.0F, TensorOp::MULT,
                            {.op1 = TensorOp::ADD}));
    SAME(dve, bn_stats, bn_stats(tile<f32, 4096, 6>, a));
    SAME(dve, bn_aggr, bn_aggr(tile<f32, 8192, 2>, tile<f32, 4096, 12>));
    SAME(dve, max8, max8(eight, a));
    SAME(dve, find_index8, find_index8(tile<u32, 8192, 8>, eight, a));
    SAME(dve, match_replace8, match_replace8(a, eight, a, -infinity));
    SAME(dve, match_replace8_index,
         match_replace8_index(a, tile<u32, 8192, 8>, sbuf<f32>(all, at<4096>()), a, -infinity));
    SAME(dve, transpose,
         transpose(sbuf<bf16>(partitions<32>(), at<2048>(), dims<32>()),
                   sbuf<bf16>(partitions<32>(), at<0>(), dims<32>())));
    SAME(dve, stream_shuffle,
         stream_shuffle(sbuf<bf16>(partitions<32>(), at<1024>(), dims<512>()),
                        sbuf<bf16>(partitions<32>(), at<0>(), dims<512>()),
                        {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                         0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15}));
}

void pool_and_pe(Check &check) {
    const auto pool = check.kernel.pool();
    const auto pe = check.kernel.pe();
    SAME(pool, iota, iota(tile<i32, 0, 512>, 0, 512, {1, 0, 0, 0}));
    SAME(pool, affine_select,
         affine_select(tile<f32, 0, 128>, tile<f32, 512, 128>, 0, 1, {-1, 0, 0, 0}, TensorOp::IS_GE, -infinity));
    SAME(pool, partition_reduce,
         partition_reduce(sbuf<f32>(partitions<1>(), at<4096>(), dims<512>()), tile<f32, 0, 512>, PartitionOp::ADD));
    SAME(pool, gather, gather(tile<f32, 4096, 64>, tile<f32, 0, 512>, tile<u32, 8192, 64>));
    SAME(pool, local_gather, local_gather(tile<bf16, 4096, 256>, tile<bf16, 0, 512>, tile<u16, 8192, 8>, 2));
    SAME(pe, ldweights, ldweights(tile<bf16, 0, 128>));
    SAME(pe, matmul,
         matmul(psum<f32>(all, bank<0>(), dims<512>()), tile<bf16, 256, 512>,
                {.flags = MatmulFlag::START | MatmulFlag::STOP}));
    SAME(pe, pe_transpose,
         pe_transpose(psum<bf16>(partitions<64>(), bank<0>(), dims<128>()), sbuf<bf16>(all, at<0>(), dims<64>())));
}

void examples_give_the_same_bytes(void **) {
    Check check;
    check.kernel.scalar("P");
    check.kernel.scalar("Q");
    control(check);
    dma(check);
    elementwise(check);
    reductions(check);
    pool_and_pe(check);
    check.every_one();
}

// What the examples do not show.
void other_operands(void **) {
    Kernel kernel;
    kernel.in<f32>("A", {8});
    const auto dve = kernel.dve();
    const auto t = sbuf<f32>(partitions(4), reg<3>, dims(Dim(2, -7), Dim(3, 0), 5));
    dve.memset(t, scalar<i32>(-3)).wait(sem<1> == 2).then(sem<2> -= 3);
    dve.memset(t, scalar<u32>(0xffU)).take(sem<1> >= 2).then(sem<2> = 3);
    dve.memset(t, scalar<f32>(reg<5>));
    dve.memset(t, sbuf<f32>(partitions(4), reg<6> + 8));
    repeat(dve, reg<1>, 3, [&] { dve.xor_(reg<2>, reg<2>, 5); });
    dve.end();
    const auto image = neuron::assembler::assemble(R"(
        .param A, in, f32, 8
        .engine dve
        .equ X, 0
        memset sbuf.f32[0:4, r3, 2@-7, 3@0, 5], i32:-3 wait s1==2 then s2-=3
        memset sbuf.f32[0:4, r3, 2@-7, 3@0, 5], u32:0xff take s1>=2 then s2=3
        memset sbuf.f32[0:4, r3, 2@-7, 3@0, 5], f32:r5
        memset sbuf.f32[0:4, r3, 2@-7, 3@0, 5], sbuf.f32[0:4, 8 + r6]
        .macro repeat
        move r1, 0
$loop:  xor r2, r2, 5
        add r1, r1, 1
        blt r1, 3, $loop
        .endm
        repeat
        end)");
    assert_true(image.has_value());
    const auto theirs = builder_test::without_lines(neuron::assembler::write_elf(*image).value());
    const auto ours = builder_test::without_lines(kernel.file().value());
    assert_int_equal(ours.size(), theirs.size());
    assert_memory_equal(ours.data(), theirs.data(), ours.size());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {cmocka_unit_test(examples_give_the_same_bytes), cmocka_unit_test(other_operands)};
    return cmocka_run_group_tests_name("every_instruction", tests, nullptr, nullptr);
}
