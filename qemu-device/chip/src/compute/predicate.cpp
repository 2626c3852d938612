// SPDX-License-Identifier: MIT
// COPY_PREDICATED and FILL_PREDICATED.
#include "compute/fill_value.hpp"
#include "compute/instructions.hpp"
#include "compute/move_kernel.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"
#include "compute/walk.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace neuron::chip {

namespace {

constexpr unsigned SRC_SCRATCH = 0;
constexpr unsigned PRED_SCRATCH = 1;

bool holds(const Predicate &what, const std::byte *predicate, std::size_t i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, predicate + i * what.predicate_bytes, what.predicate_bytes);
    return (bits != 0) != what.invert;
}

// For element i of row `row` of `dst`, in the order of the walk: becomes element i of `in` where the predicate holds. Neither
// `in` nor `predicate` shares bytes with the row. Elements may follow each other in any way, or be the same.
void copy_where(ExecContext &context, const TileView &dst, unsigned row, const Predicate &what, const std::byte *in,
                const std::byte *predicate) {
    std::byte *const base = context.memory.partition(dst.space(), dst.first_partition() + row).data();
    const TileView::Loop lane = dst.lane();
    for_each_lane(dst, [&](std::int64_t at) {
        if (lane.step == dst.element_bytes()) {
            copy_rows_where(what, {}, base + at, in, predicate, lane.count);
        } else {
            for (std::uint32_t i = 0; i < lane.count; ++i) {
                if (holds(what, predicate, i)) {
                    std::memcpy(base + at + i * lane.step, in + i * what.element_bytes, what.element_bytes);
                }
            }
        }
        in += lane.count * what.element_bytes;
        predicate += lane.count * what.predicate_bytes;
    });
}

// The elements of row `row` of a FILL_PREDICATED, in scratch.
const std::byte *value_row(ExecContext &context, const TileView &dst, const FillValue &value, unsigned row) {
    std::byte *const out = context.memory.scratch(context.engine, SRC_SCRATCH).data();
    if (value.uniform()) {
        fill_rows(dst.element_bytes(), {}, out, value.bits() + row, dst.elements());
    } else {
        value.round(row, 0, dst.elements(), out);
    }
    return out;
}

Predicate predicate_of(const TileView &dst, const TileView &pred, bool invert) {
    return {dst.element_bytes(), pred.element_bytes(), invert};
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnCopyPredicated &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    const auto pred = checks.tile(insn.pred, "pred");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src) && src->dtype() == dst->dtype(), "src");
        checks.require(same_shape(*dst, *pred) && !(in_psum(*src) && in_psum(*pred)), "pred");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const Predicate what = predicate_of(*dst, *pred, insn.invert != 0);
    const bool src_apart = !may_share_bytes(*dst, *src);
    const bool pred_apart = !may_share_bytes(*dst, *pred);
    if (dst->contiguous() && src->contiguous() && pred->contiguous() && src_apart && pred_apart) {
        const RowAddresses out(context.memory, *dst), in(context.memory, *src), holds(context.memory, *pred);
        copy_rows_where(what, {dst->partitions(), out.stride(), in.stride(), holds.stride()}, out.at(0), in.at(0),
                        holds.at(0), dst->elements());
        return {};
    }
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const std::byte *const in = row_bytes_of(context, *src, row, SRC_SCRATCH, src_apart);
        const std::byte *const predicate = row_bytes_of(context, *pred, row, PRED_SCRATCH, pred_apart);
        copy_where(context, *dst, row, what, in, predicate);
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnFillPredicated &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto pred = checks.tile(insn.pred, "pred");
    const auto scalar = checks.scalar(insn.value, insn.dst.partitions, "value");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *pred), "pred");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const Predicate what = predicate_of(*dst, *pred, insn.invert != 0);
    const bool pred_apart = !may_share_bytes(*dst, *pred);
    const FillValue value(context, *dst, *scalar);
    if (dst->contiguous() && pred->contiguous() && pred_apart && value.uniform()) {
        const RowAddresses out(context.memory, *dst), holds(context.memory, *pred);
        fill_rows_where(what, {dst->partitions(), out.stride(), 0, holds.stride()}, out.at(0), value.bits(),
                        holds.at(0), dst->elements());
        return {};
    }
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const std::byte *const predicate = row_bytes_of(context, *pred, row, PRED_SCRATCH, pred_apart);
        copy_where(context, *dst, row, what, value_row(context, *dst, value, row), predicate);
    }
    return {};
}

} // namespace neuron::chip
