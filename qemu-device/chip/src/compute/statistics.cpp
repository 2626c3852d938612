// SPDX-License-Identifier: MIT
// BN_STATS and BN_AGGR.
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/reduction.hpp"
#include "compute/rows.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

namespace {

constexpr std::uint32_t MAX_ELEMENTS = 512; // of a BN_STATS: see its operand src
constexpr std::uint32_t TRIPLE = 3;

float sum(std::span<const float> values) { return reduce(spec::TensorOp::ADD, values.data(), values.size()); }

// What BN_STATS gives for the elements of one parity.
struct Statistics {
    float count, mean, squares;
};

// Every second of `n` elements, from `first` on.
Statistics statistics_of(const float *row, std::uint32_t first, std::uint32_t n) {
    std::array<float, MAX_ELEMENTS / 2> values;
    std::size_t count = 0;
    for (std::uint32_t i = first; i < n; i += 2) {
        values[count++] = row[i];
    }
    if (count == 0) {
        return {0, 0, 0};
    }
    const std::span<float> all(values.data(), count);
    const float mean = sum(all) / static_cast<float>(count);
    for (float &value : all) {
        const float difference = value - mean;
        value = difference * difference;
    }
    return {static_cast<float>(count), mean, sum(all)};
}

struct Aggregate {
    float mean, variance;
};

// `terms` has room for one number per triple.
Aggregate aggregate_of(const float *row, std::span<float> terms) {
    const auto sum_of = [&](auto &&term) {
        for (std::size_t g = 0; g < terms.size(); ++g) {
            const float *const triple = row + TRIPLE * g;
            terms[g] = term(triple[0], triple[1], triple[2]);
        }
        return sum(terms);
    };
    const float count = sum_of([](float n, float, float) { return n; });
    const float mean = sum_of([](float n, float m, float) { return n * m; }) / count;
    const float within = sum_of([](float, float, float s) { return s; });
    const float between = sum_of([mean](float n, float m, float) {
        const float difference = m - mean;
        return n * (difference * difference);
    });
    return {mean, (within + between) / count};
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnBnStats &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    if (checks.ok()) {
        checks.require(same_partitions(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    RowReader in(context, *src, 0);
    RowWriter out(context, *dst, 2, false);
    for (unsigned row = 0; row < src->partitions(); ++row) {
        const float *const elements = in.read(row);
        float *to = out.begin(row);
        for (const std::uint32_t parity : {0U, 1U}) {
            const Statistics statistics = statistics_of(elements, parity, src->elements());
            *to++ = statistics.count;
            *to++ = statistics.mean;
            *to++ = statistics.squares;
        }
        out.end();
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnBnAggr &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    if (checks.ok()) {
        checks.require(same_partitions(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    RowReader in(context, *src, 0);
    RowWriter out(context, *dst, 2, false);
    const std::span<float> terms = scratch_floats(context, 4, src->elements() / TRIPLE);
    for (unsigned row = 0; row < src->partitions(); ++row) {
        const Aggregate aggregate = aggregate_of(in.read(row), terms);
        float *const to = out.begin(row);
        to[0] = aggregate.mean;
        to[1] = aggregate.variance;
        out.end();
    }
    return {};
}

} // namespace neuron::chip
