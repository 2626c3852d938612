// SPDX-License-Identifier: MIT
// The vector loops behind tensor_op.hpp.
#ifndef NEURON_CHIP_COMPUTE_TENSOR_OP_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_TENSOR_OP_KERNEL_HPP

#include "compute/tensor_op.hpp"

namespace neuron::chip {

// As apply() with one operation: F32 and BF16, all but POW and RSQRT; and the other kinds.

void kernel_float_tensor(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                         const void *b, std::size_t n);
void kernel_float_scalar(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                         ScalarColumn b, std::size_t n);
void kernel_bits_tensor(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                        const void *b, std::size_t n);
void kernel_bits_scalar(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                        ScalarColumn b, std::size_t n);

// Pairs of operations in one pass, rows of F32 and BF16. False: there is no loop for this pair, and
// nothing has been done.

bool kernel_two_scalars(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, const RowSteps &rows, void *out,
                        const void *a, ScalarColumn b, ScalarColumn c, std::size_t n);
bool kernel_scalar_tensor(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, const RowSteps &rows, void *out,
                          const void *a, ScalarColumn b, const void *c, bool reverse1, std::size_t n);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_TENSOR_OP_KERNEL_HPP
