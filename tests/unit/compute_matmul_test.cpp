// SPDX-License-Identifier: MIT
// Instructions LDWEIGHTS and MATMUL: operand rules, accumulation groups, and results against std::fma.
#include "compute_support.hpp"

#include "compute/fp_environment.hpp"

#include <cmath>
#include <vector>

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::MatmulFlag;
using spec::Space;

const std::uint32_t LD_SRC = neuron::chip::operand_offset(spec::Opcode::LDWEIGHTS, "src");
const std::uint32_t DST = neuron::chip::operand_offset(spec::Opcode::MATMUL, "dst");
const std::uint32_t MOVING = neuron::chip::operand_offset(spec::Opcode::MATMUL, "moving");
const std::uint32_t FLAGS = neuron::chip::operand_offset(spec::Opcode::MATMUL, "flags");

constexpr std::uint8_t START = spec::raw(MatmulFlag::START);
constexpr std::uint8_t STOP = spec::raw(MatmulFlag::STOP);
constexpr std::uint32_t MOVING_AT = 1024;

spec::InsnLdweights weights(unsigned k, unsigned m, Dtype dtype = Dtype::BF16) {
    return {.src = tile(Space::SBUF, dtype, k, m)};
}

spec::InsnMatmul matmul(unsigned k, unsigned m, unsigned n, std::uint8_t flags = START | STOP,
                        Dtype dtype = Dtype::BF16) {
    return {.dst = tile(Space::PSUM, Dtype::F32, m, n),
            .moving = tile(Space::SBUF, dtype, k, n, MOVING_AT),
            .flags = flags};
}

// ---- operand rules ----

void ldweights_takes_floats_in_sbuf_of_at_most_128_columns(void **) {
    const auto core = make_core();
    const auto assert_refused = [&](const spec::Tile &src, spec::Fault code) {
        assert_fault(core->run(Engine::PE, spec::InsnLdweights{.src = src}), code, LD_SRC);
    };
    assert_refused(tile(Space::PSUM, Dtype::F32, 4, 4), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::I8, 4, 4), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::U32, 4, 4), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::BF16, 4, 129), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::BF16, 0, 4), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::BF16, 4, 4, SBUF_BYTES - 6), spec::Fault::TILE_RANGE);
    for (const Dtype dtype : {Dtype::BF16, Dtype::F16, Dtype::F32}) {
        assert_legal(core->run(Engine::PE, weights(128, 128, dtype)));
    }
}

void refused_ldweights_keeps_the_operand(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(4, 4)));
    assert_false(core->run(Engine::PE, weights(8, 129)).has_value());
    assert_legal(core->run(Engine::PE, matmul(4, 4, 4)));
}

void matmul_needs_a_stationary_operand(void **) {
    const auto core = make_core();
    assert_fault(core->run(Engine::PE, matmul(4, 4, 4)), spec::Fault::ILLEGAL_OPERAND, MOVING);
    assert_legal(core->run(Engine::PE, weights(4, 4)));
    assert_legal(core->run(Engine::PE, matmul(4, 4, 4)));
    core->tensor_engine.reset();
    assert_fault(core->run(Engine::PE, matmul(4, 4, 4)), spec::Fault::ILLEGAL_OPERAND, MOVING);
}

void moving_operand_rules(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    const auto assert_refused = [&](const spec::Tile &moving, spec::Fault code) {
        spec::InsnMatmul insn = matmul(8, 4, 4);
        insn.moving = moving;
        assert_fault(core->run(Engine::PE, insn), code, MOVING);
    };
    assert_refused(tile(Space::SBUF, Dtype::BF16, 7, 4), spec::Fault::ILLEGAL_OPERAND); // K
    assert_refused(tile(Space::PSUM, Dtype::BF16, 8, 4), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::I16, 8, 4), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::BF16, 8, 513), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::SBUF, Dtype::BF16, 8, 4, SBUF_BYTES), spec::Fault::TILE_RANGE);
}

