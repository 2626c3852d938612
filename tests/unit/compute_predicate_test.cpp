// SPDX-License-Identifier: MIT
// COPY_PREDICATED and FILL_PREDICATED: every pair of sizes, strides, repeated elements, conversions of the value.
#include "compute_reference.hpp"

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Space;

// Zero half of the time, other values that have zero bytes.
void fill_predicate(Core &core, const spec::Tile &pred, Random &random) {
    Image image(core);
    for (unsigned p = 0; p < pred.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(pred); ++i) {
            const std::uint32_t bit = random.below(2) << random.below(8 * spec::bytes(pred.dtype));
            const auto byte = static_cast<std::uint32_t>(Image::offset(pred, i));
            for (unsigned b = 0; b < spec::bytes(pred.dtype); ++b) {
                core.set(pred.space, pred.partition + p, byte, b, static_cast<std::uint8_t>(bit >> 8 * b));
            }
        }
    }
}

void check_copy(Core &core, const spec::InsnCopyPredicated &insn, Random &random) {
    fill(core, insn.dst, random);
    fill(core, insn.src, random);
    fill_predicate(core, insn.pred, random);
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            if ((in.bits(insn.pred, p, i) != 0) != (insn.invert != 0)) {
                want.set_bits(insn.dst, p, i, in.bits(insn.src, p, i));
            }
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void check_fill(Core &core, const spec::InsnFillPredicated &insn, Random &random);

void copies_where_it_holds(void **) {
    const auto core = make_core();
    Random random(1);
    for (const Dtype dtype : {Dtype::U8, Dtype::BF16, Dtype::F32}) {
        for (const Dtype pred : {Dtype::U8, Dtype::U16, Dtype::U32}) {
            for (const std::uint8_t invert : {0, 1}) {
                check_copy(*core,
                           {.dst = tile(Space::SBUF, dtype, 33, 77),
                            .src = tile(Space::PSUM, dtype, 33, 77, 64),
                            .pred = tile(Space::SBUF, pred, 33, 77, 4096),
                            .invert = invert},
                           random);
            }
        }
    }
}

// Rows of every length up to more than a vector has, at odd places.
void copies_and_fills_rows_of_any_length(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(5);
        for (const Dtype dtype : {Dtype::U8, Dtype::BF16, Dtype::F32}) {
            for (const Dtype pred : {Dtype::U8, Dtype::U16, Dtype::U32}) {
                for (unsigned n = 1; n < 140; n += 1 + random.below(11)) {
                    const auto invert = static_cast<std::uint8_t>(random.below(2));
                    const auto dst = tile(Space::SBUF, dtype, 3, n, 12 + spec::bytes(dtype));
                    const auto holds = tile(Space::SBUF, pred, 3, n, 4096 + spec::bytes(pred));
                    check_copy(*core,
                               {.dst = dst,
                                .src = tile(Space::SBUF, dtype, 3, n, 1032 + spec::bytes(dtype)),
                                .pred = holds,
                                .invert = invert},
                               random);
                    check_fill(*core, {.dst = dst, .pred = holds, .value = imm_f32(-3.7F), .invert = invert}, random);
                }
            }
        }
    });
}

// Tiles that begin side by side and share bytes: what is written must not be read again.
void rows_that_share_bytes(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(6);
        for (const Dtype dtype : {Dtype::U8, Dtype::BF16, Dtype::F32}) {
            for (const unsigned shift : {1U, 3U, 64U}) {
                for (const bool above : {false, true}) {
                    const std::uint32_t at = 1024, other = above ? at + shift * 4 : at - shift * 4;
                    const auto pred = tile(Space::SBUF, Dtype::U8, 5, 200, 8192);
                    const auto dst = tile(Space::SBUF, dtype, 5, 200, at);
                    check_copy(*core, {.dst = dst, .src = tile(Space::SBUF, dtype, 5, 200, other), .pred = pred},
                               random);
                    auto shared = tile(Space::SBUF, Dtype::U8, 5, 200, other);
                    check_copy(*core, {.dst = dst, .src = tile(Space::SBUF, dtype, 5, 200, 8192), .pred = shared},
                               random);
                    check_fill(*core, {.dst = dst, .pred = shared, .value = imm_f32(7)}, random);
                }
            }
        }
    });
}

