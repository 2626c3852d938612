// SPDX-License-Identifier: MIT
#include "compute/instructions.hpp"
#include "compute/move_kernel.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"
#include "compute/walk.hpp"

#include <array>
#include <cstdint>

namespace neuron::chip {

namespace {

constexpr std::uint8_t UNCHANGED = 255;

using Mask = std::array<std::uint8_t, QUADRANT>;

// One row of dst, from bytes that it does not share.
void write_row(ExecContext &context, const TileView &dst, unsigned row, const std::byte *in) {
    if (dst.contiguous()) {
        copy_rows({}, RowAddresses(context.memory, dst).at(row), in, dst.row_bytes());
    } else {
        store_row(context, dst, row, in);
    }
}

void shuffle_quadrant(ExecContext &context, const TileView &dst, const TileView &src, const Mask &mask, unsigned q) {
    const bool shared = may_share_bytes(dst, src);
    if (shared) { // a row of dst may be one that src still needs
        for (unsigned row = 0; row < QUADRANT; ++row) {
            gather_part(context.memory, src, q * QUADRANT + row, 0, src.elements(),
                        quadrant_row(context, row, src.row_bytes()));
        }
    }
    for (unsigned i = 0; i < QUADRANT; ++i) {
        if (mask[i] != UNCHANGED) {
            const std::byte *const in = shared ? quadrant_row(context, mask[i], src.row_bytes())
                                               : row_bytes_of(context, src, q * QUADRANT + mask[i], 0, true);
            write_row(context, dst, q * QUADRANT + i, in);
        }
    }
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnStreamShuffle &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    if (checks.ok()) {
        checks.require(same_shape(*dst, *src) && same_element_size(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    for (unsigned q = 0; q < dst->partitions() / QUADRANT; ++q) {
        shuffle_quadrant(context, *dst, *src, insn.mask, q);
    }
    return {};
}

} // namespace neuron::chip
