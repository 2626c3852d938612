// SPDX-License-Identifier: MIT
// TENSOR_REDUCE, TENSOR_SCALAR_REDUCE with its accumulators, READ_ACC.
#include "compute_reference.hpp"

namespace {

using namespace compute_test;
using spec::AccCmd;
using spec::Dtype;
using spec::Engine;
using spec::Space;
using spec::TensorOp;

constexpr TensorOp ARITHMETIC[] = {TensorOp::ADD, TensorOp::SUBTRACT,    TensorOp::MULT,       TensorOp::MAX,
                                   TensorOp::MIN, TensorOp::LOGICAL_AND, TensorOp::LOGICAL_OR, TensorOp::LOGICAL_XOR};

spec::Tile shaped(spec::Tile tile, std::array<std::uint16_t, 4> num, std::array<std::int16_t, 4> step) {
    tile.num = num;
    tile.step = step;
    return tile;
}

void check_reduce(Core &core, const spec::InsnTensorReduce &insn, Random &random, bool edges) {
    fill(core, insn.src, random, edges);
    Image want(core);
    unsigned group = 1;
    for (unsigned d = 0; d < insn.axes; ++d) {
        group *= insn.src.num[d];
    }
    for (unsigned p = 0; p < insn.src.partitions; ++p) {
        const auto row = want.row(insn.src, p);
        std::vector<float> results;
        for (auto at = row.begin(); at != row.end(); at += group) {
            const float result = reduced(insn.op, {at, at + group});
            results.push_back(insn.negate ? -result : result);
        }
        for (unsigned g = 0; g < results.size(); ++g) {
            want.set_f32(insn.dst, p, g, results[g]);
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void reduces_any_number_of_axes(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(1);
        const std::array<std::uint16_t, 4> num{5, 7, 3, 2};
        for (const TensorOp op : ARITHMETIC) {
            for (const Dtype dtype : {Dtype::F32, Dtype::BF16}) {
                for (const bool edges : {false, true}) {
                    unsigned results = 5 * 7 * 3 * 2;
                    for (std::uint8_t axes = 1; axes <= 4; ++axes) {
                        results /= num[axes - 1];
                        check_reduce(*core,
                                     {.dst = tile(Space::PSUM, dtype, 37, results),
                                      .src = shaped(tile(Space::SBUF, dtype, 37, 1, 1024), num, {1, 5, 35, 105}),
                                      .op = op,
                                      .axes = axes,
                                      .negate = static_cast<std::uint8_t>(axes % 2)},
                                     random, edges);
                    }
                }
            }
        }
    });
}

void strided_repeated_and_overlapping(void **) {
    const auto core = make_core();
    Random random(2);
    const auto src = shaped(tile(Space::SBUF, Dtype::F32, 9, 1, 4000), {16, 3, 5, 1}, {-7, 0, 40, 1});
    check_reduce(*core, {.dst = tile(Space::SBUF, Dtype::F16, 9, 5, 4000), .src = src, .op = TensorOp::ADD, .axes = 2},
                 random, false);
    auto dst = tile(Space::SBUF, Dtype::F32, 9, 15, 4100);
    dst.step[0] = -2;
    check_reduce(*core, {.dst = dst, .src = src, .op = TensorOp::MULT, .axes = 1}, random, false);
}

// The longest rows, and long rows of one group each: these take another way.
void long_rows(void **) {
    const auto core = make_core();
    Random random(3);
    for (const unsigned elements : {1U, 15U, 16U, 17U, 1000U, 3000U}) {
        for (const TensorOp op : {TensorOp::ADD, TensorOp::SUBTRACT, TensorOp::MAX}) {
            check_reduce(*core,
                         {.dst = tile(Space::PSUM, Dtype::F32, 128, 1),
                          .src = tile(Space::SBUF, Dtype::F32, 128, elements, 256),
                          .op = op,
                          .axes = 4},
                         random, false);
        }
    }
    check_reduce(*core,
                 {.dst = tile(Space::PSUM, Dtype::F32, 2, 1),
                  .src = shaped(tile(Space::SBUF, Dtype::U8, 2, 1), {SBUF_BYTES, 1, 1, 1}, {1, 0, 0, 0}),
                  .op = TensorOp::ADD,
                  .axes = 1},
                 random, false);
}

void bits_are_reduced_as_bits(void **) {
    const auto core = make_core();
    Random random(4);
    for (const Dtype dtype : {Dtype::U8, Dtype::I16, Dtype::U32}) {
        for (const TensorOp op : {TensorOp::BITWISE_AND, TensorOp::BITWISE_OR, TensorOp::BITWISE_XOR}) {
            const spec::InsnTensorReduce insn{
                .dst = tile(Space::SBUF, dtype, 20, 6),
                .src = shaped(tile(Space::SBUF, dtype, 20, 1, 512), {3, 6, 1, 1}, {1, 4, 0, 0}),
                .op = op,
                .axes = 1};
            fill(*core, insn.src, random);
            Image want(*core);
            for (unsigned p = 0; p < 20; ++p) {
                for (unsigned g = 0; g < 6; ++g) {
                    std::uint32_t bits = want.bits(insn.src, p, 3 * g);
                    for (unsigned i = 1; i < 3; ++i) {
                        const std::uint32_t next = want.bits(insn.src, p, 3 * g + i);
                        bits = op == TensorOp::BITWISE_AND  ? bits & next
                               : op == TensorOp::BITWISE_OR ? bits | next
                                                            : bits ^ next;
                    }
                    want.set_bits(insn.dst, p, g, bits);
                }
            }
            assert_legal(core->run(Engine::DVE, insn));
            want.assert_same(*core);
        }
    }
}

void bad_reductions_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnTensorReduce good{.dst = tile(Space::SBUF, Dtype::F32, 8, 4),
                                      .src =
                                          shaped(tile(Space::SBUF, Dtype::F32, 8, 1, 512), {8, 4, 1, 1}, {1, 8, 0, 0}),
                                      .op = TensorOp::ADD,
                                      .axes = 1};
    assert_legal(core->run(Engine::DVE, good));
    for (const std::uint8_t axes : {0, 5, 255}) {
        auto insn = good;
        insn.axes = axes;
        assert_refused(*core, Engine::DVE, insn, "axes");
    }
    for (const TensorOp op : {TensorOp::BYPASS, TensorOp::ABS, TensorOp::IS_GT, TensorOp::BITWISE_NOT}) {
        auto insn = good;
        insn.op = op;
        assert_refused(*core, Engine::DVE, insn, "op");
    }
    auto insn = good;
    insn.axes = 2; // one group
    assert_refused(*core, Engine::DVE, insn, "dst");
    insn = good;
    insn.dst.partitions = 7;
    assert_refused(*core, Engine::DVE, insn, "dst");
    insn = good;
    insn.op = TensorOp::BITWISE_OR;
    assert_refused(*core, Engine::DVE, insn, "src");
    insn.src.dtype = Dtype::U32;
    assert_refused(*core, Engine::DVE, insn, "dst");
    insn.dst.dtype = Dtype::U16;
    assert_refused(*core, Engine::DVE, insn, "dst");
    insn.dst.dtype = Dtype::I32;
    assert_legal(core->run(Engine::DVE, insn));
    insn.negate = 1;
    assert_refused(*core, Engine::DVE, insn, "negate");
    insn = good;
    insn.src.num = {0xffff, 0xffff, 0xffff, 0xffff}; // whose product would wrap
    assert_refused(*core, Engine::DVE, insn, "src");
}

// ---- TENSOR_SCALAR_REDUCE, READ_ACC ----

float want_acc(AccCmd command, TensorOp op, float acc, float r, float init) {
    switch (command) {
    case AccCmd::IDLE: return acc;
    case AccCmd::RESET:
        return op == TensorOp::ADD    ? 0.0F
               : op == TensorOp::MULT ? 1.0F
               : op == TensorOp::MAX  ? -std::numeric_limits<float>::infinity()
                                      : std::numeric_limits<float>::infinity();
    case AccCmd::REDUCE: return operate(op, acc, r);
    case AccCmd::RESET_REDUCE: return r;
    case AccCmd::LOAD_REDUCE: return operate(op, init, r);
    }
    return 0;
}

void check_scalar_reduce(Core &core, const spec::InsnTensorScalarReduce &insn, Random &random) {
    fill(core, insn.src, random, false);
    const auto operands = column_tile(insn.operand0, insn.dst.partitions);
    const auto inits = column_tile(insn.init, insn.dst.partitions);
    const bool vector = insn.operand0.kind == spec::ScalarKind::VECTOR;
    const bool init_vector = insn.init.kind == spec::ScalarKind::VECTOR;
    if (vector) {
        fill(core, operands, random, false);
    }
    if (init_vector) {
        fill(core, inits, random, false);
    }
    Image want(core);
    const Image in = want;
    auto acc = core.state(Engine::DVE).acc;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        const float operand = vector ? in.f32(operands, p, 0) : std::bit_cast<float>(insn.operand0.value);
        const float init = init_vector ? in.f32(inits, p, 0) : std::bit_cast<float>(insn.init.value);
        auto x = in.row(insn.src, p);
        for (unsigned i = 0; i < x.size(); ++i) {
            const bool reverse = insn.flags & spec::OperandFlag::REVERSE0;
            x[i] = reverse ? operate(insn.op0, operand, x[i]) : operate(insn.op0, x[i], operand);
            want.set_f32(insn.dst, p, i, x[i]);
        }
        float &value = acc[insn.dst.partition + p];
        value = want_acc(insn.acc, insn.reduce, value, reduced(insn.reduce, x), init);
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
    for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
        assert_f32_bits(core.state(Engine::DVE).acc[p], acc[p]);
    }
}

