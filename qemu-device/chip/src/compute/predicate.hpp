// SPDX-License-Identifier: MIT
// Elements of a row that a predicate names.
#ifndef NEURON_CHIP_COMPUTE_PREDICATE_HPP
#define NEURON_CHIP_COMPUTE_PREDICATE_HPP

#include "compute/exec_context.hpp"
#include "compute/tile_view.hpp"

#include <cstddef>

namespace neuron::chip {

/// For element i of row `row` of `dst`, in the order of the walk: becomes element i of `in`, bits
/// unchanged, where element i of `predicate` (of an integer type with `predicate_bytes` bytes) is
/// not 0; with `invert` where it is 0. Others are not touched. `in` and `predicate` share no bytes
/// with the row, or `in` is the row itself.
void copy_where(ExecContext &context, const TileView &dst, unsigned row, const std::byte *in,
                const std::byte *predicate, std::uint32_t predicate_bytes, bool invert);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_PREDICATE_HPP
