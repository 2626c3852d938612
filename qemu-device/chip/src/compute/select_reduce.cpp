// SPDX-License-Identifier: MIT
// SELECT_REDUCE and RANGE_SELECT.
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/reduction.hpp"
#include "compute/rows.hpp"
#include "compute/select_kernel.hpp"
#include "compute/tensor_op.hpp"
#include "compute/walk.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace neuron::chip {

namespace {

// Accumulator of row `row` of dst after a MAX of the row's elements.
void accumulate_max(ExecContext &context, const TileView &dst, unsigned row, spec::AccCmd command, const float *x) {
    if (command == spec::AccCmd::IDLE) {
        return;
    }
    float &acc = context.state.acc[dst.first_partition() + row];
    acc = accumulate(command, spec::TensorOp::MAX, acc, reduce(spec::TensorOp::MAX, x, dst.elements()), 0);
}

// ---- RANGE_SELECT ----

constexpr unsigned INDICES_SCRATCH = 0;
constexpr unsigned CMP0_SCRATCH = 1;
constexpr unsigned CMP1_SCRATCH = 2;
constexpr float OUTSIDE = std::numeric_limits<float>::lowest();
constexpr double INDEX_LIMIT = 0x1p24; // below it fp32 holds every integer

bool is_bound_check(spec::TensorOp op) { return is_comparison(op) && op != spec::TensorOp::NOT_EQUAL; }

// False for NaN.
bool legal_start(float start, std::uint32_t elements) {
    return std::fabs(double{start}) < INDEX_LIMIT && std::fabs(double{start} + elements) < INDEX_LIMIT;
}

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

// 1 for each index that satisfies the bound, 0 for the others.
const float *compare(ExecContext &context, unsigned scratch, spec::TensorOp cmp, std::span<const float> indices,
                     float bound) {
    float *const result = scratch_floats(context, scratch, indices.size()).data();
    apply(ElementKind::F32, cmp, result, indices.data(), ScalarOperand{bits_of(bound), false}, indices.size());
    return result;
}

std::span<const float> indices_from(ExecContext &context, float start, std::uint32_t count) {
    const std::span<float> indices = scratch_floats(context, INDICES_SCRATCH, count);
    for (std::uint32_t i = 0; i < count; ++i) {
        indices[i] = start + static_cast<float>(i);
    }
    return indices;
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnSelectReduce &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto on_true = checks.tile(insn.on_true, "on_true");
    const auto pred = checks.tile(insn.pred, "pred");
    const auto on_false = checks.arithmetic_scalar(insn.on_false, insn.dst.partitions, "on_false");
    checks.require(insn.acc != spec::AccCmd::LOAD_REDUCE, "acc");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *on_true), "on_true");
        checks.require(same_shape(*dst, *pred) && !(in_psum(*on_true) && in_psum(*pred)), "pred");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    RowReader in(context, *on_true, 0);
    RowWriter out(context, *dst, 3, !overlaps(*dst, *on_true) && !overlaps(*dst, *pred));
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const float other = on_false->f32(context.memory, row);
        const std::byte *const holds = row_bytes_of(context, *pred, row, 2, true);
        float *const x = out.begin(row);
        select_where(x, in.read(row), holds, pred->element_bytes(), insn.invert, other, dst->elements());
        accumulate_max(context, *dst, row, insn.acc, x);
        out.end(true);
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnRangeSelect &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto bound0 = checks.arithmetic_scalar(insn.bound0, insn.dst.partitions, "bound0");
    const auto bound1 = checks.arithmetic_scalar(insn.bound1, insn.dst.partitions, "bound1");
    checks.require(is_bound_check(insn.cmp0), "cmp0");
    checks.require(is_bound_check(insn.cmp1), "cmp1");
    checks.require(insn.acc != spec::AccCmd::LOAD_REDUCE, "acc");
    const float start = std::bit_cast<float>(insn.start);
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src), "src");
        checks.require(legal_start(start, dst->elements()), "start");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const std::span<const float> indices = indices_from(context, start, dst->elements());
    RowReader in(context, *src, 3);
    RowWriter out(context, *dst, 5, !overlaps(*dst, *src));
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const float *const holds0 =
            compare(context, CMP0_SCRATCH, insn.cmp0, indices, bound0->f32(context.memory, row));
        const float *const holds1 =
            compare(context, CMP1_SCRATCH, insn.cmp1, indices, bound1->f32(context.memory, row));
        const float *const from = in.read(row);
        float *const x = out.begin(row);
        for (std::uint32_t i = 0; i < dst->elements(); ++i) {
            x[i] = holds0[i] * holds1[i] != 0 ? from[i] : OUTSIDE;
        }
        accumulate_max(context, *dst, row, insn.acc, x);
        out.end();
    }
    return {};
}

} // namespace neuron::chip
