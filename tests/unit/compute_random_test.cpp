// SPDX-License-Identifier: MIT
// RNG, SET_RNG_SEED and DROPOUT: the stream of words by the definition of Philox, and who takes how many.
#include "compute_reference.hpp"

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::Space;

// Philox-4x32-10, word n of the stream of (seed, partition, engine).
std::uint32_t word(std::uint32_t seed, std::uint32_t p, Engine engine, std::uint64_t n) {
    std::uint32_t x[4] = {static_cast<std::uint32_t>(n / 4), static_cast<std::uint32_t>(n / 4 >> 32),
                          static_cast<std::uint32_t>(engine), 0};
    std::uint32_t key[2] = {seed, p};
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{x[0]} * 0xD2511F53, b = std::uint64_t{x[2]} * 0xCD9E8D57;
        const std::uint32_t next[4] = {
            static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(b),
            static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(a)};
        std::copy(next, next + 4, x);
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    return x[n % 4];
}

void seed(Core &core, Engine engine, std::uint32_t value) {
    core.set(Space::SBUF, 96, 12, 0, value);
    assert_legal(core.run(engine, spec::InsnSetRngSeed{.src = tile(Space::SBUF, Dtype::U32, 1, 1, 12, 96)}));
    assert_int_equal(core.state(engine).seed, value);
    assert_int_equal(core.state(engine).words, 0);
}

// The published test vector of the generator: all counters and keys zero.
void words_are_those_of_philox(void **) {
    assert_int_equal(word(0, 0, Engine::PE, 0), 0x6627e8d5);
    const auto core = make_core();
    for (const Engine engine : {Engine::DVE, Engine::POOL}) {
        seed(*core, engine, 0xdeadbeef);
        std::uint64_t count = 0;
        for (const Dtype dtype : {Dtype::U32, Dtype::I8, Dtype::U16, Dtype::I32}) {
            for (const unsigned elements : {1U, 7U, 130U}) {
                spec::InsnRng insn{.dst = tile(Space::SBUF, dtype, 20, elements, 64, 64)};
                insn.dst.step[0] = elements == 7 ? -2 : 1;
                Image want(*core);
                for (unsigned p = 0; p < 20; ++p) {
                    for (unsigned i = 0; i < elements; ++i) {
                        want.set_bits(insn.dst, p, i, word(0xdeadbeef, 64 + p, engine, count + i));
                    }
                }
                assert_legal(core->run(engine, insn));
                want.assert_same(*core);
                count += elements;
                assert_int_equal(core->state(engine).words, count);
            }
        }
    }
}

void streams_go_beyond_32_bits(void **) {
    const auto core = make_core();
    core->state(Engine::DVE).words = 0x3fffffffeULL;
    assert_legal(core->run(Engine::DVE, spec::InsnRng{.dst = tile(Space::SBUF, Dtype::U32, 1, 40)}));
    for (unsigned i = 0; i < 40; ++i) {
        assert_int_equal(core->get<std::uint32_t>(Space::SBUF, 0, 0, i), word(0, 0, Engine::DVE, 0x3fffffffeULL + i));
    }
}

void seeding_starts_again(void **) {
    const auto core = make_core();
    core->state(Engine::ACT).words = 99;
    seed(*core, Engine::ACT, 5);
    assert_int_equal(core->state(Engine::DVE).seed, 0);
    for (const auto &src : {tile(Space::SBUF, Dtype::U32, 2, 1), tile(Space::SBUF, Dtype::U32, 1, 2)}) {
        assert_refused(*core, Engine::ACT, spec::InsnSetRngSeed{.src = src}, "src");
    }
}

void check_dropout(Core &core, const spec::InsnDropout &insn, Random &random) {
    fill(core, insn.src, random);
    const auto &state = core.state(Engine::DVE);
    const bool vector = insn.prob.kind == spec::ScalarKind::VECTOR;
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        const float prob =
            vector ? in.f32(column_tile(insn.prob, insn.dst.partitions), p, 0) : std::bit_cast<float>(insn.prob.value);
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            const std::uint32_t bits = word(state.seed, insn.dst.partition + p, Engine::DVE, state.words + i);
            const double u = (bits >> 8) / 0x1p24;
            want.set_f32(insn.dst, p, i, u < static_cast<double>(prob) ? 0.0F : in.f32(insn.src, p, i));
        }
    }
    const std::uint64_t words = state.words;
    assert_legal(core.run(Engine::DVE, insn));
    want.assert_same(core);
    assert_int_equal(state.words, words + Image::elements(insn.dst));
}