void f32_pairs_with_f32_only(void **) {
    const auto core = make_core();
    const Dtype floats[] = {Dtype::BF16, Dtype::F16, Dtype::F32};
    for (const Dtype stationary : floats) {
        assert_legal(core->run(Engine::PE, weights(4, 4, stationary)));
        for (const Dtype moving : floats) {
            const auto result = core->run(Engine::PE, matmul(4, 4, 4, START | STOP, moving));
            if ((stationary == Dtype::F32) == (moving == Dtype::F32)) {
                assert_legal(result);
            } else {
                assert_fault(result, spec::Fault::ILLEGAL_OPERAND, MOVING);
            }
        }
    }
}

void accumulator_rules(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    const auto assert_refused = [&](const spec::Tile &dst, spec::Fault code) {
        spec::InsnMatmul insn = matmul(8, 4, 16);
        insn.dst = dst;
        assert_fault(core->run(Engine::PE, insn), code, DST);
    };
    assert_refused(tile(Space::SBUF, Dtype::F32, 4, 16), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::PSUM, Dtype::I32, 4, 16), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::PSUM, Dtype::BF16, 4, 16), spec::Fault::ILLEGAL_OPERAND);
    assert_refused(tile(Space::PSUM, Dtype::F32, 5, 16), spec::Fault::ILLEGAL_OPERAND); // M
    assert_refused(tile(Space::PSUM, Dtype::F32, 4, 15), spec::Fault::ILLEGAL_OPERAND); // N
    assert_refused(tile(Space::PSUM, Dtype::F32, 4, 16, spec::PSUM_BYTES - 60), spec::Fault::TILE_RANGE);
}

void accumulator_stays_in_one_bank(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    spec::InsnMatmul insn = matmul(8, 4, 16);
    insn.dst.offset = spec::PSUM_BANK_BYTES - 64;
    assert_legal(core->run(Engine::PE, insn));
    insn.dst.offset += 4;
    assert_fault(core->run(Engine::PE, insn), spec::Fault::ILLEGAL_OPERAND, DST);
    insn.dst.step[0] = -1; // walks down from the first element of bank 1
    insn.dst.offset = spec::PSUM_BANK_BYTES;
    assert_fault(core->run(Engine::PE, insn), spec::Fault::ILLEGAL_OPERAND, DST);
    insn.dst.offset = spec::PSUM_BANK_BYTES - 4;
    assert_legal(core->run(Engine::PE, insn));
}

void unknown_flags_are_refused(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    assert_fault(core->run(Engine::PE, matmul(8, 4, 4, START | 4)), spec::Fault::ILLEGAL_OPERAND, FLAGS);
    assert_int_not_equal(FLAGS, 0);
}

void other_opcodes_are_not_compute(void **) {
    const auto core = make_core();
    assert_fault(core->run(Engine::PE, spec::InsnNop{}), spec::Fault::ILLEGAL_INSTRUCTION,
                 spec::raw(spec::Opcode::NOP));
}

// ---- accumulation groups ----

void accumulation_needs_an_open_group(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    for (unsigned bank = 0; bank < spec::PSUM_BANKS; ++bank) {
        spec::InsnMatmul insn = matmul(8, 4, 4, 0);
        insn.dst.offset = bank * spec::PSUM_BANK_BYTES;
        assert_fault(core->run(Engine::PE, insn), spec::Fault::PSUM_GROUP, bank);
        insn.flags = STOP;
        assert_fault(core->run(Engine::PE, insn), spec::Fault::PSUM_GROUP, bank);
        assert_false(core->tensor_engine.group_open(bank));
    }
}

void open_group_refuses_another_start(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    assert_legal(core->run(Engine::PE, matmul(8, 4, 4, START)));
    assert_fault(core->run(Engine::PE, matmul(8, 4, 4, START)), spec::Fault::PSUM_GROUP, 0);
    assert_fault(core->run(Engine::PE, matmul(8, 4, 4, START | STOP)), spec::Fault::PSUM_GROUP, 0);
    assert_true(core->tensor_engine.group_open(0));
}

void group_lives_from_start_to_stop(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    for (int round = 0; round < 2; ++round) {
        assert_legal(core->run(Engine::PE, matmul(8, 4, 4, START)));
        assert_legal(core->run(Engine::PE, matmul(8, 4, 4, 0)));
        assert_legal(core->run(Engine::PE, matmul(8, 4, 4, STOP)));
        assert_fault(core->run(Engine::PE, matmul(8, 4, 4, STOP)), spec::Fault::PSUM_GROUP, 0);
        assert_legal(core->run(Engine::PE, matmul(8, 4, 4, START | STOP)));
    }
}

