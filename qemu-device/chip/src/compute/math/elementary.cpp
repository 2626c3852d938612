// SPDX-License-Identifier: MIT
// Logarithm, roots and trigonometry.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/math/elementary.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/math/kernels.hpp"

#include "compute/math/f32_lanes-inl.hpp"
#include "compute/math/f64_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

struct Log {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 zero = constant(0);
        VecF64 y = log_of_positive(x, coefficients::LOG);
        y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity()), y);
        y = hn::IfThenElse(hn::Eq(x, infinity()), x, y);
        return hn::IfThenElse(hn::Lt(x, zero), canonical_nan(), y);
    }
};

struct Sqrt {
    static HWY_INLINE VecF32 of(VecF32 x) {
        const VecF32 y = hn::Sqrt(x);
        return unless_nan(y, y);
    }
};

struct Reciprocal {
    static HWY_INLINE VecF32 of(VecF32 x) { return unless_nan(x, hn::Div(hn::Set(F32(), 1), x)); }
};

struct Rsqrt {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 y = hn::Div(constant(1), hn::Sqrt(x));
        return hn::IfThenElse(hn::Lt(x, constant(0)), canonical_nan(), y);
    }
};

struct Sin {
    static HWY_INLINE VecF64 of(VecF64 x) {
        constexpr double LIMIT = 0x1.921fb6p1f; // pi rounded up to fp32
        constexpr double PI = 0x1.921fb54442d18p1;
        const VecF64 magnitude = hn::Abs(x);
        const VecF64 from_pi = hn::Sub(constant(PI), magnitude);
        const VecF64 a = hn::IfThenElse(hn::Lt(magnitude, constant(PI / 2)), magnitude, from_pi);
        const VecF64 a2 = hn::Mul(a, a);
        const VecF64 sine = hn::Add(a, hn::Mul(hn::Mul(a, a2), polynomial(a2, coefficients::SIN)));
        // A product of signs: sin(pi rounded up) is negative.
        const VecF64 y = hn::Xor(sine, sign_bit(x));
        return hn::IfThenElse(hn::Le(magnitude, constant(LIMIT)), y, canonical_nan());
    }
};

struct Arctan {
    static HWY_INLINE VecF64 of(VecF64 x) {
        // By the addition theorem to |s| <= tan(pi / 8), with one division.
        constexpr double TAN_PI_8 = 0x1.a827999fcef32p-2, TAN_3PI_8 = 0x1.3504f333f9de6p1;
        constexpr double PI_4 = 0x1.921fb54442d18p-1;
        const VecF64 one = constant(1);
        const VecF64 magnitude = hn::Abs(x);
        const auto middle = hn::Gt(magnitude, constant(TAN_PI_8));
        const auto far = hn::Gt(magnitude, constant(TAN_3PI_8));
        VecF64 base = hn::IfThenElseZero(middle, constant(PI_4));
        base = hn::IfThenElse(far, constant(2 * PI_4), base);
        VecF64 above = hn::IfThenElse(middle, hn::Sub(magnitude, one), magnitude);
        above = hn::IfThenElse(far, constant(-1), above);
        VecF64 below = hn::IfThenElse(middle, hn::Add(magnitude, one), one);
        below = hn::IfThenElse(far, magnitude, below);
        const VecF64 s = hn::Div(above, below);
        const VecF64 s2 = hn::Mul(s, s);
        const VecF64 rest = hn::Mul(hn::Mul(s, s2), polynomial(s2, coefficients::ARCTAN));
        return hn::Xor(hn::Add(base, hn::Add(s, rest)), sign_bit(x));
    }
};

void log_array(const float *in, float *out, std::size_t n) { map_f64<Log>(in, out, n); }
void sqrt_array(const float *in, float *out, std::size_t n) { map_f32<Sqrt>(in, out, n); }
void rsqrt_array(const float *in, float *out, std::size_t n) { map_f64<Rsqrt>(in, out, n); }
void reciprocal_array(const float *in, float *out, std::size_t n) { map_f32<Reciprocal>(in, out, n); }
void sin_array(const float *in, float *out, std::size_t n) { map_f64<Sin>(in, out, n); }
void arctan_array(const float *in, float *out, std::size_t n) { map_f64<Arctan>(in, out, n); }

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(log_array);
HWY_EXPORT(sqrt_array);
HWY_EXPORT(rsqrt_array);
HWY_EXPORT(reciprocal_array);
HWY_EXPORT(sin_array);
HWY_EXPORT(arctan_array);

namespace kernels {

void log(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(log_array)(in, out, n); }
void sqrt(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(sqrt_array)(in, out, n); }
void rsqrt(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(rsqrt_array)(in, out, n); }
void reciprocal(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(reciprocal_array)(in, out, n); }
void sin(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(sin_array)(in, out, n); }
void arctan(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(arctan_array)(in, out, n); }

} // namespace kernels
} // namespace neuron::chip
#endif // HWY_ONCE
