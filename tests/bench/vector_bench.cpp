// SPDX-License-Identifier: MIT
// More instructions on full tiles against plain loops: constants, conversions, integers, statistics, the eight largest,
// predicates, gathers, shuffles. What they compute is the oracle's business; here none may fault.
#include "core_bench.hpp"
#include "vector_loops.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

using namespace bench;

namespace {

using plain::Bits16;
using spec::Dtype;
using spec::Engine;
using spec::TensorOp;

constexpr unsigned STATISTICS_COLUMNS = 512; // the most that BN_STATS takes

spec::Scalar imm(float value) {
    spec::Scalar scalar{.kind = spec::ScalarKind::IMM, .dtype = Dtype::F32};
    std::memcpy(&scalar.value, &value, sizeof value);
    return scalar;
}

/// Fills an operand's rows with what `make` gives.
template<class T, class Make>
void load(Core &core, std::uint32_t offset, Make make) {
    for (unsigned r = 0; r < ROWS; ++r)
        std::generate_n(core.at<T>(r, offset), COLUMNS, make);
}

class Numbers {
public:
    float number() { return static_cast<float>(random_() >> 8) * 0x1p-20f - 8.0f; }
    std::uint32_t below(std::uint32_t bound) { return random_() % bound; }
    std::int32_t integer() { return static_cast<std::int32_t>(random_()); }

private:
    std::mt19937 random_{1};
};

void floats(Core &core, Numbers &numbers) {
    load<float>(core, A, [&] { return numbers.number(); });
    load<float>(core, B, [&] { return numbers.number(); });
}

void constants(Core &core) {
    compare(core, {.name = "memset_f32"}, Engine::DVE,
            spec::InsnMemset{.dst = tile(Dtype::F32, OUT), .value = imm(1.5f)},
            [&](unsigned r) { plain::fill(1.5f, core.at<float>(r, OUT), COLUMNS); });
    compare(core, {.name = "memset_bf16"}, Engine::DVE,
            spec::InsnMemset{.dst = tile(Dtype::BF16, OUT), .value = imm(1.5f)},
            [&](unsigned r) { plain::fill(Bits16{0x3fc0}, core.at<Bits16>(r, OUT), COLUMNS); });
}

void conversions(Core &core, Numbers &numbers) {
    const auto insn = [](Dtype to, Dtype from) { return spec::InsnCopy{.dst = tile(to, OUT), .src = tile(from, A)}; };
    floats(core, numbers);
    compare(core, {.name = "copy_f32"}, Engine::DVE, insn(Dtype::F32, Dtype::F32),
            [&](unsigned r) { plain::copy_bits(core.at<const float>(r, A), core.at<float>(r, OUT), COLUMNS); });
    compare(core, {.name = "copy_bf16"}, Engine::DVE, insn(Dtype::BF16, Dtype::BF16),
            [&](unsigned r) { plain::copy_bits(core.at<const Bits16>(r, A), core.at<Bits16>(r, OUT), COLUMNS); });
    compare(core, {.name = "copy_u8"}, Engine::DVE, insn(Dtype::U8, Dtype::U8), [&](unsigned r) {
        plain::copy_bits(core.at<const std::uint8_t>(r, A), core.at<std::uint8_t>(r, OUT), COLUMNS);
    });
    compare(core, {.name = "copy_f32_to_f16"}, Engine::DVE, insn(Dtype::F16, Dtype::F32),
            [&](unsigned r) { plain::f32_to_f16(core.at<float>(r, A), core.at<Bits16>(r, OUT), COLUMNS); });
    compare(core, {.name = "copy_f32_to_i32"}, Engine::DVE, insn(Dtype::I32, Dtype::F32),
            [&](unsigned r) { plain::f32_to_i32(core.at<float>(r, A), core.at<std::int32_t>(r, OUT), COLUMNS); });
    load<Bits16>(core, A, [&] { return static_cast<Bits16>(0x3800 + numbers.below(0x800)); });
    compare(core, {.name = "copy_f16_to_f32"}, Engine::DVE, insn(Dtype::F32, Dtype::F16),
            [&](unsigned r) { plain::f16_to_f32(core.at<Bits16>(r, A), core.at<float>(r, OUT), COLUMNS); });
    load<std::int32_t>(core, A, [&] { return numbers.integer(); });
    compare(core, {.name = "copy_i32_to_f32"}, Engine::DVE, insn(Dtype::F32, Dtype::I32),
            [&](unsigned r) { plain::i32_to_f32(core.at<std::int32_t>(r, A), core.at<float>(r, OUT), COLUMNS); });
}

void arithmetic(Core &core, Numbers &numbers) {
    const auto insn = [](Dtype dtype, TensorOp op) {
        return spec::InsnTensorTensor{.dst = tile(dtype, OUT), .a = tile(dtype, A), .b = tile(dtype, B), .op = op};
    };
    floats(core, numbers);
    compare(core, {.name = "tensor_tensor_mult_f32"}, Engine::DVE, insn(Dtype::F32, TensorOp::MULT), [&](unsigned r) {
        plain::mult(core.at<float>(r, A), core.at<float>(r, B), core.at<float>(r, OUT), COLUMNS);
    });
    compare(core, {.name = "tensor_tensor_gt_f32"}, Engine::DVE, insn(Dtype::F32, TensorOp::IS_GT), [&](unsigned r) {
        plain::greater(core.at<float>(r, A), core.at<float>(r, B), core.at<float>(r, OUT), COLUMNS);
    });
    compare(core, {.name = "tensor_scalar_reduce_f32"}, Engine::DVE,
            spec::InsnTensorScalarReduce{.dst = tile(Dtype::F32, OUT),
                                         .src = tile(Dtype::F32, A),
                                         .op0 = TensorOp::MULT,
                                         .operand0 = imm(0.5f),
                                         .reduce = TensorOp::ADD,
                                         .acc = spec::AccCmd::RESET_REDUCE,
                                         .init = imm(0)},
            [&](unsigned r) {
                *core.at<float>(r, SCALARS) =
                    plain::mult_and_sum(core.at<float>(r, A), 0.5f, core.at<float>(r, OUT), COLUMNS);
            });
    load<std::int32_t>(core, A, [&] { return numbers.integer(); });
    load<std::int32_t>(core, B, [&] { return numbers.integer(); });
    compare(core, {.name = "tensor_tensor_add_i32"}, Engine::POOL, insn(Dtype::I32, TensorOp::ADD), [&](unsigned r) {
        plain::add(core.at<std::int32_t>(r, A), core.at<std::int32_t>(r, B), core.at<std::int32_t>(r, OUT), COLUMNS);
    });
}

void statistics(Core &core, Numbers &numbers) {
    floats(core, numbers);
    compare(core, {.name = "bn_stats_f32", .columns = STATISTICS_COLUMNS}, Engine::DVE,
            spec::InsnBnStats{.dst = tile(Dtype::F32, OUT, 6), .src = tile(Dtype::F32, A, STATISTICS_COLUMNS)},
            [&](unsigned r) { plain::statistics(core.at<float>(r, A), core.at<float>(r, OUT), STATISTICS_COLUMNS); });
    compare(core, {.name = "max8_f32"}, Engine::DVE,
            spec::InsnMax8{.dst = tile(Dtype::F32, OUT, 8), .src = tile(Dtype::F32, A)},
            [&](unsigned r) { plain::max8(core.at<float>(r, A), core.at<float>(r, OUT), COLUMNS); });
    // Values that are spread over the row.
    for (unsigned r = 0; r < ROWS; ++r) {
        for (unsigned v = 0; v < 8; ++v)
            core.at<float>(r, B)[v] = core.at<float>(r, A)[COLUMNS / 8 * v + COLUMNS / 16];
    }
    compare(core, {.name = "find_index8_f32"}, Engine::DVE,
            spec::InsnFindIndex8{
                .dst = tile(Dtype::U32, OUT, 8), .values = tile(Dtype::F32, B, 8), .src = tile(Dtype::F32, A)},
            [&](unsigned r) {
                plain::find8(core.at<float>(r, B), core.at<float>(r, A), core.at<std::uint32_t>(r, OUT), COLUMNS);
            });
    compare(core, {.name = "match_replace8_f32"}, Engine::DVE,
            spec::InsnMatchReplace8{
                .dst = tile(Dtype::F32, OUT), .values = tile(Dtype::F32, B, 8), .src = tile(Dtype::F32, A)},
            [&](unsigned r) {
                plain::match_replace8(core.at<float>(r, B), core.at<float>(r, A), 0, core.at<float>(r, OUT), COLUMNS);
            });
    // A byte that is at the end of a row of zeros: the others find their zeros at once.
    load<std::uint8_t>(core, A, [] { return 0; });
    load<std::uint8_t>(core, B, [] { return 0; });
    for (unsigned r = 0; r < ROWS; ++r)
        core.at<std::uint8_t>(r, A)[COLUMNS - 1] = core.at<std::uint8_t>(r, B)[7] = 1;
    compare(core, {.name = "find_index8_u8"}, Engine::DVE,
            spec::InsnFindIndex8{
                .dst = tile(Dtype::U32, OUT, 8), .values = tile(Dtype::U8, B, 8), .src = tile(Dtype::U8, A)},
            [&](unsigned r) {
                plain::find8(core.at<std::uint8_t>(r, B), core.at<std::uint8_t>(r, A), core.at<std::uint32_t>(r, OUT),
                             COLUMNS);
            });
}

void ranges(Core &core, Numbers &numbers) {
    floats(core, numbers);
    compare(core, {.name = "range_select_f32"}, Engine::DVE,
            spec::InsnRangeSelect{.dst = tile(Dtype::F32, OUT),
                                  .src = tile(Dtype::F32, A),
                                  .cmp0 = TensorOp::IS_GE,
                                  .bound0 = imm(100),
                                  .cmp1 = TensorOp::IS_LT,
                                  .bound1 = imm(1500),
                                  .acc = spec::AccCmd::RESET_REDUCE},
            [&](unsigned r) {
                *core.at<float>(r, SCALARS) =
                    plain::select_range(core.at<float>(r, A), 100, 1500, core.at<float>(r, OUT), COLUMNS);
            });
}

void predicates(Core &core, Numbers &numbers) {
    floats(core, numbers);
    load<std::uint8_t>(core, B, [&] { return static_cast<std::uint8_t>(numbers.below(2)); });
    const auto pred = tile(Dtype::U8, B);
    const auto copy = [&](Dtype dtype) {
        return spec::InsnCopyPredicated{.dst = tile(dtype, OUT), .src = tile(dtype, A), .pred = pred};
    };
    const auto fill = [&](Dtype dtype) {
        return spec::InsnFillPredicated{.dst = tile(dtype, OUT), .pred = pred, .value = imm(1)};
    };
    const auto holds = [&](unsigned r) { return core.at<std::uint8_t>(r, B); };
    compare(core, {.name = "copy_predicated_f32"}, Engine::DVE, copy(Dtype::F32), [&](unsigned r) {
        plain::copy_where(core.at<const float>(r, A), holds(r), core.at<float>(r, OUT), COLUMNS);
    });
    compare(core, {.name = "copy_predicated_bf16"}, Engine::DVE, copy(Dtype::BF16), [&](unsigned r) {
        plain::copy_where(core.at<const Bits16>(r, A), holds(r), core.at<Bits16>(r, OUT), COLUMNS);
    });
    compare(core, {.name = "fill_predicated_f32"}, Engine::DVE, fill(Dtype::F32),
            [&](unsigned r) { plain::fill_where(1.0f, holds(r), core.at<float>(r, OUT), COLUMNS); });
    compare(core, {.name = "fill_predicated_bf16"}, Engine::DVE, fill(Dtype::BF16),
            [&](unsigned r) { plain::fill_where(Bits16{0x3f80}, holds(r), core.at<Bits16>(r, OUT), COLUMNS); });
}

void movements(Core &core, Numbers &numbers) {
    floats(core, numbers);
    load<std::uint32_t>(core, B, [&] { return numbers.below(COLUMNS); });
    compare(core, {.name = "gather_f32"}, Engine::POOL,
            spec::InsnGather{.dst = tile(Dtype::F32, OUT), .src = tile(Dtype::F32, A), .index = tile(Dtype::U32, B)},
            [&](unsigned r) {
                plain::gather(core.at<float>(r, A), core.at<std::uint32_t>(r, B), core.at<float>(r, OUT), COLUMNS);
            });
    compare(core, {.name = "gather_bf16"}, Engine::POOL,
            spec::InsnGather{.dst = tile(Dtype::BF16, OUT), .src = tile(Dtype::BF16, A), .index = tile(Dtype::U32, B)},
            [&](unsigned r) {
                plain::gather(core.at<const Bits16>(r, A), core.at<std::uint32_t>(r, B), core.at<Bits16>(r, OUT),
                              COLUMNS);
            });
    spec::InsnStreamShuffle shuffle{.dst = tile(Dtype::F32, OUT), .src = tile(Dtype::F32, A)};
    for (unsigned i = 0; i < shuffle.mask.size(); ++i)
        shuffle.mask[i] = static_cast<std::uint8_t>((i * 7 + 3) % 32);
    compare(core, {.name = "stream_shuffle_f32"}, Engine::DVE, shuffle, [&](unsigned r) {
        const unsigned from = r / 32 * 32 + (r % 32 * 7 + 3) % 32;
        plain::copy_bits(core.at<const float>(from, A), core.at<float>(r, OUT), COLUMNS);
    });
}

// The plain loop finds its list of indices in one piece: in the first row of the group.
template<std::size_t RUN>
void local_gather(Core &core, Numbers &numbers, const char *name) {
    constexpr unsigned GROUP = 16;
    floats(core, numbers);
    for (unsigned r = 0; r < ROWS; ++r) {
        std::generate_n(core.at<std::uint16_t>(r, B), COLUMNS,
                        [&] { return static_cast<std::uint16_t>(numbers.below(COLUMNS - RUN + 1)); });
    }
    compare(core, {.name = name}, Engine::POOL,
            spec::InsnLocalGather{.dst = tile(Dtype::BF16, OUT),
                                  .src = tile(Dtype::BF16, A),
                                  .index = tile(Dtype::U16, B, COLUMNS / RUN / GROUP),
                                  .run = RUN},
            [&](unsigned r) {
                plain::gather_runs<Bits16, RUN>(core.at<Bits16>(r, A), core.at<std::uint16_t>(r / GROUP * GROUP, B),
                                                core.at<Bits16>(r, OUT), COLUMNS / RUN);
            });
}

void random_numbers(Core &core, Numbers &numbers) {
    compare(core, {.name = "rng_u32"}, Engine::DVE, spec::InsnRng{.dst = tile(Dtype::U32, OUT)}, [&](unsigned r) {
        plain::random_words(0, r, spec::raw(Engine::DVE), core.at<std::uint32_t>(r, OUT), COLUMNS);
    });
    floats(core, numbers);
    std::vector<std::uint32_t> words(COLUMNS);
    compare(core, {.name = "dropout_f32"}, Engine::DVE,
            spec::InsnDropout{.dst = tile(Dtype::F32, OUT), .src = tile(Dtype::F32, A), .prob = imm(0.25f)},
            [&](unsigned r) {
                plain::random_words(0, r, spec::raw(Engine::DVE), words.data(), COLUMNS);
                plain::drop(core.at<float>(r, A), words.data(), 1u << 30, core.at<float>(r, OUT), COLUMNS);
            });
}

} // namespace

int main() {
    const auto core = std::make_unique<Core>();
    Numbers numbers;
    constants(*core);
    conversions(*core, numbers);
    arithmetic(*core, numbers);
    statistics(*core, numbers);
    ranges(*core, numbers);
    predicates(*core, numbers);
    movements(*core, numbers);
    local_gather<1>(*core, numbers, "local_gather_bf16");
    local_gather<4>(*core, numbers, "local_gather_bf16_run4");
    random_numbers(*core, numbers);
    std::printf("1..1\nok 1 - every instruction ran\n");
    return 0;
}
