// SPDX-License-Identifier: MIT
// The searches behind MAX8, FIND_INDEX8 and MATCH_REPLACE8.
#ifndef NEURON_CHIP_COMPUTE_TOP8_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_TOP8_KERNEL_HPP

#include <array>
#include <cstddef>

namespace neuron::chip {

// Any number of threads; they cannot fail. Same results on every host.

/// The eight largest of n >= 8 numbers, descending, in the order -inf .. -0, +0 .. inf, NaN. NaNs are canonical.
std::array<float, 8> eight_largest(const float *values, std::size_t n);

/// The lowest index from `first` on whose number equals `value`, or n.
std::size_t find_equal(const float *values, std::size_t first, std::size_t n, float value);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_TOP8_KERNEL_HPP
