// SPDX-License-Identifier: MIT
// The inner loops of BN_STATS.
#ifndef NEURON_CHIP_COMPUTE_STATISTICS_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_STATISTICS_KERNEL_HPP

#include <array>
#include <cstddef>

namespace neuron::chip {

/// Count, mean and sum of squared differences of the elements at even places of a row, and of those at odd ones; NaNs are
/// canonical. Needs DefaultFpEnvironment. Any number of threads, cannot fail, same bits on every host.
using Statistics = std::array<float, 6>;
Statistics statistics_of(const float *row, std::size_t n);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_STATISTICS_KERNEL_HPP
