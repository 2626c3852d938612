// SPDX-License-Identifier: MIT
// IOTA, AFFINE_SELECT and PARTITION_REDUCE.
#include "compute_reference.hpp"

namespace {

using namespace compute_test;
using spec::Dtype;
using spec::Engine;
using spec::PartitionOp;
using spec::Space;
using spec::TensorOp;

constexpr Dtype ALL[] = {Dtype::I8, Dtype::U8, Dtype::I16, Dtype::U16, Dtype::I32, Dtype::U32, Dtype::F32, Dtype::BF16};

// In 64 bits, of which the low 32 count.
std::int32_t affine(std::int32_t base, std::int32_t channel, const std::array<std::int32_t, 4> &steps,
                    const spec::Tile &walk, unsigned p, std::uint32_t index) {
    std::uint64_t value = static_cast<std::uint64_t>(base) + std::uint64_t{p} * static_cast<std::uint64_t>(channel);
    for (std::size_t d = 0; d < steps.size(); ++d) {
        value += std::uint64_t{index % walk.num[d]} * static_cast<std::uint64_t>(steps[d]);
        index /= walk.num[d];
    }
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
}

bool is_float(Dtype dtype) { return dtype == Dtype::F32 || dtype == Dtype::BF16; }

void check_iota(Core &core, const spec::InsnIota &insn) {
    Image want(core);
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            const std::int32_t v = affine(insn.base, insn.channel, insn.steps, insn.dst, p, i);
            if (is_float(insn.dst.dtype)) {
                want.set_f32(insn.dst, p, i, static_cast<float>(v));
            } else {
                want.set_bits(insn.dst, p, i, static_cast<std::uint32_t>(v));
            }
        }
    }
    assert_legal(core.run(Engine::POOL, insn));
    want.assert_same(core);
}

spec::Tile folded(spec::Tile tile, std::array<std::uint16_t, 4> num, std::array<std::int16_t, 4> step) {
    tile.num = num;
    tile.step = step;
    return tile;
}

void iota_of_every_type(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        for (const Dtype dtype : ALL) {
            check_iota(
                *core,
                {.dst = tile(Space::SBUF, dtype, 20, 101, 64, 32), .base = -5, .channel = 1000, .steps = {3, 0, 0, 0}});
            // Four dimensions, of which two continue each other, and a walk with gaps.
            check_iota(*core, {.dst = folded(tile(Space::SBUF, dtype, 7, 1, 2048), {5, 4, 3, 2}, {1, 5, 30, -40}),
                               .base = 1 << 24,
                               .channel = -1,
                               .steps = {1, 5, -7, 1 << 20}});
            // The same step in two dimensions: they do not continue each other.
            check_iota(*core, {.dst = folded(tile(Space::SBUF, dtype, 2, 1), {6, 5, 1, 1}, {1, 6, 0, 0}),
                               .base = 0,
                               .channel = 0,
                               .steps = {2, 2, 0, 0}});
            // Wraps.
            check_iota(*core, {.dst = folded(tile(Space::SBUF, dtype, 128, 1), {17, 9, 1, 1}, {1, 17, 0, 0}),
                               .base = std::numeric_limits<std::int32_t>::max(),
                               .channel = std::numeric_limits<std::int32_t>::min(),
                               .steps = {1 << 30, 0x7fffffff, 9, 9}});
        }
    });
}

// ---- AFFINE_SELECT ----

bool holds(TensorOp cmp, std::int32_t v) {
    switch (cmp) {
    case TensorOp::IS_EQUAL: return v == 0;
    case TensorOp::NOT_EQUAL: return v != 0;
    case TensorOp::IS_GT: return v > 0;
    case TensorOp::IS_GE: return v >= 0;
    case TensorOp::IS_LT: return v < 0;
    default: return v <= 0;
    }
}

void check_select(Core &core, const spec::InsnAffineSelect &insn, Random &random) {
    fill(core, insn.src, random);
    Image want(core);
    const Image in = want;
    for (unsigned p = 0; p < insn.dst.partitions; ++p) {
        for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
            const std::int32_t v = affine(insn.base, insn.channel, insn.steps, insn.src, p, i);
            want.set_f32(insn.dst, p, i, holds(insn.cmp, v) ? in.f32(insn.src, p, i) : std::bit_cast<float>(insn.fill));
        }
    }
    assert_legal(core.run(Engine::POOL, insn));
    want.assert_same(core);
}

constexpr TensorOp COMPARISONS[] = {TensorOp::IS_EQUAL, TensorOp::NOT_EQUAL, TensorOp::IS_GT,
                                    TensorOp::IS_GE,    TensorOp::IS_LT,     TensorOp::IS_LE};

void causal_masks(void **) {
    on_every_target([](const char *) {
        const auto core = make_core();
        Random random(1);
        for (const TensorOp cmp : COMPARISONS) {
            for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::I16}) {
                spec::InsnAffineSelect insn{.dst = tile(Space::SBUF, dtype, 50, 45),
                                            .src = tile(Space::SBUF, dtype, 50, 45, 4096),
                                            .base = 3,
                                            .channel = 1,
                                            .steps = {-1, 0, 0, 0},
                                            .cmp = cmp,
                                            .fill = std::bit_cast<std::uint32_t>(-9984.5F)};
                check_select(*core, insn, random);
                insn.src = insn.dst; // in place
                check_select(*core, insn, random);
                insn.dst.offset = 4; // each result lies where the next element is read
                check_select(*core, insn, random);
                insn.src = folded(tile(Space::SBUF, dtype, 50, 1, 40), {9, 5, 1, 1}, {2, 1, 0, 0}); // overlapping
                insn.steps = {1 << 30, -3, 0, 0};
                insn.fill = 0xffc00001; // some NaN
                check_select(*core, insn, random);
            }
        }
    });
}

