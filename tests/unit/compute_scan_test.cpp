// SPDX-License-Identifier: MIT
// TENSOR_TENSOR_SCAN and TENSOR_SCALAR_CUMULATIVE against the recurrences of the reference.
#include "compute_reference.hpp"

#include <utility>

namespace {

using namespace compute_test;
using spec::AccCmd;
using spec::Dtype;
using spec::Engine;
using spec::Space;
using spec::TensorOp;

void check_scan(Core &core, const spec::InsnTensorTensorScan &insn, Random &random, bool edges = false) {
    fill(core, insn.a, random, edges);
    fill(core, insn.b, random, edges);
    const bool vector = insn.initial.kind == spec::ScalarKind::VECTOR;
    const auto initial = column_tile(insn.initial, insn.dst.partitions);
    if (vector) {
        fill(core, initial, random, edges);
    }
    Image want(core);
    const Image in = want;
    const bool reverse0 = insn.flags & spec::OperandFlag::REVERSE0;
    const bool reverse1 = insn.flags & spec::OperandFlag::REVERSE1;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        float st = vector ? in.f32(initial, p, 0) : std::bit_cast<float>(insn.initial.value);
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            const float a = in.f32(insn.a, p, i), b = in.f32(insn.b, p, i);
            const float x = reverse0 ? operate(insn.op0, st, a) : operate(insn.op0, a, st);
            st = reverse1 ? operate(insn.op1, b, x) : operate(insn.op1, x, b);
            want.set_f32(insn.dst, p, i, st);
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

spec::InsnTensorTensorScan scan(Dtype dtype, unsigned partitions, unsigned elements) {
    return {.dst = tile(Space::SBUF, dtype, partitions, elements),
            .a = tile(Space::PSUM, dtype, partitions, elements, 64),
            .b = tile(Space::SBUF, dtype, partitions, elements, 8192),
            .initial = imm_f32(0.5F),
            .op0 = TensorOp::MULT,
            .op1 = TensorOp::ADD};
}

void scans_of_every_shape(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(1);
        for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::I8}) {
            for (const unsigned partitions : {1U, 2U, 5U, 13U, 33U, 128U}) {
                for (const unsigned elements : {1U, 31U, 32U, 33U, 100U}) {
                    check_scan(*core, scan(dtype, partitions, elements), random);
                }
            }
        }
    });
}

void operations_and_their_order(void **) {
    const auto core = make_core();
    Random random(2);
    for (const TensorOp op0 : {TensorOp::SUBTRACT, TensorOp::MAX, TensorOp::BYPASS, TensorOp::IS_GT}) {
        for (const TensorOp op1 : {TensorOp::SUBTRACT, TensorOp::MIN, TensorOp::LOGICAL_XOR}) {
            for (const std::uint8_t flags : {0, 1, 2, 3}) {
                auto insn = scan(Dtype::F32, 20, 70);
                insn.op0 = op0;
                insn.op1 = op1;
                insn.flags = flags;
                insn.initial = column(Space::SBUF, Dtype::F32, 4);
                check_scan(*core, insn, random, true);
            }
        }
    }
}

void strides_and_overlaps(void **) {
    const auto core = make_core();
    Random random(3);
    for (const Dtype dtype : {Dtype::F32, Dtype::BF16}) {
        auto insn = scan(dtype, 40, 120);
        insn.a = tile(Space::SBUF, dtype, 40, 120);
        check_scan(*core, insn, random); // a in place
        insn.a.offset = 4;
        check_scan(*core, insn, random); // results lie where elements were read
        insn.b.offset = 8;
        check_scan(*core, insn, random);
        insn = scan(dtype, 40, 120);
        insn.dst.offset = 8; // results lie where later elements are read: first a's, then b's
        insn.a = tile(Space::SBUF, dtype, 40, 120);
        check_scan(*core, insn, random);
        std::swap(insn.a, insn.b);
        check_scan(*core, insn, random);
        insn.b.offset = 16;
        insn.a.offset = 4;
        insn.dst.offset = 1200;
        insn.dst.step = {-2, 3, 70, 0};
        insn.dst.num = {6, 4, 5, 1};
        insn.b.step = {0, 1, 9, 0};
        insn.b.num = {2, 6, 10, 1};
        check_scan(*core, insn, random);
        insn.dst.space = Space::PSUM; // no overlap
        check_scan(*core, insn, random);
        insn = scan(dtype, 128, 64);
        insn.initial = column(Space::SBUF, Dtype::F32, 8); // in dst
        check_scan(*core, insn, random);
    }
}