void strides_repeats_and_overlaps(void **) {
    const auto core = make_core();
    Random random(2);
    spec::InsnCopyPredicated insn{.dst = tile(Space::SBUF, Dtype::U16, 4, 60),
                                  .src = tile(Space::SBUF, Dtype::U16, 4, 60, 2000),
                                  .pred = tile(Space::SBUF, Dtype::U8, 4, 60, 4000)};
    insn.dst.step = {3, -20, 64, 0};
    insn.dst.num = {5, 4, 3, 1};
    insn.dst.offset = 400;
    check_copy(*core, insn, random);
    insn.dst.step = {0, 1, 0, 0}; // each element five times: the last one that holds stays
    check_copy(*core, insn, random);
    insn.src.offset = insn.dst.offset + 2; // reads what it writes
    check_copy(*core, insn, random);
    insn.pred.offset = insn.dst.offset;
    check_copy(*core, insn, random);
    insn.dst = insn.src;
    insn.pred.offset = insn.dst.offset + 30;
    check_copy(*core, insn, random);
}

void bad_copies_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnCopyPredicated good{.dst = tile(Space::SBUF, Dtype::F32, 8, 8),
                                        .src = tile(Space::SBUF, Dtype::F32, 8, 8, 64),
                                        .pred = tile(Space::SBUF, Dtype::U8, 8, 8, 128)};
    assert_legal(core->run(Engine::DVE, good));
    auto insn = good;
    insn.src.dtype = Dtype::I32; // same size is not enough
    assert_refused(*core, Engine::DVE, insn, "src");
    insn = good;
    insn.src.num[0] = 7;
    assert_refused(*core, Engine::DVE, insn, "src");
    insn = good;
    insn.pred.num[0] = 9;
    assert_refused(*core, Engine::DVE, insn, "pred");
    insn = good;
    insn.pred.partitions = 9;
    assert_refused(*core, Engine::DVE, insn, "pred");
    insn = good;
    insn.src.space = insn.pred.space = Space::PSUM;
    assert_refused(*core, Engine::DVE, insn, "pred");
    insn = good;
    insn.pred.offset = SBUF_BYTES - 7;
    assert_refused(*core, Engine::DVE, insn, "pred", spec::Fault::TILE_RANGE);
}

// ---- FILL_PREDICATED ----

// The value's bits in dst, or nothing if it goes through fp32.
bool keeps_bits(Dtype from, Dtype to) {
    const auto word = [](Dtype d) { return d == Dtype::I32 || d == Dtype::U32; };
    const bool integer = word(to) || to == Dtype::I16 || to == Dtype::U16 || to == Dtype::I8 || to == Dtype::U8;
    return from == to || (word(from) && integer);
}

void check_fill(Core &core, const spec::InsnFillPredicated &insn, Random &random) {
    fill(core, insn.dst, random);
    fill_predicate(core, insn.pred, random);
    const bool vector = insn.value.kind == spec::ScalarKind::VECTOR;
    const auto values = column_tile(insn.value, insn.dst.partitions);
    if (vector) {
        fill(core, values, random);
    }
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        const std::uint32_t bits = vector ? in.bits(values, p, 0) : insn.value.value;
        float value = 0;
        neuron::chip::convert_to_f32(&value, insn.value.dtype, reinterpret_cast<const std::byte *>(&bits), 1);
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            if ((in.bits(insn.pred, p, i) != 0) == (insn.invert != 0)) {
                continue;
            }
            if (keeps_bits(insn.value.dtype, insn.dst.dtype)) {
                want.set_bits(insn.dst, p, i, bits);
            } else {
                want.set_f32(insn.dst, p, i, value);
            }
        }
    }
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
}

void fills_where_it_holds(void **) {
    const auto core = make_core();
    Random random(3);
    const auto pred = tile(Space::SBUF, Dtype::U16, 17, 40, 4096);
    for (const Dtype dtype : {Dtype::U8, Dtype::I16, Dtype::BF16, Dtype::F32, Dtype::U32}) {
        const auto dst = tile(Space::SBUF, dtype, 17, 40);
        for (const std::uint8_t invert : {0, 1}) {
            check_fill(*core, {.dst = dst, .pred = pred, .value = imm_f32(-3.7F), .invert = invert}, random);
            const spec::Scalar word{.value = 0xfffe0123, .kind = spec::ScalarKind::IMM, .dtype = Dtype::I32};
            check_fill(*core, {.dst = dst, .pred = pred, .value = word, .invert = invert}, random);
            for (const Dtype type : {Dtype::F32, Dtype::BF16, Dtype::U8, dtype}) {
                check_fill(*core,
                           {.dst = dst, .pred = pred, .value = column(Space::SBUF, type, 8192), .invert = invert},
                           random);
            }
        }
    }
}

