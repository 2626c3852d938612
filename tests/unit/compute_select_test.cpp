// SPDX-License-Identifier: MIT
// SELECT_REDUCE and RANGE_SELECT.
#include "compute_reference.hpp"

namespace {

using namespace compute_test;
using spec::AccCmd;
using spec::Dtype;
using spec::Engine;
using spec::Space;
using spec::TensorOp;

constexpr AccCmd COMMANDS[] = {AccCmd::IDLE, AccCmd::RESET, AccCmd::REDUCE, AccCmd::RESET_REDUCE};

float next_acc(AccCmd command, float acc, float r) {
    switch (command) {
    case AccCmd::RESET: return -std::numeric_limits<float>::infinity();
    case AccCmd::REDUCE: return maximum(acc, r);
    case AccCmd::RESET_REDUCE: return r;
    default: return acc;
    }
}

// Writes the row x to want and its maximum to acc.
void expect_row(Image &want, const spec::Tile &dst, unsigned p, const std::vector<float> &x, AccCmd command,
                std::array<float, spec::PARTITIONS> &acc) {
    for (unsigned i = 0; i < x.size(); ++i) {
        want.set_f32(dst, p, i, x[i]);
    }
    float &value = acc[dst.partition + p];
    value = next_acc(command, value, reduced(TensorOp::MAX, x));
}

template<class Insn>
void run_and_compare(Core &core, const Insn &insn, const Image &want, const std::array<float, spec::PARTITIONS> &acc) {
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
    for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
        assert_f32_bits(core.state(Engine::DVE).acc[p], acc[p]);
    }
}

void check_select(Core &core, const spec::InsnSelectReduce &insn, Random &random, bool edges) {
    fill(core, insn.on_true, random, edges);
    for (unsigned p = 0; p < insn.pred.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(insn.pred); ++i) {
            const auto byte = static_cast<std::uint32_t>(Image::offset(insn.pred, i));
            for (unsigned b = 0; b < spec::bytes(insn.pred.dtype); ++b) {
                const auto value = static_cast<std::uint8_t>(random.below(3) == 0 ? random.bits() : 0);
                core.set(insn.pred.space, insn.pred.partition + p, byte, b, value);
            }
        }
    }
    const bool vector = insn.on_false.kind == spec::ScalarKind::VECTOR;
    const auto falses = column_tile(insn.on_false, insn.dst.partitions);
    if (vector) {
        fill(core, falses, random, edges);
    }
    Image want(core);
    const Image in = want;
    auto acc = core.state(Engine::DVE).acc;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        auto x = in.row(insn.on_true, p);
        for (unsigned i = 0; i < x.size(); ++i) {
            if ((in.bits(insn.pred, p, i) != 0) == (insn.invert != 0)) {
                x[i] = vector ? in.f32(falses, p, 0) : std::bit_cast<float>(insn.on_false.value);
            }
        }
        expect_row(want, insn.dst, p, x, insn.acc, acc);
    }
    run_and_compare(core, insn, want, acc);
}

void selects_and_keeps_the_maximum(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(1);
        for (const Dtype pred : {Dtype::U8, Dtype::U16}) {
            for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::I16}) {
                for (const AccCmd acc : COMMANDS) {
                    for (const std::uint8_t invert : {0, 1}) {
                        const unsigned elements = 1 + random.below(70);
                        spec::InsnSelectReduce insn{.dst = tile(Space::SBUF, dtype, 20, elements, 0, 96),
                                                    .on_true = tile(Space::PSUM, dtype, 20, elements),
                                                    .pred = tile(Space::SBUF, pred, 20, elements, 4096),
                                                    .on_false = imm_f32(-0.3F),
                                                    .acc = acc,
                                                    .invert = invert};
                        check_select(*core, insn, random, invert != 0);
                        insn.on_false = column(Space::SBUF, Dtype::F32, 8192, 32);
                        check_select(*core, insn, random, false);
                    }
                }
            }
        }
    });
}

