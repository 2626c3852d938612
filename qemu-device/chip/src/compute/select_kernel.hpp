// SPDX-License-Identifier: MIT
// Loops over rows that choose between elements, and affine numbers.
#ifndef NEURON_CHIP_COMPUTE_SELECT_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_SELECT_KERNEL_HPP

#include "compute/tensor_op.hpp"
#include "neuron/spec.hpp"

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

// Any number of threads; they cannot fail. Same bits on every host. A NaN that they write is the
// canonical one.

/// out[i] = predicate[i] != 0 ? in[i] : other; with `invert` == 0. The predicate's elements are U8
/// or U16, of `predicate_bytes` bytes. `out` may be `in`.
void select_where(float *out, const float *in, const std::byte *predicate, std::size_t predicate_bytes, bool invert,
                  float other, std::size_t n);

/// out[i] = first + i * step, wrapping.
void affine_fill(std::int32_t *out, std::int32_t first, std::int32_t step, std::size_t n);

/// out[i] = first + i * step cmp 0 ? in[i] : other, as signed integers, wrapping. `cmp` is IS_EQUAL,
/// NOT_EQUAL, IS_GT, IS_GE, IS_LT or IS_LE. `out` may be `in`.
void affine_select(spec::TensorOp cmp, float *out, const float *in, std::int32_t first, std::int32_t step, float other,
                   std::size_t n);

/// out[i] = in[i] for i from `first` on and below `end`, `other` for the rest of `n`; first <= end <= n. Elements are F32 or
/// BF16. The values, before they are converted, also go into the lanes of a Reduction by MAX, whose order does not matter.
struct SelectRange {
    std::size_t first, end, n;
    float other;
};
void select_range(ElementKind kind, const SelectRange &range, void *out, const void *in, float *lanes);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_SELECT_KERNEL_HPP