void groups_of_banks_are_independent(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    for (unsigned bank = 0; bank < spec::PSUM_BANKS; ++bank) {
        spec::InsnMatmul insn = matmul(8, 4, 4, START);
        insn.dst.offset = bank * spec::PSUM_BANK_BYTES + 100;
        assert_legal(core->run(Engine::PE, insn));
    }
    spec::InsnMatmul insn = matmul(8, 4, 4, STOP);
    insn.dst.offset = 3 * spec::PSUM_BANK_BYTES;
    assert_legal(core->run(Engine::PE, insn));
    for (unsigned bank = 0; bank < spec::PSUM_BANKS; ++bank) {
        assert_int_equal(core->tensor_engine.group_open(bank), bank != 3);
    }
    core->tensor_engine.reset();
    for (unsigned bank = 0; bank < spec::PSUM_BANKS; ++bank) {
        assert_false(core->tensor_engine.group_open(bank));
    }
}

void faulting_matmul_changes_nothing(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, weights(8, 4)));
    for (unsigned i = 0; i < 4; ++i) {
        core->set<float>(Space::PSUM, 0, 0, i, 5.0f);
    }
    spec::InsnMatmul insn = matmul(8, 4, 4, START);
    insn.moving.partitions = 9;
    assert_false(core->run(Engine::PE, insn).has_value());
    assert_false(core->run(Engine::PE, matmul(8, 4, 4, STOP)).has_value());
    assert_false(core->tensor_engine.group_open(0));
    for (unsigned i = 0; i < 4; ++i) {
        assert_true(core->get<float>(Space::PSUM, 0, 0, i) == 5.0f);
    }
}

// ---- results ----

struct Problem {
    unsigned k, m, n;
    std::vector<float> stationary, moving, acc; ///< [k][m], [k][n], [m][n]

    float &a(unsigned i, unsigned j) { return stationary[i * m + j]; }
    float &b(unsigned i, unsigned j) { return moving[i * n + j]; }

    Problem(unsigned k_, unsigned m_, unsigned n_)
        : k(k_), m(m_), n(n_), stationary(k * m), moving(k * n), acc(m * n) {}

    // The definition: one chain of fused multiply-adds per element, k ascending.
    std::uint32_t want(unsigned i, unsigned j, bool start) {
        float sum = start ? 0.0f : acc[i * n + j];
        for (unsigned x = 0; x < k; ++x) {
            sum = std::fma(a(x, i), b(x, j), sum);
        }
        return std::isnan(sum) ? F32_NAN : std::bit_cast<std::uint32_t>(sum);
    }
};

void store(Core &core, Problem &problem, const spec::Tile &dst) {
    for (unsigned x = 0; x < problem.k; ++x) {
        for (unsigned i = 0; i < problem.m; ++i) {
            core.set(Space::SBUF, x, 0, i, problem.a(x, i));
        }
        for (unsigned j = 0; j < problem.n; ++j) {
            core.set(Space::SBUF, x, MOVING_AT, j, problem.b(x, j));
        }
    }
    for (unsigned i = 0; i < problem.m; ++i) {
        for (unsigned j = 0; j < problem.n; ++j) {
            core.set(Space::PSUM, i, dst.offset, j * static_cast<std::size_t>(dst.step[0]),
                     problem.acc[i * problem.n + j]);
        }
    }
}

