// SPDX-License-Identifier: MIT
#include "compute/scalar_view.hpp"

#include "compute/convert.hpp"

#include <bit>
#include <cstring>

namespace neuron::chip {

namespace {

bool is_word(spec::Dtype dtype) {
    return dtype == spec::Dtype::F32 || dtype == spec::Dtype::I32 || dtype == spec::Dtype::U32;
}

// The column as a tile of one element per partition.
spec::Tile column_of(const spec::Scalar &scalar, unsigned partitions) {
    spec::Tile tile;
    tile.offset = scalar.value;
    tile.reg = scalar.reg;
    tile.partition = scalar.partition;
    tile.partitions = static_cast<std::uint8_t>(partitions);
    tile.space = scalar.space;
    tile.dtype = scalar.dtype;
    tile.num.fill(1);
    return tile;
}

} // namespace

std::uint32_t ScalarView::bits(const CoreMemory &memory, unsigned row) const {
    if (!column_) {
        return bits_;
    }
    const auto partition = memory.partition(column_->space(), column_->first_partition() + row);
    std::uint32_t bits = 0;
    std::memcpy(&bits, partition.data() + column_->first_byte(), column_->element_bytes());
    return bits;
}

float ScalarView::f32(const CoreMemory &memory, unsigned row) const {
    const std::uint32_t raw = bits(memory, row);
    if (dtype_ == spec::Dtype::F32) {
        return std::bit_cast<float>(raw);
    }
    float value = 0;
    convert_to_f32(&value, dtype_, reinterpret_cast<const std::byte *>(&raw), 1);
    return value;
}

tl::expected<ScalarView, ExecFault> resolve(const spec::Scalar &scalar, unsigned partitions, std::uint32_t field_offset,
                                            const ExecContext &context) {
    ScalarView view;
    view.dtype_ = scalar.dtype;
    if (scalar.kind == spec::ScalarKind::VECTOR) {
        const auto column = resolve(column_of(scalar, partitions), context.regs, field_offset, context.memory);
        if (!column) {
            return tl::unexpected(column.error());
        }
        view.column_ = *column;
        return view;
    }
    const bool unused_clear = scalar.partition == 0 && scalar.space == spec::Space{};
    const bool imm = scalar.kind == spec::ScalarKind::IMM && scalar.reg == 0;
    const bool reg = scalar.kind == spec::ScalarKind::REG && scalar.value == 0 && scalar.reg < spec::SEQ_REGISTERS;
    if (!is_word(scalar.dtype) || !unused_clear || !(imm || reg)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, field_offset);
    }
    view.bits_ = imm ? scalar.value : context.regs[scalar.reg];
    return view;
}

} // namespace neuron::chip