void overlapping_selections(void **) {
    const auto core = make_core();
    Random random(2);
    spec::InsnSelectReduce insn{.dst = tile(Space::SBUF, Dtype::F32, 40, 60),
                                .on_true = tile(Space::SBUF, Dtype::F32, 40, 60),
                                .pred = tile(Space::SBUF, Dtype::U8, 40, 60, 4096),
                                .on_false = imm_f32(1),
                                .acc = AccCmd::RESET_REDUCE};
    check_select(*core, insn, random, false);
    insn.pred.offset = 30; // in dst: results over predicates that are still needed
    insn.on_true.offset = 1024;
    check_select(*core, insn, random, false);
    insn.pred.offset = 4096;
    insn.on_true.offset = 0;
    insn.dst.offset = 4;
    check_select(*core, insn, random, false);
    insn.dst.step[0] = -1;
    insn.dst.offset = 400;
    insn.pred.step[0] = 2;
    check_select(*core, insn, random, false);
}

void bad_selections_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnSelectReduce good{.dst = tile(Space::SBUF, Dtype::F32, 4, 8),
                                      .on_true = tile(Space::SBUF, Dtype::F32, 4, 8, 64),
                                      .pred = tile(Space::SBUF, Dtype::U8, 4, 8, 128),
                                      .on_false = imm_f32(0)};
    assert_legal(core->run(Engine::DVE, good));
    const auto refuse = [&](const char *name, auto change) {
        auto insn = good;
        change(insn);
        assert_refused(*core, Engine::DVE, insn, name);
    };
    refuse("pred", [](auto &insn) { insn.pred.dtype = Dtype::U32; });
    refuse("pred", [](auto &insn) { insn.pred.num[0] = 7; });
    refuse("pred", [](auto &insn) { insn.pred.space = insn.on_true.space = Space::PSUM; });
    refuse("on_true", [](auto &insn) { insn.on_true.num[0] = 7; });
    refuse("on_false", [](auto &insn) { insn.on_false = column(Space::SBUF, Dtype::BF16, 0); });
    refuse("acc", [](auto &insn) { insn.acc = AccCmd::LOAD_REDUCE; });
}

// ---- RANGE_SELECT ----

void check_range(Core &core, const spec::InsnRangeSelect &insn, Random &random, bool edges) {
    fill(core, insn.src, random, edges);
    Image want(core);
    const Image in = want;
    auto acc = core.state(Engine::DVE).acc;
    const auto bound = [&](const spec::Scalar &scalar, unsigned p) {
        return scalar.kind == spec::ScalarKind::VECTOR ? in.f32(column_tile(scalar, insn.dst.partitions), p, 0)
                                                       : std::bit_cast<float>(scalar.value);
    };
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        auto x = in.row(insn.src, p);
        for (unsigned i = 0; i < x.size(); ++i) {
            const float idx = std::bit_cast<float>(insn.start) + static_cast<float>(i);
            const bool inside = operate(insn.cmp0, idx, bound(insn.bound0, p)) != 0 &&
                                operate(insn.cmp1, idx, bound(insn.bound1, p)) != 0;
            x[i] = inside ? x[i] : -3.4028235e38F;
        }
        expect_row(want, insn.dst, p, x, insn.acc, acc);
    }
    run_and_compare(core, insn, want, acc);
}

void keeps_a_range(void **) {
    const auto core = make_core();
    Random random(3);
    constexpr TensorOp CMP[] = {TensorOp::IS_EQUAL, TensorOp::IS_GT, TensorOp::IS_GE, TensorOp::IS_LT, TensorOp::IS_LE};
    for (const TensorOp cmp0 : CMP) {
        for (const TensorOp cmp1 : CMP) {
            const AccCmd acc = COMMANDS[random.below(4)];
            spec::InsnRangeSelect insn{.dst = tile(Space::SBUF, Dtype::F32, 40, 50),
                                       .src = tile(Space::PSUM, Dtype::BF16, 40, 50),
                                       .cmp0 = cmp0,
                                       .bound0 = imm_f32(110),
                                       .cmp1 = cmp1,
                                       .bound1 = column(Space::SBUF, Dtype::F32, 8192),
                                       .start = std::bit_cast<std::uint32_t>(100.0F),
                                       .acc = acc};
            for (unsigned p = 0; p < 40; ++p) {
                core->set(Space::SBUF, p, 8192, 0,
                          p == 7 ? std::numeric_limits<float>::quiet_NaN() : 105.5F + 0.5F * static_cast<float>(p));
            }
            check_range(*core, insn, random, true);
            insn.src = insn.dst;
            insn.src.offset = 8; // overlapping
            check_range(*core, insn, random, false);
        }
    }
}