void drops_by_probability(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(1);
        seed(*core, Engine::DVE, 42);
        for (unsigned p = 0; p < 40; ++p) {
            core->set(Space::SBUF, p, 8192, 0, 0.05F * static_cast<float>(p));
        }
        core->set(Space::SBUF, 3, 8192, 0, std::numeric_limits<float>::quiet_NaN());
        for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::I16}) {
            spec::InsnDropout insn{.dst = tile(Space::SBUF, dtype, 40, 75),
                                   .src = tile(Space::PSUM, dtype, 40, 75),
                                   .prob = column(Space::SBUF, Dtype::F32, 8192)};
            check_dropout(*core, insn, random);
            insn.src = insn.dst;
            insn.src.offset = 4; // overlapping
            check_dropout(*core, insn, random);
            for (const float prob : {0.0F, 0.5F, 1.0F, -1.0F}) {
                insn.prob = imm_f32(prob);
                check_dropout(*core, insn, random);
            }
            // Just the number that an element gets: that one stays.
            const std::uint32_t bits = word(42, 0, Engine::DVE, core->state(Engine::DVE).words + 5);
            insn.prob = imm_f32(static_cast<float>(bits >> 8) * 0x1p-24F);
            check_dropout(*core, insn, random);
        }
    });
}

void rounding_takes_the_words_after(void **) {
    const auto core = make_core();
    auto &state = core->state(Engine::DVE);
    state.rounding = spec::Rounding::STOCHASTIC;
    seed(*core, Engine::DVE, 9);
    const unsigned n = 100;
    for (unsigned i = 0; i < n; ++i) {
        core->set(Space::SBUF, 0, 1024, i, 1 + 0x1p-9F * static_cast<float>(1 + i % 3)); // 1/4, 1/2, 3/4
    }
    assert_legal(core->run(Engine::DVE, spec::InsnDropout{.dst = tile(Space::SBUF, Dtype::BF16, 1, n),
                                                          .src = tile(Space::SBUF, Dtype::F32, 1, n, 1024),
                                                          .prob = imm_f32(0.25F)}));
    assert_int_equal(state.words, 2 * n);
    for (unsigned i = 0; i < n; ++i) {
        const bool dropped = word(9, 0, Engine::DVE, i) >> 8 < 1U << 22;
        const bool up = word(9, 0, Engine::DVE, n + i) >> 8 < (1 + i % 3) << 22;
        assert_int_equal(core->get<std::uint16_t>(Space::SBUF, 0, 0, i), dropped ? 0 : up ? 0x3f81 : 0x3f80);
    }
}

void bad_dropouts_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnDropout good{.dst = tile(Space::SBUF, Dtype::F32, 4, 8),
                                 .src = tile(Space::SBUF, Dtype::F32, 4, 8, 64),
                                 .prob = imm_f32(0.5F)};
    assert_legal(core->run(Engine::DVE, good));
    auto insn = good;
    insn.src.num[0] = 9;
    assert_refused(*core, Engine::DVE, insn, "src");
    insn = good;
    insn.src.partitions = 3;
    assert_refused(*core, Engine::DVE, insn, "src");
    insn = good;
    insn.prob = column(Space::SBUF, Dtype::BF16, 0);
    assert_refused(*core, Engine::DVE, insn, "prob");
    assert_refused(*core, Engine::DVE, spec::InsnRng{.dst = tile(Space::SBUF, Dtype::U32, 4, 8, 2)}, "dst");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_philox),      cmocka_unit_test(streams_go_beyond_32_bits),
        cmocka_unit_test(seeding_starts_again),           cmocka_unit_test(drops_by_probability),
        cmocka_unit_test(rounding_takes_the_words_after), cmocka_unit_test(bad_dropouts_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_random", tests, nullptr, nullptr);
}