// Runs the problem in fp32 from +0 and on top of PSUM, with dst at `step`, on every instruction set.
void check(Problem &problem, std::int16_t step = 1, std::uint32_t offset = 0) {
    on_every_target([&](const char *target) {
        for (const bool start : {true, false}) {
            const auto core = make_core();
            spec::InsnMatmul insn = matmul(problem.k, problem.m, problem.n, START, Dtype::F32);
            insn.dst.step[0] = step;
            insn.dst.offset = offset;
            assert_legal(core->run(Engine::PE, weights(problem.k, problem.m, Dtype::F32)));
            if (!start) { // opens the group
                assert_legal(core->run(Engine::PE, insn));
                insn.flags = STOP;
            }
            store(*core, problem, insn.dst);
            assert_legal(core->run(Engine::PE, weights(problem.k, problem.m, Dtype::F32)));
            const auto guard = core->get<std::uint32_t>(Space::PSUM, problem.m % 128, 0);
            assert_legal(core->run(Engine::PE, insn));
            for (unsigned i = 0; i < problem.m; ++i) {
                for (unsigned j = 0; j < problem.n; ++j) {
                    const auto got =
                        core->get<std::uint32_t>(Space::PSUM, i, offset, j * static_cast<std::size_t>(step));
                    const auto want = problem.want(i, j, start);
                    if (got != want) {
                        fail_msg("%s: %ux%ux%u %s, element (%u, %u): got %08x, want %08x", target, problem.k, problem.m,
                                 problem.n, start ? "from +0" : "on PSUM", i, j, got, want);
                    }
                }
            }
            if (problem.m < 128) { // the partition below is not touched
                assert_int_equal(core->get<std::uint32_t>(Space::PSUM, problem.m, 0), guard);
            }
        }
    });
}

float ordinary(Random &random) { return static_cast<float>(static_cast<std::int32_t>(random.bits())) * 0x1p-31f; }

void fill(Problem &problem, Random &random, float scale) {
    for (auto *values : {&problem.stationary, &problem.moving}) {
        for (float &value : *values) {
            value = ordinary(random) * scale;
        }
    }
    for (float &value : problem.acc) {
        value = ordinary(random) * scale * scale;
    }
}

void every_edge_of_the_blocking_is_exact(void **) {
    Random random(1);
    for (unsigned m = 1; m <= 18; ++m) {
        for (const unsigned n : {1u, 3u, 4u, 15u, 16u, 17u, 31u, 32u, 33u, 48u, 65u}) {
            Problem problem(5, m, n);
            fill(problem, random, 1);
            check(problem);
        }
    }
}

void whole_tile_is_exact(void **) {
    Random random(2);
    Problem problem(128, 128, 33);
    fill(problem, random, 1);
    check(problem);
}

void scattered_accumulator_is_exact(void **) {
    Random random(3);
    Problem problem(17, 13, 40);
    fill(problem, random, 1);
    check(problem, 3, 2 * spec::PSUM_BANK_BYTES + 8);
}

void any_bits_are_exact(void **) {
    Random random(4);
    for (int round = 0; round < 6; ++round) {
        Problem problem(6, 24, 40);
        for (auto *values : {&problem.stationary, &problem.moving, &problem.acc}) {
            for (float &value : *values) {
                value = std::bit_cast<float>(random.bits());
            }
        }
        check(problem);
    }
}

void subnormal_and_overflowing_sums_are_exact(void **) {
    Random random(5);
    for (const float scale : {0x1p-75f, 0x1p-70f, 0x1p-63f, 0x1p63f, 0x1p64f}) {
        Problem problem(9, 8, 40);
        fill(problem, random, scale);
        check(problem);
    }
}

void cancelling_products_keep_their_rounding_error(void **) {
    Random random(6);
    Problem problem(2, 8, 40);
    fill(problem, random, 1);
    for (unsigned i = 0; i < 8; ++i) {
        for (unsigned j = 0; j < 40; ++j) { // on PSUM: what is left of a product after its rounding
            problem.acc[i * 40 + j] = -(problem.a(0, i) * problem.b(0, j));
        }
        problem.a(1, i) = 0;
    }
    check(problem);
}

// Just below and above ties of fp32, closer than fp64 can see: rounding twice gives the wrong neighbour.
void sums_next_to_a_tie_round_once(void **) {
    Problem problem(1, 5, 5);
    // The last pair multiplies to 2^-24 + 0.745 * 2^-52: on top of 1 that is a tie and less than one bit of fp64 more.
    problem.stationary = {1 + 0x1p-23f, 1 - 0x1p-23f, 1.0f, -1 - 0x1p-23f, 1 + 2000 * 0x1p-23f};
    problem.moving = {0x1p-24f - 0x1p-47f, 0x1p-24f, 0x1p-24f + 0x1p-47f, -0x1p-24f, 0x1p-24f * (1 - 3999 * 0x1p-24f)};
    for (unsigned i = 0; i < 25; ++i) {
        problem.acc[i] = i % 3 == 0 ? 1.0f : i % 3 == 1 ? 1 + 0x1p-23f : -1 - 0x1p-23f;
    }
    assert_int_equal(problem.want(4, 4, false), 0x3f800001); // up, where the tie goes down
    check(problem);
}

