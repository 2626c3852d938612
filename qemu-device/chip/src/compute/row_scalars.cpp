// SPDX-License-Identifier: MIT
#include "compute/row_scalars.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace neuron::chip {

RowScalars::RowScalars(const ScalarView &view, const CoreMemory &memory, unsigned rows, bool number) {
    if (!view.is_vector()) {
        std::fill_n(bits_.begin(), rows,
                    number ? std::bit_cast<std::uint32_t>(view.f32(memory, 0)) : view.bits(memory, 0));
        return;
    }
    const TileView &column = *view.column();
    if (column.element_bytes() == sizeof(std::uint32_t) && (!number || column.dtype() == spec::Dtype::F32)) {
        const std::byte *at = memory.partition(column.space(), column.first_partition()).data() + column.first_byte();
        const std::size_t stride = memory.partition_stride(column.space());
        for (unsigned row = 0; row < rows; ++row, at += stride) {
            std::memcpy(&bits_[row], at, sizeof(bits_[row]));
        }
        return;
    }
    for (unsigned row = 0; row < rows; ++row) {
        bits_[row] = number ? std::bit_cast<std::uint32_t>(view.f32(memory, row)) : view.bits(memory, row);
    }
}

} // namespace neuron::chip