void stochastic_rounding_does_not_feed_back(void **) {
    const auto core = make_core();
    auto &state = core->state(Engine::DVE);
    state.rounding = spec::Rounding::STOCHASTIC;
    auto insn = scan(Dtype::F32, 3, 100);
    Random random(4);
    fill(*core, insn.a, random, false);
    fill(*core, insn.b, random, false);
    insn.op0 = TensorOp::BYPASS;
    assert_legal(core->run(Engine::DVE, insn));
    assert_int_equal(state.words, 0);
    const Image exact(*core);
    insn.dst.dtype = Dtype::BF16;
    insn.dst.space = Space::PSUM;
    insn.dst.offset = 8192;
    assert_legal(core->run(Engine::DVE, insn));
    assert_int_equal(state.words, 100);
    const Image rounded(*core);
    insn.dst.space = Space::SBUF;
    insn.dst.dtype = Dtype::F32;
    insn.dst.offset = 0;
    bool up = false, down = false;
    auto result = insn.dst;
    result.space = Space::PSUM;
    result.dtype = Dtype::BF16;
    result.offset = 8192;
    for (unsigned p = 0; p < 3; ++p) {
        // The same words, whatever the pieces in which the row is converted.
        std::vector<float> row = exact.row(insn.dst, p);
        std::vector<std::uint16_t> want(row.size());
        neuron::chip::convert_stochastic(Dtype::BF16, reinterpret_cast<std::byte *>(want.data()), row.data(),
                                         row.size(), {0, p, Engine::DVE, 0});
        for (unsigned i = 0; i < row.size(); ++i) {
            assert_int_equal(rounded.bits(result, p, i), want[i]);
            const float value = rounded.f32(result, p, i);
            up = up || value > row[i];
            down = down || value < row[i];
        }
    }
    assert_true(up && down);
}

void bad_scans_are_refused(void **) {
    const auto core = make_core();
    const auto good = scan(Dtype::F32, 8, 8);
    assert_legal(core->run(Engine::DVE, good));
    const auto refuse = [&](const char *name, auto change) {
        auto insn = good;
        change(insn);
        assert_refused(*core, Engine::DVE, insn, name);
    };
    for (const TensorOp op : {TensorOp::POW, TensorOp::RSQRT, TensorOp::BITWISE_OR}) {
        refuse("op0", [&](auto &insn) { insn.op0 = op; });
        refuse("op1", [&](auto &insn) { insn.op1 = op; });
    }
    refuse("a", [](auto &insn) { insn.a.num[0] = 7; });
    refuse("b", [](auto &insn) { insn.b.partitions = 9; });
    refuse("b", [](auto &insn) { insn.b.space = Space::PSUM; });
    refuse("initial", [](auto &insn) { insn.initial = column(Space::SBUF, Dtype::U32, 0); });
}

// ---- TENSOR_SCALAR_CUMULATIVE ----

float start_of(const spec::InsnTensorScalarCumulative &insn, float acc, float init) {
    if (insn.acc == AccCmd::REDUCE) {
        return acc;
    }
    if (insn.acc == AccCmd::LOAD_REDUCE) {
        return init;
    }
    switch (insn.op1) {
    case TensorOp::MULT: return 1;
    case TensorOp::MAX: return -std::numeric_limits<float>::infinity();
    case TensorOp::MIN: return std::numeric_limits<float>::infinity();
    default: return 0;
    }
}

