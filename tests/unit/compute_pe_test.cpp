// SPDX-License-Identifier: MIT
// The PE array beyond a plain matmul: 8-bit floats, DOUBLE_ROW, parts of the array, PE_TRANSPOSE.
#include "compute_support.hpp"

#include "compute/convert.hpp"

#include <cmath>
#include <vector>

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::MatmulFlag;
using spec::PeMode;
using spec::PeTile;
using spec::Space;

std::uint32_t offset_of(spec::Opcode opcode, const char *name) { return neuron::chip::operand_offset(opcode, name); }

const std::uint32_t LD_SRC = offset_of(spec::Opcode::LDWEIGHTS, "src");
const std::uint32_t LD_MODE = offset_of(spec::Opcode::LDWEIGHTS, "mode");
const std::uint32_t LD_COL = offset_of(spec::Opcode::LDWEIGHTS, "col");
const std::uint32_t MM_MOVING = offset_of(spec::Opcode::MATMUL, "moving");
const std::uint32_t MM_MODE = offset_of(spec::Opcode::MATMUL, "mode");
const std::uint32_t TR_DST = offset_of(spec::Opcode::PE_TRANSPOSE, "dst");
const std::uint32_t TR_SRC = offset_of(spec::Opcode::PE_TRANSPOSE, "src");

constexpr std::uint8_t START = spec::raw(MatmulFlag::START);
constexpr std::uint8_t STOP = spec::raw(MatmulFlag::STOP);
constexpr std::uint32_t MOVING_AT = 2048;
constexpr unsigned QUARTER = 32;

float f32(const Core &core, Space space, unsigned partition, std::uint32_t byte, std::size_t index) {
    return core.get<float>(space, partition, byte, index);
}

// Element `index` of a row of any type, as the array reads it.
float element(const Core &core, Dtype dtype, unsigned partition, std::uint32_t byte, std::size_t index) {
    float value = 0;
    const auto row = core.memory.partition(Space::SBUF, partition);
    neuron::chip::convert_to_f32(&value, dtype, row.data() + byte + index * spec::bytes(dtype), 1);
    return value;
}

void randomise(Core &core, std::uint64_t seed) {
    Random random(seed);
    for (unsigned p = 0; p < spec::PARTITIONS; ++p) {
        for (std::uint32_t byte = 0; byte < 2 * MOVING_AT; ++byte) {
            // No NaN or infinity in any of the 8-bit types: the exponent is never all ones.
            core.set<std::uint8_t>(Space::SBUF, p, byte, 0, static_cast<std::uint8_t>(random.bits() & 0xb7));
        }
    }
}

void all_pairs_of_narrow_floats_are_exact(void **) {
    const Dtype narrow[] = {Dtype::BF16, Dtype::F16, Dtype::F8E4M3, Dtype::F8E5M2, Dtype::F8E3M4, Dtype::F8E4M3FN};
    constexpr unsigned K = 9, M = 5, N = 7;
    const auto core = make_core();
    randomise(*core, 1);
    for (const Dtype stationary : narrow) {
        for (const Dtype moving : narrow) {
            assert_legal(core->run(Engine::PE, spec::InsnLdweights{.src = tile(Space::SBUF, stationary, K, M)}));
            assert_legal(core->run(Engine::PE, spec::InsnMatmul{.dst = tile(Space::PSUM, Dtype::F32, M, N),
                                                                .moving = tile(Space::SBUF, moving, K, N, MOVING_AT),
                                                                .flags = START | STOP}));
            for (unsigned m = 0; m < M; ++m) {
                for (unsigned n = 0; n < N; ++n) {
                    float acc = 0;
                    for (unsigned k = 0; k < K; ++k) {
                        acc =
                            std::fma(element(*core, stationary, k, 0, m), element(*core, moving, k, MOVING_AT, n), acc);
                    }
                    assert_int_equal(std::bit_cast<std::uint32_t>(f32(*core, Space::PSUM, m, 0, n)),
                                     std::bit_cast<std::uint32_t>(acc));
                }
            }
        }
    }
}

