// SPDX-License-Identifier: MIT
#include "compute/predicate.hpp"

#include "compute/convert.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/rows.hpp"
#include "compute/walk.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace neuron::chip {

namespace {

template<class T, class Predicate>
void copy_lane(std::byte *out, std::int64_t step, const std::byte *in, const Predicate *predicate, std::uint32_t count,
               bool invert) {
    const T *const from = reinterpret_cast<const T *>(in);
    if (step == sizeof(T)) {
        T *const to = reinterpret_cast<T *>(out);
        for (std::uint32_t i = 0; i < count; ++i) {
            to[i] = (predicate[i] != 0) != invert ? from[i] : to[i];
        }
        return;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        if ((predicate[i] != 0) != invert) {
            std::memcpy(out + std::int64_t{i} * step, from + i, sizeof(T));
        }
    }
}

template<class T, class Predicate>
void copy_row(ExecContext &context, const TileView &dst, unsigned row, const std::byte *in, const std::byte *predicate,
              bool invert) {
    std::byte *const base = context.memory.partition(dst.space(), dst.first_partition() + row).data();
    const TileView::Loop lane = dst.lane();
    const auto *holds = reinterpret_cast<const Predicate *>(predicate);
    for_each_lane(dst, [&](std::int64_t at) {
        copy_lane<T>(base + at, lane.step, in, holds, lane.count, invert);
        in += std::size_t{lane.count} * sizeof(T);
        holds += lane.count;
    });
}

template<class T>
void copy_row_of(ExecContext &context, const TileView &dst, unsigned row, const std::byte *in,
                 const std::byte *predicate, std::uint32_t predicate_bytes, bool invert) {
    switch (predicate_bytes) {
    case 1: return copy_row<T, std::uint8_t>(context, dst, row, in, predicate, invert);
    case 2: return copy_row<T, std::uint16_t>(context, dst, row, in, predicate, invert);
    default: return copy_row<T, std::uint32_t>(context, dst, row, in, predicate, invert);
    }
}

bool is_word(spec::Dtype dtype) { return dtype == spec::Dtype::I32 || dtype == spec::Dtype::U32; }

// One value per partition, as often as a row has elements, converted as by MEMSET.
class ValueRows {
public:
    ValueRows(ExecContext &context, const TileView &dst, const ScalarView &value)
        : context_(context),
          dst_(dst),
          value_(value),
          rounds_(rounds_stochastically(context.state, dst.dtype())),
          row_(context.memory.scratch(context.engine, 0).first(dst.row_bytes())) {}

    ~ValueRows() {
        if (rounds_) {
            context_.state.words += dst_.elements();
        }
    }
    ValueRows(const ValueRows &) = delete;
    ValueRows &operator=(const ValueRows &) = delete;

    const std::byte *read(unsigned row) {
        if (rounds_ && value_.dtype() != dst_.dtype()) {
            const std::span<float> values = scratch_floats(context_, 1, dst_.elements());
            std::ranges::fill(values, value_.f32(context_.memory, row));
            convert_stochastic(
                dst_.dtype(), row_.data(), values.data(), values.size(),
                {context_.state.seed, dst_.first_partition() + row, context_.engine, context_.state.words});
            return row_.data();
        }
        const std::uint32_t bits = converted(row);
        switch (dst_.element_bytes()) {
        case 1: fill<std::uint8_t>(bits); break;
        case 2: fill<std::uint16_t>(bits); break;
        default: fill<std::uint32_t>(bits); break;
        }
        return row_.data();
    }

private:
    // The element's bits in the low bytes.
    std::uint32_t converted(unsigned row) const {
        const std::uint32_t bits = value_.bits(context_.memory, row);
        if (value_.dtype() == dst_.dtype() || (is_word(value_.dtype()) && is_integer(dst_.dtype()))) {
            return bits;
        }
        std::uint32_t result = 0;
        convert(dst_.dtype(), reinterpret_cast<std::byte *>(&result), value_.dtype(),
                reinterpret_cast<const std::byte *>(&bits), 1);
        return result;
    }

    template<class T>
    void fill(std::uint32_t bits) {
        std::fill_n(reinterpret_cast<T *>(row_.data()), dst_.elements(), static_cast<T>(bits));
    }

    ExecContext &context_;
    const TileView &dst_;
    const ScalarView &value_;
    bool rounds_;
    std::span<std::byte> row_;
};

} // namespace

void copy_where(ExecContext &context, const TileView &dst, unsigned row, const std::byte *in,
                const std::byte *predicate, std::uint32_t predicate_bytes, bool invert) {
    switch (dst.element_bytes()) {
    case 1: return copy_row_of<std::uint8_t>(context, dst, row, in, predicate, predicate_bytes, invert);
    case 2: return copy_row_of<std::uint16_t>(context, dst, row, in, predicate, predicate_bytes, invert);
    default: return copy_row_of<std::uint32_t>(context, dst, row, in, predicate, predicate_bytes, invert);
    }
}

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
    const bool src_apart = !may_share_bytes(*dst, *src);
    const bool pred_apart = !may_share_bytes(*dst, *pred);
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const std::byte *const in = row_bytes_of(context, *src, row, 0, src_apart);
        const std::byte *const predicate = row_bytes_of(context, *pred, row, 1, pred_apart);
        copy_where(context, *dst, row, in, predicate, pred->element_bytes(), insn.invert);
    }
    return {};
}

ExecResult execute(ExecContext &context, const spec::InsnFillPredicated &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto pred = checks.tile(insn.pred, "pred");
    const auto value = checks.scalar(insn.value, insn.dst.partitions, "value");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *pred), "pred");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    const bool pred_apart = !may_share_bytes(*dst, *pred);
    ValueRows values(context, *dst, *value);
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        const std::byte *const predicate = row_bytes_of(context, *pred, row, 2, pred_apart);
        copy_where(context, *dst, row, values.read(row), predicate, pred->element_bytes(), insn.invert);
    }
    return {};
}

} // namespace neuron::chip
