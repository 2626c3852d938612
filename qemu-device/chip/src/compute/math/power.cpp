// SPDX-License-Identifier: MIT
// x^y with the special cases of C.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/math/power.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/math/kernels.hpp"

#include "compute/math/f64_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

struct Parity {
    hn::Mask<F64> integer;
    hn::Mask<F64> odd;
};

HWY_INLINE Parity parity(VecF64 y) {
    // An fp32 number of this size is an even integer. Adding 2^52 rounds to an integer, 2^53 to an even one.
    const VecF64 magnitude = at_most(hn::Abs(y), 0x1p30);
    const auto rounded = [magnitude](double unit)
                             HWY_ATTR { return hn::Sub(hn::Add(magnitude, constant(unit)), constant(unit)); };
    const auto integer = hn::Eq(rounded(0x1p52), magnitude);
    return {integer, hn::And(integer, hn::Ne(rounded(0x1p53), magnitude))};
}

// |x|^y = e^(y ln|x|)
HWY_INLINE VecF64 power_of_magnitude(VecF64 magnitude, VecF64 y, hn::Mask<F64> is_one) {
    VecF64 log = log_of_positive(magnitude, coefficients::LOG_FULL);
    log = hn::IfThenElse(hn::Eq(magnitude, constant(0)), hn::Neg(infinity()), log);
    log = hn::IfThenElse(hn::Eq(magnitude, infinity()), infinity(), log);
    // No 0 times inf where the result is 1.
    const VecF64 exponent = hn::IfThenZeroElse(is_one, hn::Mul(y, log));
    return exp_f64(at_most(at_least(exponent, -120), 120));
}

HWY_INLINE VecF64 power_of(VecF64 x, VecF64 y) {
    const VecF64 zero = constant(0);
    const VecF64 one = constant(1);
    const VecF64 magnitude = hn::Abs(x);
    const Parity exponent = parity(y);
    const auto y_is_zero = hn::Eq(y, zero);
    VecF64 result = power_of_magnitude(magnitude, y, hn::Or(hn::Eq(magnitude, one), y_is_zero));
    result = hn::Or(result, hn::IfThenElseZero(exponent.odd, sign_bit(x)));
    // Negative and finite, to a power that is no integer.
    const auto negative = hn::And(hn::Lt(x, zero), hn::Lt(magnitude, infinity()));
    result = hn::IfThenElse(hn::AndNot(exponent.integer, negative), canonical_nan(), result);
    const auto is_number = hn::And(hn::Eq(x, x), hn::Eq(y, y)); // Ne is false for NaN on some targets
    result = hn::IfThenElse(is_number, result, canonical_nan());
    return hn::IfThenElse(hn::Or(hn::Eq(x, one), y_is_zero), one, result);
}

HWY_INLINE void power_step(const float *base, VecF64 y, float *out) {
    const VecF64 x = hn::PromoteTo(F64(), hn::LoadU(NarrowF32(), base));
    hn::StoreU(rounded_to_f32(power_of(x, y)), NarrowF32(), out);
}

// Of `count` elements, repeated if the stride is 0.
HWY_INLINE VecF64 load_exponents(const float *exponent, std::size_t stride, std::size_t count) {
    if (stride == 0) {
        return constant(*exponent);
    }
    float rest[MAX_F64_LANES] = {};
    if (count < hn::Lanes(F64())) {
        std::memcpy(rest, exponent, count * sizeof(float));
        exponent = rest;
    }
    return hn::PromoteTo(F64(), hn::LoadU(NarrowF32(), exponent));
}

void power_array(const float *base, const float *exponent, std::size_t stride, float *out, std::size_t n) {
    const std::size_t lanes = hn::Lanes(F64());
    std::size_t i = 0;
    for (; n - i >= lanes; i += lanes) {
        power_step(base + i, load_exponents(exponent + i * stride, stride, lanes), out + i);
    }
    if (i < n) {
        float rest[MAX_F64_LANES] = {};
        std::memcpy(rest, base + i, (n - i) * sizeof(float));
        power_step(rest, load_exponents(exponent + i * stride, stride, n - i), rest);
        std::memcpy(out + i, rest, (n - i) * sizeof(float));
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(power_array);

void kernels::power(const float *base, const float *exponent, std::size_t exponent_stride, float *out, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(power_array)(base, exponent, exponent_stride, out, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
