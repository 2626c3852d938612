// SPDX-License-Identifier: MIT
// SELECT_REDUCE and RANGE_SELECT.
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"
#include "compute/reduction.hpp"
#include "compute/row_scalars.hpp"
#include "compute/rows.hpp"
#include "compute/select_kernel.hpp"
#include "compute/tensor_op.hpp"
#include "compute/walk.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace neuron::chip {

namespace {

// Accumulator of row `row` of dst after a MAX of the row's elements.
void accumulate_max(ExecContext &context, const TileView &dst, unsigned row, spec::AccCmd command, float largest) {
    float &acc = context.state.acc[dst.first_partition() + row];
    acc = accumulate(command, spec::TensorOp::MAX, acc, largest, 0);
}

// ---- RANGE_SELECT ----

constexpr float OUTSIDE = std::numeric_limits<float>::lowest();
constexpr double INDEX_LIMIT = 0x1p24; // below it fp32 holds every integer

bool is_bound_check(spec::TensorOp op) { return is_comparison(op) && op != spec::TensorOp::NOT_EQUAL; }

// False for NaN.
bool legal_start(float start, std::uint32_t elements) {
    return std::fabs(double{start}) < INDEX_LIMIT && std::fabs(double{start} + elements) < INDEX_LIMIT;
}

// Elements from `first` on and below `end`.
struct Range {
    std::uint32_t first, end;
};

// Which of n elements have an index, start + i, that satisfies a bound. Rounded sums do not fall as i grows, so that they are
// neighbours.
class IndexBounds {
public:
    IndexBounds(float start, std::uint32_t elements) : start_(start), elements_(elements) {}

    Range within(spec::TensorOp cmp, float bound) const {
        if (std::isnan(bound)) {
            return {0, 0};
        }
        const auto below = [=](float index) { return index < bound; };
        const auto up_to = [=](float index) { return index <= bound; };
        switch (cmp) {
        case spec::TensorOp::IS_GT: return {count(up_to), elements_};
        case spec::TensorOp::IS_GE: return {count(below), elements_};
        case spec::TensorOp::IS_LT: return {0, count(below)};
        case spec::TensorOp::IS_LE: return {0, count(up_to)};
        default: return {count(below), count(up_to)}; // IS_EQUAL
        }
    }

private:
    // How many indices are like that: the first ones.
    template<class Holds>
    std::uint32_t count(Holds holds) const {
        std::uint32_t low = 0, high = elements_;
        while (low < high) {
            const std::uint32_t middle = low + (high - low) / 2;
            if (holds(start_ + static_cast<float>(middle))) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    float start_;
    std::uint32_t elements_;
};

Range intersection(Range a, Range b) {
    const Range both{std::max(a.first, b.first), std::min(a.end, b.end)};
    return both.first < both.end ? both : Range{0, 0};
}

// RANGE_SELECT after its checks.
class RangeSelect {
public:
    RangeSelect(ExecContext &context, const spec::InsnRangeSelect &insn, const TileView &dst, const TileView &src,
                const ScalarView &bound0, const ScalarView &bound1)
        : context_(context),
          insn_(insn),
          dst_(dst),
          src_(src),
          bounds_(std::bit_cast<float>(insn.start), dst.elements()),
          bound0_(bound0, context.memory, dst.partitions(), true),
          bound1_(bound1, context.memory, dst.partitions(), true) {}

    void run() {
        const bool number = dst_.dtype() == spec::Dtype::F32 || dst_.dtype() == spec::Dtype::BF16;
        if (number && dst_.dtype() == src_.dtype() && !rounds_stochastically(context_.state, dst_.dtype())) {
            run_raw();
        } else {
            run_converted();
        }
    }

private:
    void run_raw() {
        const ElementKind kind = dst_.dtype() == spec::Dtype::BF16 ? ElementKind::BF16 : ElementKind::F32;
        RawReader in(context_, src_, 0);
        RawWriter out(context_, dst_, 1, !overlaps(dst_, src_));
        for (unsigned row = 0; row < dst_.partitions(); ++row) {
            select(row, kind, out.begin(row), in.read(row));
            out.end();
        }
    }

    void run_converted() {
        RowReader in(context_, src_, 0);
        RowWriter out(context_, dst_, 2, !overlaps(dst_, src_));
        for (unsigned row = 0; row < dst_.partitions(); ++row) {
            select(row, ElementKind::F32, out.begin(row), in.read(row));
            out.end(true);
        }
    }

    void select(unsigned row, ElementKind kind, void *out, const void *in) {
        const Range range = range_of(row);
        Reduction largest(spec::TensorOp::MAX);
        select_range(kind, {range.first, range.end, dst_.elements(), OUTSIDE}, out, in, largest.lanes());
        if (insn_.acc != spec::AccCmd::IDLE) {
            accumulate_max(context_, dst_, row, insn_.acc, largest.result());
        }
    }

    // Rows often have the same bounds.
    Range range_of(unsigned row) {
        if (row == 0 || bound0_.bits(row) != bound0_.bits(row - 1) || bound1_.bits(row) != bound1_.bits(row - 1)) {
            range_ = intersection(bounds_.within(insn_.cmp0, std::bit_cast<float>(bound0_.bits(row))),
                                  bounds_.within(insn_.cmp1, std::bit_cast<float>(bound1_.bits(row))));
        }
        return range_;
    }

    ExecContext &context_;
    const spec::InsnRangeSelect &insn_;
    const TileView &dst_;
    const TileView &src_;
    IndexBounds bounds_;
    RowScalars bound0_, bound1_;
    Range range_{};
};

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
        if (insn.acc != spec::AccCmd::IDLE) {
            accumulate_max(context, *dst, row, insn.acc, reduce(spec::TensorOp::MAX, x, dst->elements()));
        }
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
    RangeSelect(context, insn, *dst, *src, *bound0, *bound1).run();
    return {};
}

} // namespace neuron::chip
