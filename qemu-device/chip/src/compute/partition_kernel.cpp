// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/partition_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/partition_kernel.hpp"
#include "compute/tensor_op-inl.hpp"

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

// Columns of several vectors stay in registers from the first row to the last.
template<class Op>
HWY_INLINE void fold_columns(float *out, const float *row, std::size_t stride, std::size_t rows) {
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    VecF32 a0 = hn::LoadU(d, out), a1 = hn::LoadU(d, out + lanes);
    VecF32 a2 = hn::LoadU(d, out + 2 * lanes), a3 = hn::LoadU(d, out + 3 * lanes);
    for (std::size_t r = 0; r < rows; ++r, row += stride) {
        a0 = Op::of(a0, hn::LoadU(d, row));
        a1 = Op::of(a1, hn::LoadU(d, row + lanes));
        a2 = Op::of(a2, hn::LoadU(d, row + 2 * lanes));
        a3 = Op::of(a3, hn::LoadU(d, row + 3 * lanes));
    }
    hn::StoreU(a0, d, out);
    hn::StoreU(a1, d, out + lanes);
    hn::StoreU(a2, d, out + 2 * lanes);
    hn::StoreU(a3, d, out + 3 * lanes);
}

// Fewer elements than a vector has.
template<class Op>
HWY_INLINE void fold_rest(float *out, const float *row, std::size_t stride, std::size_t rows, std::size_t n) {
    const F32 d;
    float values[MAX_LANES] = {};
    std::memcpy(values, out, n * sizeof(float));
    VecF32 sum = hn::LoadU(d, values);
    for (std::size_t r = 0; r < rows; ++r, row += stride) {
        std::memcpy(values, row, n * sizeof(float));
        sum = Op::of(sum, hn::LoadU(d, values));
    }
    hn::StoreU(sum, d, values);
    std::memcpy(out, values, n * sizeof(float));
}

template<class Op>
void fold(float *out, const float *first, std::size_t stride, std::size_t rows, std::size_t n) {
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
        fold_columns<Op>(out + i, first + i, stride, rows);
    }
    for (; i < n; i += lanes) {
        fold_rest<Op>(out + i, first + i, stride, rows, n - i < lanes ? n - i : lanes);
    }
}

void fold_of(spec::TensorOp op, float *out, const float *first, std::size_t stride, std::size_t rows, std::size_t n) {
    op == spec::TensorOp::MAX ? fold<Max>(out, first, stride, rows, n) : fold<Add>(out, first, stride, rows, n);
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(fold_of);

void fold_rows(spec::TensorOp op, float *out, const float *first, std::size_t stride, std::size_t rows, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(fold_of)(op, out, first, stride, rows, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