void accumulators_by_command(void **) {
    const auto core = make_core();
    Random random(5);
    for (const TensorOp reduce : {TensorOp::ADD, TensorOp::MULT, TensorOp::MAX, TensorOp::MIN}) {
        for (const AccCmd acc :
             {AccCmd::RESET, AccCmd::REDUCE, AccCmd::IDLE, AccCmd::RESET_REDUCE, AccCmd::LOAD_REDUCE, AccCmd::REDUCE}) {
            spec::InsnTensorScalarReduce insn{.dst = tile(Space::SBUF, Dtype::BF16, 32, 50, 0, 64),
                                              .src = tile(Space::PSUM, Dtype::F32, 32, 50, 0, 32),
                                              .op0 = TensorOp::SUBTRACT,
                                              .operand0 = column(Space::SBUF, Dtype::F32, 8192, 96),
                                              .reduce = reduce,
                                              .acc = acc,
                                              .init = imm_f32(0)};
            if (acc == AccCmd::LOAD_REDUCE) {
                insn.init = column(Space::SBUF, Dtype::F32, 8200);
            }
            check_scalar_reduce(*core, insn, random);
            insn.flags = spec::raw(spec::OperandFlag::REVERSE0);
            check_scalar_reduce(*core, insn, random);
        }
    }
}

