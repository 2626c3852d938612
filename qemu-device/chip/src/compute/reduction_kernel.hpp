// SPDX-License-Identifier: MIT
// The vector loops behind reduction.hpp.
#ifndef NEURON_CHIP_COMPUTE_REDUCTION_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_REDUCTION_KERNEL_HPP

#include "compute/tensor_op.hpp"

#include <cstddef>

namespace neuron::chip {

/// Combines n more elements (F32 or BF16) of each row into its Reduction::LANES lanes. Rows of `values` are
/// `stride` elements apart, those of `lanes` follow each other.
void kernel_add_to_lanes(ElementKind kind, spec::TensorOp op, float *lanes, const void *values, std::size_t rows,
                         std::size_t stride, std::size_t n);

/// The lanes of one row to one number, NaN canonical.
void kernel_combine_lanes(spec::TensorOp op, const float *lanes, float *out);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_REDUCTION_KERNEL_HPP
