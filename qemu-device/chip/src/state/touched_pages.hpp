// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace neuron::chip {

/// Calls `visit(offset, bytes)` for each run of pages of `mapping` that may hold something else than zeros, in ascending
/// order. A mapping whose pages nobody has touched costs next to nothing, however large. Throws StateError if the host does
/// not say which were touched.
void for_each_touched(std::span<const std::byte> mapping,
                      const std::function<void(std::size_t offset, std::size_t bytes)> &visit);

/// Whether all of them are 0.
bool all_zero(std::span<const std::byte> bytes);

} // namespace neuron::chip