// The pairs of operations with a loop of their own, and two without.
void every_pair_of_operations(void **) {
    on_every_target([](const char *) {
        constexpr TensorOp OPS[] = {TensorOp::BYPASS, TensorOp::ADD, TensorOp::SUBTRACT, TensorOp::MULT,
                                    TensorOp::MAX,    TensorOp::MIN, TensorOp::IS_GT,    TensorOp::LOGICAL_OR};
        const auto core = make_core();
        Random random(8);
        for (const TensorOp op : OPS) {
            for (const TensorOp reduce : {TensorOp::ADD, TensorOp::MULT, TensorOp::MAX, TensorOp::MIN}) {
                for (const Dtype dtype : {Dtype::F32, Dtype::BF16}) {
                    for (const std::uint8_t flags : {std::uint8_t{0}, spec::raw(spec::OperandFlag::REVERSE0)}) {
                        const unsigned n = 1 + random.below(90);
                        check_scalar_reduce(*core,
                                            {.dst = tile(Space::SBUF, dtype, 5, n, 4),
                                             .src = tile(Space::SBUF, dtype, 5, n, 1024),
                                             .op0 = op,
                                             .operand0 = column(Space::SBUF, Dtype::F32, 8192),
                                             .reduce = reduce,
                                             .acc = AccCmd::REDUCE,
                                             .init = imm_f32(0),
                                             .flags = flags},
                                            random);
                    }
                }
            }
        }
    });
}

