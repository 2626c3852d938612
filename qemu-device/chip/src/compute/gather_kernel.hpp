// SPDX-License-Identifier: MIT
// The check behind GATHER.
#ifndef NEURON_CHIP_COMPUTE_GATHER_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_GATHER_KERNEL_HPP

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// Whether all n indices are below `limit`, which is at least 1. Any number of threads, cannot fail.
bool all_below(const std::uint32_t *indices, std::size_t n, std::uint32_t limit);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_GATHER_KERNEL_HPP