void check_cumulative(Core &core, const spec::InsnTensorScalarCumulative &insn, Random &random) {
    fill(core, insn.src, random, false);
    const auto operands = column_tile(insn.operand0, insn.dst.partitions);
    const bool vector = insn.operand0.kind == spec::ScalarKind::VECTOR;
    if (vector) {
        fill(core, operands, random, false);
    }
    Image want(core);
    const Image in = want;
    auto acc = core.state(Engine::DVE).acc;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        const float operand = vector ? in.f32(operands, p, 0) : std::bit_cast<float>(insn.operand0.value);
        float &reg = acc[insn.dst.partition + p];
        reg = start_of(insn, reg, std::bit_cast<float>(insn.init.value));
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            reg = operate(insn.op1, operate(insn.op0, in.f32(insn.src, p, i), operand), reg);
            want.set_f32(insn.dst, p, i, reg);
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
    for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
        assert_f32_bits(core.state(Engine::DVE).acc[p], acc[p]);
    }
}

void running_reductions(void **) {
    const auto core = make_core();
    Random random(5);
    for (const TensorOp op1 : {TensorOp::ADD, TensorOp::SUBTRACT, TensorOp::MULT, TensorOp::MAX, TensorOp::MIN}) {
        for (const AccCmd acc : {AccCmd::RESET_REDUCE, AccCmd::REDUCE, AccCmd::LOAD_REDUCE}) {
            spec::InsnTensorScalarCumulative insn{.dst = tile(Space::SBUF, Dtype::F32, 32, 100, 0, 32),
                                                  .src = tile(Space::PSUM, Dtype::BF16, 32, 100, 0, 64),
                                                  .op0 = TensorOp::BYPASS,
                                                  .operand0 = imm_f32(0),
                                                  .op1 = op1,
                                                  .acc = acc,
                                                  .init = imm_f32(acc == AccCmd::LOAD_REDUCE ? 2.5F : 0.0F)};
            check_cumulative(*core, insn, random);
            insn.op0 = TensorOp::MULT;
            insn.operand0 = column(Space::SBUF, Dtype::F32, 8192);
            check_cumulative(*core, insn, random);
            insn.src = tile(Space::SBUF, Dtype::F32, 32, 100, 20, 32); // overlaps
            check_cumulative(*core, insn, random);
            std::swap(insn.dst.offset, insn.src.offset);
            check_cumulative(*core, insn, random);
        }
    }
}

void bad_cumulations_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnTensorScalarCumulative good{.dst = tile(Space::SBUF, Dtype::F32, 8, 8),
                                                .src = tile(Space::SBUF, Dtype::F32, 8, 8, 64),
                                                .op0 = TensorOp::BYPASS,
                                                .operand0 = imm_f32(0),
                                                .op1 = TensorOp::ADD,
                                                .acc = AccCmd::RESET_REDUCE,
                                                .init = imm_f32(0)};
    assert_legal(core->run(Engine::DVE, good));
    const auto refuse = [&](const char *name, auto change) {
        auto insn = good;
        change(insn);
        assert_refused(*core, Engine::DVE, insn, name);
    };
    refuse("acc", [](auto &insn) { insn.acc = AccCmd::IDLE; });
    refuse("acc", [](auto &insn) { insn.acc = AccCmd::RESET; });
    refuse("op0", [](auto &insn) { insn.op0 = TensorOp::RSQRT; });
    refuse("op1", [](auto &insn) { insn.op1 = TensorOp::BYPASS; });
    refuse("op1", [](auto &insn) { insn.op1 = TensorOp::BITWISE_AND; });
    refuse("init", [](auto &insn) { insn.init = imm_f32(1); });
    refuse("operand0", [](auto &insn) { insn.operand0 = column(Space::SBUF, Dtype::BF16, 0); });
    refuse("src", [](auto &insn) { insn.src.num[0] = 9; });
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(scans_of_every_shape),        cmocka_unit_test(operations_and_their_order),
        cmocka_unit_test(strides_and_overlaps),        cmocka_unit_test(stochastic_rounding_does_not_feed_back),
        cmocka_unit_test(bad_scans_are_refused),       cmocka_unit_test(running_reductions),
        cmocka_unit_test(bad_cumulations_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_scan", tests, nullptr, nullptr);
}