void bad_selections_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnAffineSelect good{.dst = tile(Space::SBUF, Dtype::F32, 4, 8),
                                      .src = tile(Space::SBUF, Dtype::F32, 4, 8, 64),
                                      .cmp = TensorOp::IS_LE};
    assert_legal(core->run(Engine::POOL, good));
    for (const TensorOp op : {TensorOp::BYPASS, TensorOp::RECIPROCAL, TensorOp::LOGICAL_AND, TensorOp::BITWISE_OR}) {
        auto insn = good;
        insn.cmp = op;
        assert_refused(*core, Engine::POOL, insn, "cmp");
    }
    auto insn = good;
    insn.src.num[0] = 9;
    assert_refused(*core, Engine::POOL, insn, "src");
    insn = good;
    insn.src.partitions = 5;
    assert_refused(*core, Engine::POOL, insn, "src");
    assert_refused(*core, Engine::POOL, spec::InsnIota{.dst = tile(Space::SBUF, Dtype::F32, 4, 8, SBUF_BYTES - 28)},
                   "dst", spec::Fault::TILE_RANGE);
}

// ---- PARTITION_REDUCE ----

float want_partition(const Image &in, const spec::InsnPartitionReduce &insn, unsigned i) {
    float value = in.f32(insn.src, 0, i);
    for (unsigned p = 1; p < insn.src.partitions; ++p) {
        const float next = in.f32(insn.src, p, i);
        value = insn.op == PartitionOp::MAX ? maximum(value, next) : value + next;
    }
    return insn.op == PartitionOp::AVERAGE ? value / static_cast<float>(insn.src.partitions) : value;
}

void check_partitions(Core &core, const spec::InsnPartitionReduce &insn, Random &random, bool edges = false) {
    fill(core, insn.src, random, edges);
    Image want(core);
    const Image in = want;
    for (unsigned i = 0; i < Image::elements(insn.dst); ++i) {
        if (insn.op != PartitionOp::BITWISE_AND && insn.op != PartitionOp::BITWISE_OR) {
            want.set_f32(insn.dst, 0, i, want_partition(in, insn, i));
            continue;
        }
        std::uint32_t bits = in.bits(insn.src, 0, i);
        for (unsigned p = 1; p < insn.src.partitions; ++p) {
            const std::uint32_t next = in.bits(insn.src, p, i);
            bits = insn.op == PartitionOp::BITWISE_AND ? bits & next : bits | next;
        }
        want.set_bits(insn.dst, 0, i, bits);
    }
    assert_legal(core.run(Engine::POOL, insn));
    want.assert_same(core);
}

void reduces_partitions_in_order(void **) {
    const auto core = make_core();
    Random random(2);
    for (const unsigned partitions : {1U, 2U, 3U, 32U, 127U, 128U}) {
        for (const PartitionOp op : {PartitionOp::ADD, PartitionOp::AVERAGE, PartitionOp::MAX}) {
            for (const Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::U8}) {
                check_partitions(*core,
                                 {.dst = tile(Space::SBUF, Dtype::F32, 1, 70, 64, 32),
                                  .src = tile(Space::SBUF, dtype, partitions, 70, 128),
                                  .op = op},
                                 random, op == PartitionOp::MAX); // and dst lies in src
            }
        }
        for (const PartitionOp op : {PartitionOp::BITWISE_AND, PartitionOp::BITWISE_OR}) {
            for (const Dtype dtype : {Dtype::I8, Dtype::U16, Dtype::I32}) {
                check_partitions(
                    *core,
                    {.dst = tile(Space::SBUF, dtype, 1, 70, 4096),
                     .src = folded(tile(Space::SBUF, dtype, partitions, 1, 512), {7, 10, 1, 1}, {-1, 7, 0, 0}),
                     .op = op},
                    random);
            }
        }
    }
}

void bad_partition_reductions_are_refused(void **) {
    const auto core = make_core();
    const spec::InsnPartitionReduce good{.dst = tile(Space::SBUF, Dtype::F32, 1, 8),
                                         .src = tile(Space::SBUF, Dtype::F32, 16, 8, 64),
                                         .op = PartitionOp::ADD};
    assert_legal(core->run(Engine::POOL, good));
    auto insn = good;
    insn.dst.partitions = 2;
    assert_refused(*core, Engine::POOL, insn, "dst");
    insn = good;
    insn.dst.num[0] = 7;
    assert_refused(*core, Engine::POOL, insn, "dst");
    insn = good;
    insn.op = PartitionOp::BITWISE_OR;
    assert_refused(*core, Engine::POOL, insn, "src");
    insn.src.dtype = Dtype::U16;
    assert_refused(*core, Engine::POOL, insn, "dst");
    insn.dst.dtype = Dtype::U32;
    assert_refused(*core, Engine::POOL, insn, "dst");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(iota_of_every_type),
        cmocka_unit_test(causal_masks),
        cmocka_unit_test(bad_selections_are_refused),
        cmocka_unit_test(reduces_partitions_in_order),
        cmocka_unit_test(bad_partition_reductions_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_affine", tests, nullptr, nullptr);
}
