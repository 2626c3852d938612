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

/// x[i] = a[i] op b of rows of F32 or BF16, or b op a[i], and each row reduced by ADD, MULT, MAX or MIN into its lanes, which
/// are set; out[i] = x[i], NaN canonical. `out` may be `a`, and overlaps it in no other way. False: there is no loop for this
/// pair, and nothing has been done.
bool kernel_scalar_reduce(ElementKind kind, spec::TensorOp op, spec::TensorOp reduce, const RowSteps &rows, void *out,
                          const void *a, ScalarColumn b, float *lanes, std::size_t n);

/// The lanes of each of `rows` rows to one number, NaN canonical.
void kernel_combine_lanes(spec::TensorOp op, const float *lanes, std::size_t rows, float *out);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_REDUCTION_KERNEL_HPP
