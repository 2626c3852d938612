// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.
//
// Each element of the result is its own chain of multiply-adds, k ascending. Chains are
// independent, so any blocking over rows and columns gives the same bits; k is never split.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/matmul_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/matmul_kernel.hpp"

#include "compute/fp_environment.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

// Accumulators stay in registers only if the loops over them are unrolled, at any optimisation
// level.
#undef NEURON_UNROLL
#if defined(__clang__)
#define NEURON_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NEURON_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::CappedTag<float, 16>;
using VecF32 = hn::Vec<F32>;

constexpr std::uint32_t QUIET_NAN_F32 = 0x7fc00000;

// One block of the result is MAX_ROWS rows by COLUMN_VECTORS vectors of accumulators. With fused
// multiply-add it fills the registers: 16 accumulators of 32, 12 of 16. Without, the arithmetic
// needs the registers itself.
#if !HWY_NATIVE_FMA
constexpr int MAX_ROWS = 2;
constexpr int COLUMN_VECTORS = 1;
#elif HWY_TARGET == HWY_AVX2
constexpr int MAX_ROWS = 6;
constexpr int COLUMN_VECTORS = 2;
#else
constexpr int MAX_ROWS = 8;
constexpr int COLUMN_VECTORS = 2;
#endif

#if HWY_NATIVE_FMA

HWY_INLINE VecF32 fused_multiply_add(VecF32 a, VecF32 b, VecF32 c) { return hn::MulAdd(a, b, c); }

#elif HWY_HAVE_FLOAT64 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

using F64 = hn::Rebind<double, hn::Half<F32>>;
using VecF64 = hn::Vec<F64>;

// a * b + c rounded to odd in fp64. Of an inexact sum this keeps the neighbour with the odd last
// bit, so the later rounding to fp32 (29 bits shorter) sees on which side of a tie the exact value
// lies and gives the correctly rounded fused result, subnormals included.
HWY_INLINE VecF64 multiply_add_to_odd(VecF64 a, VecF64 b, VecF64 c) {
    const hn::RebindToSigned<F64> di;
    const VecF64 product = hn::Mul(a, b); // exact: 24 + 24 bits
    const VecF64 sum = hn::Add(product, c);
    const VecF64 back = hn::Sub(sum, product);
    const VecF64 error = hn::Add(hn::Sub(product, hn::Sub(sum, back)), hn::Sub(c, back)); // of sum: exact (TwoSum)

    const auto bits = hn::BitCast(di, sum);
    const auto one = hn::Set(di, 1);
    const auto is_even = hn::Eq(hn::And(bits, one), hn::Zero(di));
    const auto is_inexact = // neither exact, nor NaN because of an infinity
        hn::And(hn::Ne(error, hn::Zero(F64())), hn::Eq(error, error));
    // Towards the error: one step up in magnitude if its sign is that of the sum, else one step
    // down.
    const auto signs_differ = hn::BroadcastSignBit(hn::Xor(bits, hn::BitCast(di, error)));
    const auto step = hn::Or(signs_differ, one);
    const auto adjust = hn::And(is_even, hn::RebindMask(di, is_inexact));
    return hn::BitCast(F64(), hn::Add(bits, hn::IfThenElseZero(adjust, step)));
}

template<class V>
HWY_INLINE auto multiply_add_part(V a, V b, V c) {
    const F64 dd;
    const VecF64 odd = multiply_add_to_odd(hn::PromoteTo(dd, a), hn::PromoteTo(dd, b), hn::PromoteTo(dd, c));
    return hn::DemoteTo(hn::Rebind<float, F64>(), odd);
}

HWY_INLINE VecF32 fused_multiply_add(VecF32 a, VecF32 b, VecF32 c) {
    const hn::Half<F32> dh;
    const auto low = multiply_add_part(hn::LowerHalf(dh, a), hn::LowerHalf(dh, b), hn::LowerHalf(dh, c));
    const auto high = multiply_add_part(hn::UpperHalf(dh, a), hn::UpperHalf(dh, b), hn::UpperHalf(dh, c));
    return hn::Combine(F32(), high, low);
}

#else // no fp64 vectors, or (without vectors) a DemoteTo that saturates: the C library knows how

HWY_INLINE VecF32 fused_multiply_add(VecF32 a, VecF32 b, VecF32 c) {
    const F32 d;
    HWY_ALIGN float x[HWY_LANES(float)], y[HWY_LANES(float)], z[HWY_LANES(float)];
    hn::Store(a, d, x);
    hn::Store(b, d, y);
    hn::Store(c, d, z);
    for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
        z[i] = std::fma(x[i], y[i], z[i]);
    }
    return hn::Load(d, z);
}

#endif