void tf32_ignores_its_low_bits_and_pairs_with_f32(void **) {
    const auto core = make_core();
    core->set<std::uint32_t>(Space::SBUF, 0, 0, 0, 0x3f801fff); // 1 and noise
    core->set<float>(Space::SBUF, 0, MOVING_AT, 0, 3.0f);
    const auto insn = [](Dtype moving) {
        return spec::InsnMatmul{.dst = tile(Space::PSUM, Dtype::F32, 1, 1),
                                .moving = tile(Space::SBUF, moving, 1, 1, MOVING_AT),
                                .flags = START | STOP};
    };
    assert_legal(core->run(Engine::PE, spec::InsnLdweights{.src = tile(Space::SBUF, Dtype::TF32, 1, 1)}));
    assert_legal(core->run(Engine::PE, insn(Dtype::F32)));
    assert_true(f32(*core, Space::PSUM, 0, 0, 0) == 3.0f);
    assert_fault(core->run(Engine::PE, insn(Dtype::BF16)), spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
    assert_fault(core->run(Engine::PE, insn(Dtype::F8E5M2)), spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
}

spec::InsnLdweights double_weights(unsigned k, unsigned m, Dtype dtype = Dtype::F8E4M3) {
    return {.src = tile(Space::SBUF, dtype, k, 2 * m), .mode = PeMode::DOUBLE_ROW};
}

spec::InsnMatmul double_matmul(unsigned k, unsigned m, unsigned n, Dtype dtype = Dtype::F8E5M2) {
    return {.dst = tile(Space::PSUM, Dtype::F32, m, n),
            .moving = tile(Space::SBUF, dtype, k, 2 * n, MOVING_AT),
            .flags = START | STOP,
            .mode = PeMode::DOUBLE_ROW};
}

void double_row_takes_both_halves_of_each_row_in_turn(void **) {
    constexpr unsigned shapes[][3] = {{128, 128, 512}, {128, 3, 5}, {1, 1, 1}, {7, 20, 33}};
    on_every_target([&](const char *) {
        for (const auto &[k, m, n] : shapes) {
            const auto core = make_core();
            randomise(*core, k * m * n);
            assert_legal(core->run(Engine::PE, double_weights(k, m)));
            assert_legal(core->run(Engine::PE, double_matmul(k, m, n)));
            for (unsigned i = 0; i < m; i += 1 + m / 8) {
                for (unsigned j = 0; j < n; j += 1 + n / 8) {
                    float acc = 0;
                    for (unsigned row = 0; row < k; ++row) {
                        for (unsigned half = 0; half < 2; ++half) {
                            acc = std::fma(element(*core, Dtype::F8E4M3, row, 0, half * m + i),
                                           element(*core, Dtype::F8E5M2, row, MOVING_AT, half * n + j), acc);
                        }
                    }
                    assert_int_equal(std::bit_cast<std::uint32_t>(f32(*core, Space::PSUM, i, 0, j)),
                                     std::bit_cast<std::uint32_t>(acc));
                }
            }
        }
    });
}

void double_row_rules(void **) {
    const auto core = make_core();
    assert_fault(core->run(Engine::PE, double_weights(4, 4, Dtype::BF16)), spec::Fault::ILLEGAL_OPERAND, LD_SRC);
    assert_fault(core->run(Engine::PE, double_weights(4, 129)), spec::Fault::ILLEGAL_OPERAND, LD_SRC);
    spec::InsnLdweights odd = double_weights(4, 4);
    odd.src.num[0] = 7;
    assert_fault(core->run(Engine::PE, odd), spec::Fault::ILLEGAL_OPERAND, LD_SRC);
    spec::InsnLdweights tiled = double_weights(4, 4);
    tiled.cols = PeTile::HALF;
    assert_fault(core->run(Engine::PE, tiled), spec::Fault::ILLEGAL_OPERAND, LD_MODE);
    spec::InsnLdweights unknown = double_weights(4, 4);
    unknown.mode = static_cast<PeMode>(7);
    assert_fault(core->run(Engine::PE, unknown), spec::Fault::ILLEGAL_OPERAND, LD_MODE);

    assert_legal(core->run(Engine::PE, double_weights(4, 4)));
    assert_fault(core->run(Engine::PE, double_matmul(4, 4, 4, Dtype::BF16)), spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
    spec::InsnMatmul matmul = double_matmul(4, 4, 4);
    matmul.cols = PeTile::HALF;
    assert_fault(core->run(Engine::PE, matmul), spec::Fault::ILLEGAL_OPERAND, MM_MODE);
    matmul = double_matmul(4, 4, 4);
    matmul.mode = PeMode::NORMAL; // not the mode of the stationary operand
    assert_fault(core->run(Engine::PE, matmul), spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
    assert_legal(core->run(Engine::PE, double_matmul(4, 4, 4)));
}

// ---- parts of the array ----

spec::InsnLdweights part_weights(unsigned row, unsigned col, unsigned k = QUARTER, unsigned m = QUARTER,
                                 PeTile rows = PeTile::QUARTER, PeTile cols = PeTile::QUARTER) {
    return {.src = tile(Space::SBUF, Dtype::BF16, k, m, 2 * col, row),
            .rows = rows,
            .cols = cols,
            .col = static_cast<std::uint8_t>(col)};
}

spec::InsnMatmul part_matmul(unsigned row, unsigned col, unsigned n, unsigned k = QUARTER, unsigned m = QUARTER,
                             PeTile rows = PeTile::QUARTER, PeTile cols = PeTile::QUARTER,
                             std::uint8_t flags = START | STOP) {
    return {.dst = tile(Space::PSUM, Dtype::F32, m, n, 0, col),
            .moving = tile(Space::SBUF, Dtype::BF16, k, n, MOVING_AT, row),
            .flags = flags,
            .rows = rows,
            .cols = cols};
}

void sixteen_operands_side_by_side(void **) {
    constexpr unsigned N = 6;
    const auto core = make_core();
    randomise(*core, 3);
    for (unsigned row = 0; row < spec::PARTITIONS; row += QUARTER) {
        for (unsigned col = 0; col < spec::PARTITIONS; col += QUARTER) {
            assert_legal(core->run(Engine::PE, part_weights(row, col)));
        }
    }
    for (unsigned row = 0; row < spec::PARTITIONS; row += QUARTER) {
        for (unsigned col = 0; col < spec::PARTITIONS; col += QUARTER) {
            assert_legal(core->run(Engine::PE, part_matmul(row, col, N)));
            for (unsigned m = 0; m < QUARTER; m += 5) {
                for (unsigned n = 0; n < N; ++n) {
                    float acc = 0;
                    for (unsigned k = row; k < row + QUARTER; ++k) {
                        acc = std::fma(element(*core, Dtype::BF16, k, 2 * col, m),
                                       element(*core, Dtype::BF16, k, MOVING_AT, n), acc);
                    }
                    assert_int_equal(std::bit_cast<std::uint32_t>(f32(*core, Space::PSUM, col + m, 0, n)),
                                     std::bit_cast<std::uint32_t>(acc));
                }
            }
        }
    }
}

void loading_a_part_forgets_what_it_overlaps(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, part_weights(0, 0)));
    assert_legal(core->run(Engine::PE, part_weights(32, 32)));
    assert_legal(core->run(Engine::PE, part_weights(64, 64, 64, 64, PeTile::HALF, PeTile::HALF)));
    assert_legal(core->run(Engine::PE, part_matmul(0, 0, 4)));
    assert_legal(core->run(Engine::PE, part_weights(0, 0, 64, 64, PeTile::HALF, PeTile::HALF)));
    assert_fault(core->run(Engine::PE, part_matmul(32, 32, 4)), spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
    assert_legal(core->run(Engine::PE, part_matmul(64, 64, 4, 64, 64, PeTile::HALF, PeTile::HALF)));
    assert_legal(core->run(Engine::PE, spec::InsnLdweights{.src = tile(Space::SBUF, Dtype::BF16, 1, 1)}));
    assert_fault(core->run(Engine::PE, part_matmul(64, 64, 4, 64, 64, PeTile::HALF, PeTile::HALF)),
                 spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
}

void parts_start_at_multiples_of_their_size(void **) {
    const auto core = make_core();
    assert_fault(core->run(Engine::PE, part_weights(0, 16)), spec::Fault::ILLEGAL_OPERAND, LD_COL);
    assert_fault(core->run(Engine::PE, part_weights(0, 128, 32, 1)), spec::Fault::ILLEGAL_OPERAND, LD_COL);
    assert_fault(core->run(Engine::PE, part_weights(32, 0, 32, 32, PeTile::HALF)), spec::Fault::ILLEGAL_OPERAND,
                 LD_SRC);
    assert_fault(core->run(Engine::PE, part_weights(0, 32, 32, 32, PeTile::QUARTER, PeTile::HALF)),
                 spec::Fault::ILLEGAL_OPERAND, LD_COL);
    assert_fault(core->run(Engine::PE, part_weights(0, 1, 32, 32, PeTile::WHOLE, PeTile::WHOLE)),
                 spec::Fault::ILLEGAL_OPERAND, LD_COL);
    assert_fault(core->run(Engine::PE, part_weights(0, 0, 64, 32)), spec::Fault::ILLEGAL_OPERAND, LD_SRC);
    assert_fault(core->run(Engine::PE, part_weights(0, 0, 32, 33)), spec::Fault::ILLEGAL_OPERAND, LD_SRC);
    assert_legal(core->run(Engine::PE, part_weights(0, 0)));
    spec::InsnMatmul elsewhere = part_matmul(0, 0, 4);
    elsewhere.dst.partition = 32; // the column part has no operand
    assert_fault(core->run(Engine::PE, elsewhere), spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
    spec::InsnMatmul other_shape = part_matmul(0, 0, 4);
    other_shape.rows = PeTile::HALF;
    assert_fault(core->run(Engine::PE, other_shape), spec::Fault::ILLEGAL_OPERAND, MM_MOVING);
}

void groups_of_quadrants_are_independent(void **) {
    const auto core = make_core();
    assert_legal(core->run(Engine::PE, part_weights(0, 0)));
    assert_legal(core->run(Engine::PE, part_weights(0, 32)));
    const auto run = [&](unsigned col, std::uint8_t flags) {
        return core->run(Engine::PE, part_matmul(0, col, 4, QUARTER, QUARTER, PeTile::QUARTER, PeTile::QUARTER, flags));
    };
    assert_legal(run(0, START));
    assert_fault(run(32, 0), spec::Fault::PSUM_GROUP, 0);
    assert_legal(run(32, START));
    assert_legal(run(0, STOP));
    assert_true(core->tensor_engine.group_open(0));
    assert_fault(run(0, STOP), spec::Fault::PSUM_GROUP, 0);
    assert_legal(run(32, STOP));
    assert_false(core->tensor_engine.group_open(0));

    // A matmul over two quadrants needs both open, or both closed.
    assert_legal(run(32, START));
    assert_legal(core->run(Engine::PE, part_weights(0, 0, 32, 64, PeTile::QUARTER, PeTile::HALF)));
    const auto both = [&](std::uint8_t flags) {
        return core->run(Engine::PE, part_matmul(0, 0, 4, 32, 64, PeTile::QUARTER, PeTile::HALF, flags));
    };
    assert_fault(both(START), spec::Fault::PSUM_GROUP, 0);
    assert_fault(both(0), spec::Fault::PSUM_GROUP, 0);
}

// ---- PE_TRANSPOSE ----

template<class Cell, class Source>
void check_transpose(Dtype from, Dtype to, unsigned k, unsigned n) {
    const auto core = make_core();
    Random random(k * n);
    for (unsigned p = 0; p < k; ++p) {
        for (unsigned i = 0; i < n; ++i) {
            core->set(Space::SBUF, p, 0, i, static_cast<Source>(random.bits()));
        }
    }
    for (unsigned p = 0; p < n; ++p) {
        core->set<std::uint32_t>(Space::PSUM, p, 4096, 0, 0xffffffff);
    }
    assert_legal(core->run(Engine::PE, spec::InsnPeTranspose{.dst = tile(Space::PSUM, to, n, k, 4096),
                                                             .src = tile(Space::SBUF, from, k, n)}));
    for (unsigned p = 0; p < n; ++p) {
        for (unsigned i = 0; i < k; ++i) {
            assert_int_equal(core->get<Cell>(Space::PSUM, p, 4096, i), core->get<Source>(Space::SBUF, i, 0, p));
        }
    }
}

void transpose_keeps_every_bit(void **) {
    check_transpose<std::uint16_t, std::uint16_t>(Dtype::BF16, Dtype::BF16, 128, 128);
    check_transpose<std::uint32_t, std::uint32_t>(Dtype::F32, Dtype::I32, 5, 17);
    check_transpose<std::uint16_t, std::uint8_t>(Dtype::F8E4M3, Dtype::U16, 3, 128);
    check_transpose<std::uint16_t, std::uint16_t>(Dtype::I16, Dtype::U16, 1, 1);
}

void transpose_rules(void **) {
    const auto core = make_core();
    const auto refused = [&](const spec::Tile &dst, const spec::Tile &src, std::uint32_t operand) {
        assert_fault(core->run(Engine::PE, spec::InsnPeTranspose{.dst = dst, .src = src}), spec::Fault::ILLEGAL_OPERAND,
                     operand);
    };
    const auto dst = [](Dtype dtype, unsigned p, unsigned n, Space space = Space::PSUM, std::uint32_t offset = 0) {
        return tile(space, dtype, p, n, offset);
    };
    const auto src = [](Dtype dtype, unsigned p, unsigned n, Space space = Space::SBUF) {
        return tile(space, dtype, p, n);
    };
    refused(dst(Dtype::F32, 3, 4), src(Dtype::F32, 4, 3, Space::PSUM), TR_SRC);
    refused(dst(Dtype::F32, 128, 4), src(Dtype::F32, 4, 129), TR_SRC);
    refused(dst(Dtype::F32, 3, 4, Space::SBUF), src(Dtype::F32, 4, 3), TR_DST);
    refused(dst(Dtype::F32, 4, 4), src(Dtype::F32, 4, 3), TR_DST);
    refused(dst(Dtype::F32, 3, 5), src(Dtype::F32, 4, 3), TR_DST);
    refused(dst(Dtype::BF16, 3, 4), src(Dtype::F32, 4, 3), TR_DST);
    refused(dst(Dtype::U8, 3, 4), src(Dtype::U8, 4, 3), TR_DST);
    refused(dst(Dtype::BF16, 3, 4), src(Dtype::U8, 4, 3), TR_DST);
    refused(dst(Dtype::F32, 3, 4, Space::PSUM, spec::PSUM_BANK_BYTES - 8), src(Dtype::F32, 4, 3), TR_DST);
    assert_legal(core->run(Engine::PE, spec::InsnLdweights{.src = tile(Space::SBUF, Dtype::BF16, 4, 4)}));
    assert_legal(core->run(Engine::PE, spec::InsnMatmul{.dst = tile(Space::PSUM, Dtype::F32, 4, 4),
                                                        .moving = tile(Space::SBUF, Dtype::BF16, 4, 4),
                                                        .flags = START}));
    assert_fault(
        core->run(Engine::PE, spec::InsnPeTranspose{.dst = dst(Dtype::F32, 3, 4), .src = src(Dtype::F32, 4, 3)}),
        spec::Fault::PSUM_GROUP, 0);
    // The stationary operand is still there.
    assert_legal(core->run(Engine::PE, spec::InsnPeTranspose{.dst = dst(Dtype::F32, 3, 4, Space::PSUM, 2048),
                                                             .src = src(Dtype::F32, 4, 3)}));
    assert_legal(core->run(Engine::PE, spec::InsnMatmul{.dst = tile(Space::PSUM, Dtype::F32, 4, 4),
                                                        .moving = tile(Space::SBUF, Dtype::BF16, 4, 4),
                                                        .flags = STOP}));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(all_pairs_of_narrow_floats_are_exact),
        cmocka_unit_test(tf32_ignores_its_low_bits_and_pairs_with_f32),
        cmocka_unit_test(double_row_takes_both_halves_of_each_row_in_turn),
        cmocka_unit_test(double_row_rules),
        cmocka_unit_test(sixteen_operands_side_by_side),
        cmocka_unit_test(loading_a_part_forgets_what_it_overlaps),
        cmocka_unit_test(parts_start_at_multiples_of_their_size),
        cmocka_unit_test(groups_of_quadrants_are_independent),
        cmocka_unit_test(transpose_keeps_every_bit),
        cmocka_unit_test(transpose_rules),
    };
    return cmocka_run_group_tests_name("compute_pe", tests, nullptr, nullptr);
}
