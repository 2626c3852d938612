// SPDX-License-Identifier: MIT
#include "compute/numeric.hpp"

#include "compute/numeric_kernel.hpp"
#include "compute/tile_view.hpp"
#include "compute/walk.hpp"

#include <optional>

namespace neuron::chip {

namespace {

constexpr std::uint8_t BOTH = spec::NumericFlag::NAN_WRITTEN | spec::NumericFlag::INF_WRITTEN;

// The format of an element without its sign; none for integers.
std::optional<FloatCodes> codes_of(spec::Dtype dtype) {
    switch (dtype) {
    case spec::Dtype::F32: return FloatCodes{0x7fff'ffff, 0x7f80'0000};
    case spec::Dtype::TF32: return FloatCodes{0x7fff'e000, 0x7f80'0000}; // whose lower bits do not count
    case spec::Dtype::BF16: return FloatCodes{0x7fff, 0x7f80};
    case spec::Dtype::F16: return FloatCodes{0x7fff, 0x7c00};
    case spec::Dtype::F8E4M3: return FloatCodes{0x7f, 0x78};
    case spec::Dtype::F8E5M2: return FloatCodes{0x7f, 0x7c};
    case spec::Dtype::F8E3M4: return FloatCodes{0x7f, 0x70};
    case spec::Dtype::F8E4M3FN: return FloatCodes{0x7f, 0x7e, false}; // 0x7e is its largest number
    default: return std::nullopt;
    }
}

std::uint8_t flags_of(ExecContext &context, const TileView &view) {
    const auto codes = codes_of(view.dtype());
    std::uint8_t flags = 0;
    for (unsigned row = 0; codes && row < view.partitions() && flags != BOTH; ++row) {
        flags |= scan_floats(row_bytes_of(context, view, row, 0, true), view.element_bytes(), view.elements(), *codes);
    }
    return flags;
}

bool is_written(const spec::OperandDesc &operand) {
    return operand.kind == spec::OperandKind::TILE && operand.access != spec::OperandAccess::READ;
}

} // namespace

std::uint8_t numeric_flags(ExecContext &context, spec::Opcode opcode,
                           std::span<const std::byte, spec::INSTRUCTION_BYTES> insn) {
    std::uint8_t flags = 0;
    for (const spec::OperandDesc &operand : spec::find_instruction(opcode)->operands) {
        if (!is_written(operand)) {
            continue;
        }
        const auto tile = spec::unpack<spec::Tile>(insn.subspan(operand.offset).first<spec::Tile::BYTES>());
        if (const auto view = resolve(tile, context.regs, operand.offset, context.memory)) {
            flags |= flags_of(context, *view);
        }
    }
    return flags;
}

} // namespace neuron::chip