// ROWS rows by COLUMN_VECTORS vectors of the result, all of k.
template<int ROWS>
HWY_INLINE void block(const MatmulArgs &args, const float *a, const float *b, float *acc, std::size_t acc_stride) {
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    VecF32 sum[ROWS][COLUMN_VECTORS];
    NEURON_UNROLL
    for (int r = 0; r < ROWS; ++r) {
        NEURON_UNROLL
        for (int c = 0; c < COLUMN_VECTORS; ++c) {
            sum[r][c] = args.start ? hn::Zero(d) : hn::LoadU(d, acc + r * acc_stride + c * lanes);
        }
    }
    for (unsigned k = 0; k < args.k; ++k) {
        VecF32 moving[COLUMN_VECTORS];
        NEURON_UNROLL
        for (int c = 0; c < COLUMN_VECTORS; ++c) {
            moving[c] = hn::LoadU(d, b + c * lanes);
        }
        NEURON_UNROLL
        for (int r = 0; r < ROWS; ++r) {
            const VecF32 stationary = hn::Set(d, a[r]);
            NEURON_UNROLL
            for (int c = 0; c < COLUMN_VECTORS; ++c) {
                sum[r][c] = fused_multiply_add(stationary, moving[c], sum[r][c]);
            }
        }
        a += MATMUL_STATIONARY_STRIDE;
        b += args.moving_stride;
    }
    const VecF32 nan = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<F32>(), QUIET_NAN_F32));
    NEURON_UNROLL
    for (int r = 0; r < ROWS; ++r) {
        NEURON_UNROLL
        for (int c = 0; c < COLUMN_VECTORS; ++c) {
            const VecF32 v = sum[r][c];
            hn::StoreU(hn::IfThenElse(hn::Eq(v, v), v, nan), d, acc + r * acc_stride + c * lanes);
        }
    }
}

void block_of(unsigned rows, const MatmulArgs &args, const float *a, const float *b, float *acc,
              std::size_t acc_stride) {
    static_assert(MAX_ROWS <= 8);
    switch (std::min<unsigned>(rows, MAX_ROWS)) {
    case 1: return block<1>(args, a, b, acc, acc_stride);
    case 2: return block<std::min(2, MAX_ROWS)>(args, a, b, acc, acc_stride);
    case 3: return block<std::min(3, MAX_ROWS)>(args, a, b, acc, acc_stride);
    case 4: return block<std::min(4, MAX_ROWS)>(args, a, b, acc, acc_stride);
    case 5: return block<std::min(5, MAX_ROWS)>(args, a, b, acc, acc_stride);
    case 6: return block<std::min(6, MAX_ROWS)>(args, a, b, acc, acc_stride);
    case 7: return block<std::min(7, MAX_ROWS)>(args, a, b, acc, acc_stride);
    default: return block<MAX_ROWS>(args, a, b, acc, acc_stride);
    }
}

// The last columns, fewer than a block: through a buffer, so that nothing beyond them in PSUM is
// touched.
void edge_block(unsigned rows, unsigned columns, const MatmulArgs &args, const float *a, const float *b, float *acc) {
    constexpr std::size_t STRIDE = 16 * COLUMN_VECTORS;
    HWY_ALIGN_MAX float buffer[MAX_ROWS * STRIDE] = {};
    for (unsigned r = 0; r < rows && !args.start; ++r) {
        std::memcpy(buffer + r * STRIDE, acc + r * args.acc_stride, columns * sizeof(float));
    }
    block_of(rows, args, a, b, buffer, STRIDE);
    for (unsigned r = 0; r < rows; ++r) {
        std::memcpy(acc + r * args.acc_stride, buffer + r * STRIDE, columns * sizeof(float));
    }
}

void matmul(const MatmulArgs &args) {
    const unsigned block_columns = static_cast<unsigned>(COLUMN_VECTORS * hn::Lanes(F32()));
    // No edge_block() where the operand may lie in place. 16: the lanes of F32, at most.
    static_assert(MATMUL_COLUMN_GRAIN % (COLUMN_VECTORS * 16) == 0);
    // Columns outside: a column block of the moving operand stays in the first-level cache while
    // the rows go by.
    for (unsigned n = 0; n < args.n; n += block_columns) {
        for (unsigned m = 0; m < args.m; m += MAX_ROWS) {
            const unsigned rows = std::min<unsigned>(MAX_ROWS, args.m - m);
            float *const acc = args.acc + m * args.acc_stride + n;
            if (args.n - n >= block_columns) {
                block_of(rows, args, args.stationary + m, args.moving + n, acc, args.acc_stride);
            } else {
                edge_block(rows, args.n - n, args, args.stationary + m, args.moving + n, acc);
            }
        }
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(matmul);

void matmul_accumulate(const MatmulArgs &args) { HWY_DYNAMIC_DISPATCH(matmul)(args); }

} // namespace neuron::chip
#endif // HWY_ONCE
