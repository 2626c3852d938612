// SPDX-License-Identifier: MIT
// Rows of a tile to and from consecutive bytes, for the DMA rings and for engines that need a tile
// in one piece.
#ifndef NEURON_CHIP_COMPUTE_DMA_TILE_HPP
#define NEURON_CHIP_COMPUTE_DMA_TILE_HPP

#include "compute/core_memory.hpp"
#include "compute/tile_view.hpp"

#include <cstddef>
#include <span>

namespace neuron::chip {

/// Copy row `row` (below view.partitions()) of the tile to `out`, in the order of the walk, bits
/// unchanged. `out` holds view.row_bytes() bytes and lies outside the core memory.
void gather(const CoreMemory &memory, const TileView &view, unsigned row, std::span<std::byte> out);

/// Copy `in`, view.row_bytes() bytes from outside the core memory, to row `row` of the tile in the
/// order of the walk. Where the walk comes to an element again, the later value stays.
void scatter(CoreMemory &memory, const TileView &view, unsigned row, std::span<const std::byte> in);

/// The bytes of row `row` in place, or an empty span if view.contiguous() is false: no bounce
/// buffer needed.
std::span<std::byte> row_in_place(CoreMemory &memory, const TileView &view, unsigned row);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_DMA_TILE_HPP
