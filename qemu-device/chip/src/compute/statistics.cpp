// SPDX-License-Identifier: MIT
// BN_STATS and BN_AGGR.
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/reduction.hpp"
#include "compute/rows.hpp"
#include "compute/statistics_kernel.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

namespace {

constexpr std::uint32_t TRIPLE = 3;

float sum(std::span<const float> values) { return reduce(spec::TensorOp::ADD, values.data(), values.size()); }

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
    RowWriter out(context, *dst, 2, true); // a row is read as a whole first
    for (unsigned row = 0; row < src->partitions(); ++row) {
        const Statistics statistics = statistics_of(in.read(row), src->elements());
        std::ranges::copy(statistics, out.begin(row));
        out.end(true);
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
