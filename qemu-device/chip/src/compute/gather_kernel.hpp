// SPDX-License-Identifier: MIT
// The loops behind GATHER.
#ifndef NEURON_CHIP_COMPUTE_GATHER_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_GATHER_KERNEL_HPP

#include <cstddef>
#include <cstdint>
#include <optional>

namespace neuron::chip {

/// Whether all n indices are below `limit`, which is at least 1. Any number of threads, cannot fail.
bool all_below(const std::uint32_t *indices, std::size_t n, std::uint32_t limit);

/// out[i] = in[indices[i]] for n elements of `bytes` (1, 2 or 4) bytes; `out` overlaps no input. Each index is read once, so
/// that others may change them meanwhile. Returns the first one that is not below `limit`, if there is any: only some
/// elements that come before it have been written then.
std::optional<std::uint32_t> gather_elements(std::size_t bytes, std::byte *out, const std::byte *in,
                                             std::uint32_t limit, const std::uint32_t *indices, std::size_t n);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_GATHER_KERNEL_HPP