void signed_zeros_follow_fused_addition(void **) {
    Problem problem(1, 2, 4);
    problem.stationary = {-1.0f, 0x1p-149f};
    problem.moving = {0.0f, -0.0f, 1.0f, -0x1p-149f};
    problem.acc = {0.0f, -0.0f, 1.0f, -0x1p-149f, -0.0f, -0.0f, -0.0f, -0.0f};
    check(problem);
}

void nothing_beyond_the_accumulator_is_touched(void **) {
    constexpr std::uint32_t UNTOUCHED = 0xdeadbeef;
    on_every_target([&](const char *target) {
        const auto core = make_core();
        assert_legal(core->run(Engine::PE, weights(2, 9)));
        for (unsigned n = 1; n <= 66; ++n) {
            for (unsigned i = 0; i < 10; ++i) {
                for (unsigned j = 0; j < 160; ++j) {
                    core->set(Space::PSUM, i, 0, j, UNTOUCHED);
                }
            }
            assert_legal(core->run(Engine::PE, matmul(2, 9, n)));
            for (unsigned i = 0; i < 10; ++i) {
                for (unsigned j = 0; j < 160; ++j) {
                    const auto want = i < 9 && j < n ? 0 : UNTOUCHED;
                    if (core->get<std::uint32_t>(Space::PSUM, i, 0, j) != want) {
                        fail_msg("%s: N = %u, element (%u, %u)", target, n, i, j);
                    }
                }
            }
        }
    });
}

void nan_is_canonical_wherever_it_comes_from(void **) {
    const auto core = make_core();
    const std::uint32_t a[] = {0xffc12345, 0x7f800000, 0x3f800000, 0x3f800000};
    const std::uint32_t b[] = {0x3f800000, 0x00000000, 0x7f800001, 0x3f800000};
    core->set<std::uint32_t>(Space::SBUF, 0, MOVING_AT, 0, 0x3f800000);
    assert_legal(core->run(Engine::PE, weights(1, 1, Dtype::F32)));
    for (unsigned i = 0; i < 4; ++i) {
        assert_legal(core->run(Engine::PE, matmul(1, 1, 1, START, Dtype::F32)));
        core->set(Space::SBUF, 0, 0, 0, a[i]);
        core->set(Space::SBUF, 0, MOVING_AT, 0, b[i]);
        core->set<std::uint32_t>(Space::PSUM, 0, 0, 0, i == 3 ? 0xffffffff : 0x3f800000);
        assert_legal(core->run(Engine::PE, weights(1, 1, Dtype::F32)));
        assert_legal(core->run(Engine::PE, matmul(1, 1, 1, STOP, Dtype::F32)));
        assert_int_equal(core->get<std::uint32_t>(Space::PSUM, 0, 0), F32_NAN);
    }
}

void operands_of_16_bits_mean_what_they_say(void **) {
    const auto core = make_core();
    const struct {
        Dtype dtype;
        std::uint16_t one_and_half, smallest;
        float smallest_value;
    } cases[] = {{Dtype::BF16, 0x3fc0, 0x0001, 0x1p-133f}, {Dtype::F16, 0x3e00, 0x0001, 0x1p-24f}};
    for (const auto &stationary : cases) {
        for (const auto &moving : cases) {
            core->set(Space::SBUF, 0, 0, 0, stationary.one_and_half);
            core->set(Space::SBUF, 0, MOVING_AT, 0, moving.smallest);
            core->set(Space::SBUF, 0, MOVING_AT, 1, moving.one_and_half);
            assert_legal(core->run(Engine::PE, weights(1, 1, stationary.dtype)));
            assert_legal(core->run(Engine::PE, matmul(1, 1, 2, START | STOP, moving.dtype)));
            assert_true(core->get<float>(Space::PSUM, 0, 0, 0) == 1.5f * moving.smallest_value);
            assert_true(core->get<float>(Space::PSUM, 0, 0, 1) == 2.25f);
        }
    }
}