void in_place_and_overlapping(void **) {
    const auto core = make_core();
    Random random(6);
    spec::InsnTensorScalarReduce insn{.dst = tile(Space::SBUF, Dtype::F32, 128, 70, 512),
                                      .src = tile(Space::SBUF, Dtype::F32, 128, 70, 512),
                                      .op0 = TensorOp::MULT,
                                      .operand0 = column(Space::SBUF, Dtype::F32, 520), // inside of it
                                      .reduce = TensorOp::ADD,
                                      .acc = AccCmd::RESET_REDUCE,
                                      .init = imm_f32(0)};
    check_scalar_reduce(*core, insn, random);
    insn.dst.offset = 516;
    check_scalar_reduce(*core, insn, random);
}

void read_acc_writes_them_out(void **) {
    const auto core = make_core();
    auto &acc = core->state(Engine::ACT).acc;
    for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
        acc[p] = static_cast<float>(p) + 0.3F;
    }
    acc[65] = std::numeric_limits<float>::quiet_NaN();
    acc[66] = 0;
    for (const std::uint8_t negate : {0, 1}) {
        for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::I8}) {
            const spec::InsnReadAcc insn{.dst = tile(Space::PSUM, dtype, 20, 1, 8, 64), .negate = negate};
            Image want(*core);
            for (unsigned p = 0; p < 20; ++p) {
                want.set_f32(insn.dst, p, 0, negate ? -acc[64 + p] : acc[64 + p]);
            }
            assert_legal(core->run(Engine::ACT, insn));
            want.assert_same(*core);
        }
    }
    assert_refused(*core, Engine::ACT, spec::InsnReadAcc{.dst = tile(Space::SBUF, Dtype::F32, 4, 2)}, "dst");
}

void bad_scalar_reductions_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnTensorScalarReduce good{.dst = tile(Space::SBUF, Dtype::F32, 8, 4),
                                            .src = tile(Space::SBUF, Dtype::F32, 8, 4, 512),
                                            .op0 = TensorOp::ADD,
                                            .operand0 = imm_f32(1),
                                            .reduce = TensorOp::ADD,
                                            .acc = AccCmd::RESET_REDUCE,
                                            .init = imm_f32(0)};
    assert_legal(core->run(Engine::DVE, good));
    const auto refuse = [&](const char *name, auto change) {
        auto insn = good;
        change(insn);
        assert_refused(*core, Engine::DVE, insn, name);
    };
    for (const TensorOp op : {TensorOp::POW, TensorOp::RSQRT, TensorOp::BITWISE_AND}) {
        refuse("op0", [&](auto &insn) { insn.op0 = op; });
    }
    for (const TensorOp op : {TensorOp::BYPASS, TensorOp::SUBTRACT, TensorOp::LOGICAL_AND}) {
        refuse("reduce", [&](auto &insn) { insn.reduce = op; });
    }
    refuse("operand0", [](auto &insn) { insn.operand0 = column(Space::SBUF, Dtype::BF16, 0); });
    refuse("init", [](auto &insn) { insn.init = imm_f32(1); });
    refuse("init", [](auto &insn) { insn.init = imm_f32(-0.0F); });
    refuse("init", [](auto &insn) { insn.init = column(Space::SBUF, Dtype::F32, 0); });
    refuse("init", [](auto &insn) {
        insn.acc = AccCmd::LOAD_REDUCE;
        insn.init = column(Space::SBUF, Dtype::F16, 0);
    });
    refuse("flags", [](auto &insn) { insn.flags = spec::raw(spec::OperandFlag::REVERSE1); });
    refuse("src", [](auto &insn) { insn.src.num[0] = 5; });
    refuse("src", [](auto &insn) { insn.src.partitions = 9; });
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(reduces_any_number_of_axes),
        cmocka_unit_test(strided_repeated_and_overlapping),
        cmocka_unit_test(long_rows),
        cmocka_unit_test(bits_are_reduced_as_bits),
        cmocka_unit_test(bad_reductions_are_refused),
        cmocka_unit_test(accumulators_by_command),
        cmocka_unit_test(every_pair_of_operations),
        cmocka_unit_test(in_place_and_overlapping),
        cmocka_unit_test(read_acc_writes_them_out),
        cmocka_unit_test(bad_scalar_reductions_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_reduce", tests, nullptr, nullptr);
}
