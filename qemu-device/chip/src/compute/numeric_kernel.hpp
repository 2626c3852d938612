// SPDX-License-Identifier: MIT
// The vector loop behind numeric.hpp.
#ifndef NEURON_CHIP_COMPUTE_NUMERIC_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_NUMERIC_KERNEL_HPP

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// Codes of a float type: masked by `magnitude`, those above `limit` are NaN and `limit` itself is infinity, if there is one.
struct FloatCodes {
    std::uint32_t magnitude;
    std::uint32_t limit;
    bool has_infinity = true;
};

/// NumericFlag bits of `count` elements of `element_bytes` (1, 2 or 4) bytes each, one after the other. Any number of
/// threads.
std::uint8_t scan_floats(const std::byte *elements, std::uint32_t element_bytes, std::size_t count,
                         const FloatCodes &codes);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_NUMERIC_KERNEL_HPP
