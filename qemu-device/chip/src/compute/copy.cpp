// SPDX-License-Identifier: MIT
#include "compute/copy.hpp"

#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/operand_offset.hpp"
#include "compute/tile_view.hpp"

namespace neuron::chip {

namespace {

const std::uint32_t COPY_DST = operand_offset(spec::Opcode::COPY, "dst");
const std::uint32_t COPY_SRC = operand_offset(spec::Opcode::COPY, "src");

bool reaches(spec::Engine engine, spec::Space space) {
    return engine != spec::Engine::POOL || space == spec::Space::SBUF;
}

// Whether the rows of the two tiles can touch the same bytes. Tiles of equal partition count start
// at the same partition or share none (the start rule), so looking at one row is enough.
bool may_overlap(const TileView &a, const TileView &b) {
    return a.space() == b.space() && a.first_partition() == b.first_partition() && a.low_byte() < b.end_byte() &&
           b.low_byte() < a.end_byte();
}

// Moves one row at a time. A row passes through scratch where its side is not contiguous, or where
// the two sides share bytes: all of a row is read before any of it is written.
class RowCopy {
public:
    RowCopy(spec::Engine engine, const TileView &dst, const TileView &src, CoreMemory &memory)
        : dst_(dst),
          src_(src),
          memory_(memory),
          gathered_(memory.scratch(engine, 0).first(src.row_bytes())),
          converted_(memory.scratch(engine, 1).first(dst.row_bytes())),
          overlap_(may_overlap(dst, src)) {}

    void run(unsigned row) {
        std::span<const std::byte> in = row_in_place(memory_, src_, row);
        if (in.empty()) {
            gather(memory_, src_, row, gathered_);
            in = gathered_;
        }
        const bool in_is_safe = !overlap_ || in.data() == gathered_.data();
        std::span<std::byte> out = row_in_place(memory_, dst_, row);
        if (!out.empty() && in_is_safe) {
            convert(dst_.dtype(), out.data(), src_.dtype(), in.data(), src_.elements());
            return;
        }
        if (src_.dtype() != dst_.dtype() || !in_is_safe) {
            convert(dst_.dtype(), converted_.data(), src_.dtype(), in.data(), src_.elements());
            in = converted_;
        }
        scatter(memory_, dst_, row, in);
    }

private:
    const TileView &dst_;
    const TileView &src_;
    CoreMemory &memory_;
    std::span<std::byte> gathered_;
    std::span<std::byte> converted_;
    bool overlap_;
};

} // namespace

ExecResult copy_tile(spec::Engine engine, const spec::InsnCopy &insn,
                     std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs, CoreMemory &memory) {
    const auto dst = resolve(insn.dst, regs, COPY_DST, memory);
    if (!dst) {
        return tl::unexpected(dst.error());
    }
    const auto src = resolve(insn.src, regs, COPY_SRC, memory);
    if (!src) {
        return tl::unexpected(src.error());
    }
    if (!reaches(engine, dst->space())) {
        return fault(spec::Fault::ILLEGAL_OPERAND, COPY_DST);
    }
    const bool same_shape = src->partitions() == dst->partitions() && src->elements() == dst->elements();
    if (!reaches(engine, src->space()) || !same_shape) {
        return fault(spec::Fault::ILLEGAL_OPERAND, COPY_SRC);
    }
    RowCopy rows(engine, *dst, *src, memory);
    for (unsigned row = 0; row < src->partitions(); ++row) {
        rows.run(row);
    }
    return {};
}

} // namespace neuron::chip