void the_value_is_read_before_its_column_is_written(void **) {
    const auto core = make_core();
    Random random(4);
    check_fill(*core,
               {.dst = tile(Space::SBUF, Dtype::F32, 20, 10, 100),
                .pred = tile(Space::SBUF, Dtype::U8, 20, 10, 108),
                .value = column(Space::SBUF, Dtype::F32, 116)},
               random);
}

void registers_give_the_value(void **) {
    const auto core = make_core();
    core->regs[7] = 0x12345;
    core->set<std::uint8_t>(Space::SBUF, 0, 64, 0, 1);
    assert_legal(core->run(Engine::DVE, spec::InsnFillPredicated{
                                            .dst = tile(Space::SBUF, Dtype::U16, 1, 1),
                                            .pred = tile(Space::SBUF, Dtype::U8, 1, 1, 64),
                                            .value = {.kind = spec::ScalarKind::REG, .reg = 7, .dtype = Dtype::U32}}));
    assert_int_equal(core->get<std::uint16_t>(Space::SBUF, 0, 0), 0x2345);
}

void filling_rounds_as_the_engine_does(void **) {
    const auto core = make_core();
    auto &state = core->state(Engine::DVE);
    state.rounding = spec::Rounding::STOCHASTIC;
    const unsigned elements = 512;
    for (unsigned i = 0; i < elements; ++i) {
        core->set<std::uint8_t>(Space::SBUF, 0, 8192, i, 1);
    }
    spec::InsnFillPredicated insn{.dst = tile(Space::SBUF, Dtype::BF16, 1, elements),
                                  .pred = tile(Space::SBUF, Dtype::U8, 1, elements, 8192),
                                  .value = imm_f32(1 + 0x1p-8F)}; // half way between two numbers
    assert_legal(core->run(Engine::DVE, insn));
    assert_int_equal(state.words, elements);
    unsigned up = 0;
    for (unsigned i = 0; i < elements; ++i) {
        const auto code = core->get<std::uint16_t>(Space::SBUF, 0, 0, i);
        assert_true(code == 0x3f80 || code == 0x3f81);
        up += code == 0x3f81;
    }
    assert_in_range(up, elements / 4, elements * 3 / 4);
    // Types without rounding take no words, and neither does a copy of bits.
    insn.dst.dtype = Dtype::F32;
    assert_legal(core->run(Engine::DVE, insn));
    assert_legal(core->run(Engine::DVE, spec::InsnCopyPredicated{.dst = tile(Space::SBUF, Dtype::BF16, 1, 8),
                                                                 .src = tile(Space::SBUF, Dtype::BF16, 1, 8, 64),
                                                                 .pred = tile(Space::SBUF, Dtype::U8, 1, 8, 128)}));
    assert_int_equal(state.words, elements);
}

void bad_fills_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnFillPredicated good{.dst = tile(Space::SBUF, Dtype::F32, 8, 8),
                                        .pred = tile(Space::SBUF, Dtype::U8, 8, 8, 128),
                                        .value = imm_f32(1)};
    assert_legal(core->run(Engine::DVE, good));
    auto insn = good;
    insn.pred.num[0] = 7;
    assert_refused(*core, Engine::DVE, insn, "pred");
    insn = good;
    insn.value.dtype = Dtype::BF16; // of an IMM
    assert_refused(*core, Engine::DVE, insn, "value");
    insn.value = column(Space::SBUF, Dtype::F32, SBUF_BYTES);
    assert_refused(*core, Engine::DVE, insn, "value", spec::Fault::TILE_RANGE);
    insn.value = column(Space::SBUF, Dtype::F32, 0, 16);
    assert_refused(*core, Engine::DVE, insn, "value");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(copies_where_it_holds),
        cmocka_unit_test(copies_and_fills_rows_of_any_length),
        cmocka_unit_test(rows_that_share_bytes),
        cmocka_unit_test(strides_repeats_and_overlaps),
        cmocka_unit_test(bad_copies_are_refused),
        cmocka_unit_test(fills_where_it_holds),
        cmocka_unit_test(the_value_is_read_before_its_column_is_written),
        cmocka_unit_test(registers_give_the_value),
        cmocka_unit_test(filling_rounds_as_the_engine_does),
        cmocka_unit_test(bad_fills_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_predicate", tests, nullptr, nullptr);
}
