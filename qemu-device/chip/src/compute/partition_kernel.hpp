// SPDX-License-Identifier: MIT
// Sums and maxima of rows.
#ifndef NEURON_CHIP_COMPUTE_PARTITION_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_PARTITION_KERNEL_HPP

#include "neuron/spec.hpp"

#include <cstddef>

namespace neuron::chip {

/// out[i] = out[i] op row 0[i] op row 1[i] ..., n elements, `rows` rows that begin `stride` floats
/// apart. `op` is ADD or MAX; NaNs are any. No row is `out`. Any number of threads, cannot fail,
/// same bits on every host.
void fold_rows(spec::TensorOp op, float *out, const float *first, std::size_t stride, std::size_t rows, std::size_t n);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_PARTITION_KERNEL_HPP
