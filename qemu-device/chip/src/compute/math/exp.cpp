// SPDX-License-Identifier: MIT
// e^x, in single precision.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/math/exp.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/math/kernels.hpp"

#include "compute/math/f32_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

// Lowest degree first, relative error 2^-27. All 2^32 inputs have been tried: the largest error is
// 0.967 ulp.
constexpr float EXP_F32[] = {0.5f, 0x1.5554dcp-3f, 0x1.5554eap-5f, 0x1.120c0ap-7f, 0x1.6d4bfep-10f};

// e^x = 2^k e^r, k = round(x / ln 2). r = high - low is kept in two parts: k times the first part of
// ln 2 has no rounding error and neither has high, so all that is lost before the last addition are
// small parts of small terms, and that without a fused operation.
struct Parts {
    VecI32 k;     // plus what is common to all lanes: the bits of ROUND
    VecF32 value; // e^r, in [0.7, 1.42]
};

constexpr float ROUND = 0x1.8p23f; // the last bit of a number of this size is 1

HWY_INLINE VecF32 constant32(float value) { return hn::Set(F32(), value); }

// |x| <= 128 ln 2 or so
HWY_INLINE Parts exp_parts(VecF32 x) {
    constexpr float LN2_HIGH = 0x1.62e4p-1f; // 15 bits: times k exact
    constexpr float LN2_LOW = 0x1.7f7d1cp-20f;
    const VecF32 shifted = hn::Add(hn::Mul(x, constant32(0x1.715476p0f)), constant32(ROUND));
    const VecF32 k = hn::Sub(shifted, constant32(ROUND));
    const VecF32 high = hn::Sub(x, hn::Mul(k, constant32(LN2_HIGH)));
    const VecF32 low = hn::Mul(k, constant32(LN2_LOW));
    const VecF32 r = hn::Sub(high, low);
    // e^r = 1 + r + r^2 q(r)
    VecF32 q = constant32(EXP_F32[4]);
    q = hn::Add(hn::Mul(q, r), constant32(EXP_F32[3]));
    q = hn::Add(hn::Mul(q, r), constant32(EXP_F32[2]));
    q = hn::Add(hn::Mul(q, r), constant32(EXP_F32[1]));
    q = hn::Add(hn::Mul(q, r), constant32(EXP_F32[0]));
    const VecF32 small = hn::Sub(hn::Mul(hn::Mul(r, r), q), low);
    return {hn::BitCast(I32(), shifted), hn::Add(constant32(1), hn::Add(high, small))};
}

// Results that are normal numbers: 2^k goes straight into the exponent.
HWY_INLINE VecF32 exp_of_moderate(VecF32 x) {
    const Parts e = exp_parts(x);
    return hn::BitCast(F32(), hn::Add(hn::BitCast(I32(), e.value), hn::ShiftLeft<23>(e.k)));
}

// Any x: 2^k in two steps, of which only the last can round.
HWY_INLINE VecF32 exp_of_any(VecF32 x) {
    const F32 d;
    const I32 di;
    // Results of zero, as of masked elements, are common; a product that underflows is slow.
    const auto is_above_zero = hn::Gt(x, constant32(-104));
    const Parts e = exp_parts(hn::Min(hn::IfThenElseZero(is_above_zero, x), constant32(89)));
    const VecI32 k = hn::Sub(e.k, hn::BitCast(di, constant32(ROUND)));
    const VecI32 half = hn::ShiftRight<1>(k);
    const VecI32 one = hn::BitCast(di, constant32(1));
    const VecF32 first = hn::BitCast(d, hn::Add(one, hn::ShiftLeft<23>(half)));
    const VecF32 second = hn::BitCast(d, hn::Add(one, hn::ShiftLeft<23>(hn::Sub(k, half))));
    const VecF32 y = hn::Mul(hn::Mul(e.value, first), second);
    return unless_nan(x, hn::IfThenElseZero(is_above_zero, y));
}

struct Exp {
    static HWY_INLINE VecF32 of(VecF32 x) {
        if (HWY_LIKELY(hn::AllTrue(F32(), hn::Le(hn::Abs(x), constant32(87))))) {
            return exp_of_moderate(x);
        }
        return exp_of_any(x);
    }
};

void exp_array(const float *in, float *out, std::size_t n) { map_f32<Exp>(in, out, n); }

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(exp_array);

namespace kernels {

void exp(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(exp_array)(in, out, n); }

} // namespace kernels
} // namespace neuron::chip
#endif // HWY_ONCE