void stationary_operand_is_a_copy(void **) {
    const auto core = make_core();
    core->set(Space::SBUF, 0, 0, 0, 2.0f);
    core->set(Space::SBUF, 0, MOVING_AT, 0, 3.0f);
    assert_legal(core->run(Engine::PE, weights(1, 1, Dtype::F32)));
    core->set(Space::SBUF, 0, 0, 0, 100.0f);
    assert_legal(core->run(Engine::PE, matmul(1, 1, 1, START | STOP, Dtype::F32)));
    assert_true(core->get<float>(Space::PSUM, 0, 0) == 6.0f);
}

void register_moves_all_three_tiles(void **) {
    const auto core = make_core();
    core->regs[5] = 512;
    core->set(Space::SBUF, 0, 512, 0, 2.0f);
    core->set(Space::SBUF, 0, MOVING_AT + 512, 0, 3.0f);
    spec::InsnLdweights load = weights(1, 1, Dtype::F32);
    spec::InsnMatmul insn = matmul(1, 1, 1, START | STOP, Dtype::F32);
    load.src.reg = insn.moving.reg = insn.dst.reg = 5;
    assert_legal(core->run(Engine::PE, load));
    assert_legal(core->run(Engine::PE, insn));
    assert_true(core->get<float>(Space::PSUM, 0, 512) == 6.0f);
    assert_true(core->get<float>(Space::PSUM, 0, 0) == 0.0f);
}

void host_rounding_mode_and_flush_to_zero_do_not_matter(void **) {
#if defined(__SSE2__)
    const auto core = make_core();
    core->set(Space::SBUF, 0, 0, 0, 0x1p-126f);
    core->set(Space::SBUF, 0, MOVING_AT, 0, 0.5f);
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(saved | 0x8040 | 0x4000); // FTZ, DAZ, round up
    const auto loaded = core->run(Engine::PE, weights(1, 1, Dtype::F32));
    const auto done = core->run(Engine::PE, matmul(1, 1, 1, START | STOP, Dtype::F32));
    _mm_setcsr(saved);
    assert_legal(loaded);
    assert_legal(done);
    assert_int_equal(core->get<std::uint32_t>(Space::PSUM, 0, 0), 0x00400000);
#else
    skip();
#endif
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(ldweights_takes_floats_in_sbuf_of_at_most_128_columns),
        cmocka_unit_test(refused_ldweights_keeps_the_operand),
        cmocka_unit_test(matmul_needs_a_stationary_operand),
        cmocka_unit_test(moving_operand_rules),
        cmocka_unit_test(f32_pairs_with_f32_only),
        cmocka_unit_test(accumulator_rules),
        cmocka_unit_test(accumulator_stays_in_one_bank),
        cmocka_unit_test(unknown_flags_are_refused),
        cmocka_unit_test(other_opcodes_are_not_compute),
        cmocka_unit_test(accumulation_needs_an_open_group),
        cmocka_unit_test(open_group_refuses_another_start),
        cmocka_unit_test(group_lives_from_start_to_stop),
        cmocka_unit_test(groups_of_banks_are_independent),
        cmocka_unit_test(faulting_matmul_changes_nothing),
        cmocka_unit_test(every_edge_of_the_blocking_is_exact),
        cmocka_unit_test(whole_tile_is_exact),
        cmocka_unit_test(scattered_accumulator_is_exact),
        cmocka_unit_test(any_bits_are_exact),
        cmocka_unit_test(subnormal_and_overflowing_sums_are_exact),
        cmocka_unit_test(cancelling_products_keep_their_rounding_error),
        cmocka_unit_test(sums_next_to_a_tie_round_once),
        cmocka_unit_test(signed_zeros_follow_fused_addition),
        cmocka_unit_test(nothing_beyond_the_accumulator_is_touched),
        cmocka_unit_test(nan_is_canonical_wherever_it_comes_from),
        cmocka_unit_test(operands_of_16_bits_mean_what_they_say),
        cmocka_unit_test(stationary_operand_is_a_copy),
        cmocka_unit_test(register_moves_all_three_tiles),
        cmocka_unit_test(host_rounding_mode_and_flush_to_zero_do_not_matter),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_matmul", tests, nullptr, nullptr);
}
