// SPDX-License-Identifier: MIT
#include "compute/tile_view.hpp"

#include <algorithm>

namespace neuron::chip {

namespace {

// Up to 32 partitions start at a multiple of 32, up to 64 at a multiple of 64, more at 0.
bool legal_partitions(unsigned first, unsigned count) {
    if (count < 1 || count > spec::PARTITIONS) {
        return false;
    }
    const unsigned multiple = count <= 32 ? 32 : count <= 64 ? 64 : spec::PARTITIONS;
    return first % multiple == 0 && first < spec::PARTITIONS;
}

bool legal_space(spec::Space space) { return space == spec::Space::SBUF || space == spec::Space::PSUM; }

// A tile that repeats elements could otherwise describe a walk of 2^64 steps, which no reset could
// interrupt: it may be as long as the partition and no longer. 0: the walk is empty or too long.
std::uint32_t count_elements(const spec::Tile &tile, std::uint32_t limit) {
    std::uint64_t elements = 1;
    for (const std::uint16_t num : tile.num) {
        elements *= num;
        if (elements == 0 || elements > limit) {
            return 0;
        }
    }
    return static_cast<std::uint32_t>(elements);
}

struct Extent {
    std::int64_t low;  ///< byte offset of the lowest element
    std::int64_t high; ///< byte offset of the highest element
};

// The walk is a box, so its extremes are corners. Every term stays below 2^33, the sum cannot
// overflow.
Extent extent_of(const spec::Tile &tile, std::int64_t first, std::int64_t element_bytes) {
    Extent extent{first, first};
    for (std::size_t i = 0; i < tile.num.size(); ++i) {
        const std::int64_t reach = (std::int64_t{tile.num[i]} - 1) * tile.step[i] * element_bytes;
        (reach < 0 ? extent.low : extent.high) += reach;
    }
    return extent;
}

} // namespace

void TileView::merge_dimensions(const spec::Tile &tile) {
    std::array<Loop, 4> loops;
    std::size_t used = 0;
    for (std::size_t i = 0; i < tile.num.size(); ++i) {
        const Loop next{tile.num[i], std::int64_t{tile.step[i]} * element_bytes_};
        if (next.count == 1) {
            continue;
        }
        if (used > 0 && next.step == loops[used - 1].step * loops[used - 1].count) {
            loops[used - 1].count *= next.count;
        } else {
            loops[used++] = next;
        }
    }
    if (used == 0) {
        loops[0].step = element_bytes_; // one element is contiguous whatever its steps say
    }
    lane_ = loops[0];
    std::copy(loops.begin() + 1, loops.end(), outer_.begin());
}

tl::expected<TileView, ExecFault> resolve(const spec::Tile &tile, std::uint32_t reg_value, std::uint32_t field_offset,
                                          const CoreMemory &memory) {
    const std::uint32_t element_bytes = spec::bytes(tile.dtype);
    if (element_bytes == 0 || !legal_space(tile.space) || !legal_partitions(tile.partition, tile.partitions)) {
        return fault(spec::Fault::ILLEGAL_OPERAND, field_offset);
    }
    const std::int64_t first = std::int64_t{tile.offset} + (tile.reg == 0 ? 0 : reg_value);
    const std::uint32_t elements = count_elements(tile, memory.bytes(tile.space) / element_bytes);
    if (elements == 0 || first % element_bytes != 0) {
        return fault(spec::Fault::ILLEGAL_OPERAND, field_offset);
    }
    const Extent extent = extent_of(tile, first, element_bytes);
    if (extent.low < 0 || extent.high + element_bytes > memory.bytes(tile.space)) {
        return fault(spec::Fault::TILE_RANGE, field_offset);
    }

    TileView view;
    view.space_ = tile.space;
    view.dtype_ = tile.dtype;
    view.first_partition_ = tile.partition;
    view.partitions_ = tile.partitions;
    view.elements_ = elements;
    view.element_bytes_ = element_bytes;
    view.first_byte_ = static_cast<std::uint32_t>(first);
    view.low_byte_ = static_cast<std::uint32_t>(extent.low);
    view.end_byte_ = static_cast<std::uint32_t>(extent.high) + element_bytes;
    view.merge_dimensions(tile);
    return view;
}

tl::expected<TileView, ExecFault> resolve(const spec::Tile &tile,
                                          std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs,
                                          std::uint32_t field_offset, const CoreMemory &memory) {
    if (tile.reg >= spec::SEQ_REGISTERS) {
        return fault(spec::Fault::ILLEGAL_OPERAND, field_offset);
    }
    return resolve(tile, regs[tile.reg], field_offset, memory);
}

} // namespace neuron::chip
