// SPDX-License-Identifier: MIT
// Instruction COPY.
#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/instructions.hpp"
#include "compute/operand_offset.hpp"
#include "compute/raw_rows.hpp"
#include "compute/rows.hpp"
#include "compute/tile_view.hpp"

namespace neuron::chip {

namespace {

const std::uint32_t COPY_DST = operand_offset(spec::Opcode::COPY, "dst");
const std::uint32_t COPY_SRC = operand_offset(spec::Opcode::COPY, "src");

// Whether the rows of the two tiles can touch the same bytes. Tiles of equal partition count start
// at the same partition or share none (the start rule), so looking at one row is enough.
bool may_overlap(const TileView &a, const TileView &b) {
    return a.space() == b.space() && a.first_partition() == b.first_partition() && a.low_byte() < b.end_byte() &&
           b.low_byte() < a.end_byte();
}

// ACT of the second generation has no path around its arithmetic.
bool keeps_bits(const ExecContext &context, const TileView &dst, const TileView &src) {
    constexpr unsigned ACT_COPIES_SINCE = 3;
    return src.dtype() == dst.dtype() &&
           (context.engine != spec::Engine::ACT || context.core_version >= ACT_COPIES_SINCE);
}

// Moves one row at a time. A row passes through scratch where its side is not contiguous, or where
// the two sides share bytes: all of a row is read before any of it is written.
class RowCopy {
public:
    RowCopy(ExecContext &context, const TileView &dst, const TileView &src)
        : context_(context),
          dst_(dst),
          src_(src),
          gathered_(context.memory.scratch(context.engine, 0).first(src.row_bytes())),
          converted_(context.memory.scratch(context.engine, 1).first(dst.row_bytes())),
          widened_(scratch_floats(context, 2, src.elements())),
          overlap_(may_overlap(dst, src)),
          keeps_bits_(keeps_bits(context, dst, src)),
          stochastic_(rounds_stochastically(context.state, dst.dtype())) {}

    // All rows, where none passes through scratch.
    bool run_at_once() {
        if (overlap_ || !converts_at_once() || !src_.contiguous() || !dst_.contiguous()) {
            return false;
        }
        const RowAddresses in(context_.memory, src_), out(context_.memory, dst_);
        convert_rows(dst_.dtype(), {src_.partitions(), out.stride(), in.stride()}, out.at(0), src_.dtype(), in.at(0),
                     src_.elements());
        return true;
    }

    void run(unsigned row) {
        std::span<const std::byte> in = row_in_place(context_.memory, src_, row);
        if (in.empty()) {
            gather(context_.memory, src_, row, gathered_);
            in = gathered_;
        }
        const bool in_is_safe = !overlap_ || in.data() == gathered_.data();
        std::span<std::byte> out = row_in_place(context_.memory, dst_, row);
        if (!out.empty() && in_is_safe) {
            convert_row(row, out.data(), in.data());
            return;
        }
        if (!keeps_bits_ || !in_is_safe) {
            convert_row(row, converted_.data(), in.data());
            in = converted_;
        }
        scatter(context_.memory, dst_, row, in);
    }

    // All rows are done: counts the random words.
    void finish() {
        if (stochastic_) {
            context_.state.words += dst_.elements();
        }
    }

private:
    bool converts_at_once() const { return keeps_bits_ || (src_.dtype() != dst_.dtype() && !stochastic_); }

    void convert_row(unsigned row, std::byte *out, const std::byte *in) {
        if (converts_at_once()) {
            convert(dst_.dtype(), out, src_.dtype(), in, src_.elements());
            return;
        }
        convert_to_f32(widened_.data(), src_.dtype(), in, src_.elements());
        canonicalize(widened_.data(), src_.elements());
        if (!stochastic_) {
            const auto *const wide = reinterpret_cast<const std::byte *>(widened_.data());
            convert(dst_.dtype(), out, spec::Dtype::F32, wide, src_.elements());
            return;
        }
        convert_stochastic(dst_.dtype(), out, widened_.data(), src_.elements(), row_stream(context_, dst_, row));
    }

    ExecContext &context_;
    const TileView &dst_;
    const TileView &src_;
    std::span<std::byte> gathered_;
    std::span<std::byte> converted_;
    std::span<float> widened_;
    bool overlap_;
    bool keeps_bits_;
    bool stochastic_;
};

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnCopy &insn) {
    const auto dst = resolve(insn.dst, context.regs, COPY_DST, context.memory);
    if (!dst) {
        return tl::unexpected(dst.error());
    }
    const auto src = resolve(insn.src, context.regs, COPY_SRC, context.memory);
    if (!src) {
        return tl::unexpected(src.error());
    }
    if (src->partitions() != dst->partitions() || src->elements() != dst->elements()) {
        return fault(spec::Fault::ILLEGAL_OPERAND, COPY_SRC);
    }
    RowCopy rows(context, *dst, *src);
    if (!rows.run_at_once()) {
        for (unsigned row = 0; row < src->partitions(); ++row) {
            rows.run(row);
        }
    }
    rows.finish();
    return {};
}

} // namespace neuron::chip
