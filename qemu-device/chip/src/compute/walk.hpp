// SPDX-License-Identifier: MIT
// Loops over the walk of a tile, and parts of a row to and from consecutive bytes.
#ifndef NEURON_CHIP_COMPUTE_WALK_HPP
#define NEURON_CHIP_COMPUTE_WALK_HPP

#include "compute/core_memory.hpp"
#include "compute/exec_context.hpp"
#include "compute/tile_view.hpp"
#include "compute/transpose_kernel.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// Calls visit(byte offset of the lane's first element) for each lane of the walk, in order.
template<class Visit>
void for_each_lane(const TileView &view, Visit &&visit) {
    const auto &[inner, middle, outer] = view.outer();
    for (std::uint32_t i = 0; i < outer.count; ++i) {
        for (std::uint32_t j = 0; j < middle.count; ++j) {
            for (std::uint32_t k = 0; k < inner.count; ++k) {
                visit(view.first_byte() + i * outer.step + j * middle.step + k * inner.step);
            }
        }
    }
}

/// Copies elements first to first + count - 1 of the walk of row `row` to `out`, outside the core
/// memory, bits unchanged. first + count is at most view.elements().
void gather_part(const CoreMemory &memory, const TileView &view, unsigned row, std::uint32_t first, std::uint32_t count,
                 std::byte *out);

/// The other way. Where the walk comes to an element again, the later value stays.
void scatter_part(CoreMemory &memory, const TileView &view, unsigned row, std::uint32_t first, std::uint32_t count,
                  const std::byte *in);

/// The bytes of row `row` in the order of the walk: in place if they are consecutive and `in_place`
/// allows it, otherwise copied to scratch buffer `which` of the engine.
const std::byte *row_bytes_of(ExecContext &context, const TileView &view, unsigned row, unsigned which, bool in_place);

/// Stores row `row` from `in`, view.row_bytes() bytes that share none with the row.
void store_row(ExecContext &context, const TileView &view, unsigned row, const std::byte *in);

/// Elements from `first` on of the rows from `row` on of a tile that is contiguous().
Block<std::byte> block_in_place(ExecContext &context, const TileView &view, unsigned row, std::uint32_t first);

/// Room for row `k` (0..31) of a quadrant, `row_bytes` (at most a partition's) bytes: all scratch
/// buffers of the engine together hold 32 whole partitions.
std::byte *quadrant_row(ExecContext &context, unsigned k, std::uint32_t row_bytes);

inline constexpr unsigned QUADRANT = 32; ///< partitions

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_WALK_HPP
