// SPDX-License-Identifier: MIT
// Hints to the host's caches.
#ifndef NEURON_CHIP_COMPUTE_PREFETCH_HPP
#define NEURON_CHIP_COMPUTE_PREFETCH_HPP

#include <cstddef>

namespace neuron::chip {

/// Asks for the start of a row that comes next, so that it is on its way when the one before it is done: rows are far
/// apart, and the host's prefetcher finds a new one late. Any address will do.
template<bool WRITE>
inline void prefetch_row(const std::byte *row) {
    constexpr std::size_t LINE = 64, LINES = 4;
    for (std::size_t i = 0; i < LINES; ++i) {
        __builtin_prefetch(row + i * LINE, WRITE);
    }
}

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_PREFETCH_HPP