// Every place of both ends in rows that end within a vector, elements of all the types that have loops of their own.
void ranges_begin_and_end_anywhere(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(9);
        for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::F16}) {
            for (const unsigned n : {1U, 16U, 70U, 97U}) {
                for (unsigned first = 0; first <= n; first += 1 + random.below(7)) {
                    spec::InsnRangeSelect insn{.dst = tile(Space::SBUF, dtype, 2, n, 4),
                                               .src = tile(Space::SBUF, dtype, 2, n, 4096),
                                               .cmp0 = TensorOp::IS_GE,
                                               .bound0 = imm_f32(static_cast<float>(first)),
                                               .cmp1 = TensorOp::IS_LT,
                                               .bound1 = imm_f32(static_cast<float>(first + random.below(n + 2))),
                                               .acc = AccCmd::RESET_REDUCE};
                    check_range(*core, insn, random, random.below(2) != 0);
                    insn.src = insn.dst; // in place
                    check_range(*core, insn, random, false);
                }
            }
        }
    });
}

void indices_are_rounded(void **) {
    const auto core = make_core();
    Random random(4);
    check_range(*core,
                {.dst = tile(Space::SBUF, Dtype::F32, 1, 64),
                 .src = tile(Space::SBUF, Dtype::F32, 1, 64, 1024),
                 .cmp0 = TensorOp::IS_GE,
                 .bound0 = imm_f32(0x1p23F),
                 .cmp1 = TensorOp::IS_EQUAL,
                 .bound1 = imm_f32(0x1p23F + 2),
                 .start = std::bit_cast<std::uint32_t>(0x1p23F - 30.5F)},
                random, false);
}

void bad_ranges_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnRangeSelect good{.dst = tile(Space::SBUF, Dtype::F32, 4, 8),
                                     .src = tile(Space::SBUF, Dtype::F32, 4, 8, 64),
                                     .cmp0 = TensorOp::IS_GE,
                                     .bound0 = imm_f32(0),
                                     .cmp1 = TensorOp::IS_LT,
                                     .bound1 = imm_f32(4)};
    assert_legal(core->run(Engine::DVE, good));
    const auto refuse = [&](const char *name, auto change) {
        auto insn = good;
        change(insn);
        assert_refused(*core, Engine::DVE, insn, name);
    };
    for (const TensorOp op : {TensorOp::NOT_EQUAL, TensorOp::ADD, TensorOp::LOGICAL_AND, TensorOp::BITWISE_AND}) {
        refuse("cmp0", [&](auto &insn) { insn.cmp0 = op; });
        refuse("cmp1", [&](auto &insn) { insn.cmp1 = op; });
    }
    for (const float start : {0x1p24F, -0x1p24F, 0x1p24F - 8, std::numeric_limits<float>::quiet_NaN(),
                              std::numeric_limits<float>::infinity()}) {
        refuse("start", [&](auto &insn) { insn.start = std::bit_cast<std::uint32_t>(start); });
    }
    refuse("acc", [](auto &insn) { insn.acc = AccCmd::LOAD_REDUCE; });
    refuse("src", [](auto &insn) { insn.src.num[0] = 7; });
    auto insn = good;
    insn.start = std::bit_cast<std::uint32_t>(0x1p24F - 9);
    assert_legal(core->run(Engine::DVE, insn));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(selects_and_keeps_the_maximum), cmocka_unit_test(overlapping_selections),
        cmocka_unit_test(bad_selections_are_refused),    cmocka_unit_test(keeps_a_range),
        cmocka_unit_test(ranges_begin_and_end_anywhere), cmocka_unit_test(indices_are_rounded),
        cmocka_unit_test(bad_ranges_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_select", tests, nullptr, nullptr);
}
