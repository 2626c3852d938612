// SPDX-License-Identifier: MIT
// The sigmoid and what is made of it.
//
// Where a product with x goes to zero at -inf, x is cut off where the result has long been zero:
// -inf would multiply a number that is not quite zero.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/math/sigmoid.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/math/kernels.hpp"

#include "compute/math/f64_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

constexpr double FAR = 120; // e^-120 is far below the smallest subnormal, and so is 120 e^-120

struct Sigmoid {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 e = exp_f64(at_most(at_least(hn::Neg(x), -FAR), FAR));
        return hn::Div(constant(1), hn::Add(constant(1), e));
    }
};

// x sigmoid(u), u >= -700.
HWY_INLINE VecF64 gated(VecF64 x, VecF64 u) {
    const VecF64 e = exp_f64(at_least(hn::Neg(u), -FAR));
    return hn::Div(x, hn::Add(constant(1), e));
}

struct Silu {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 bounded = at_least(x, -FAR);
        return gated(bounded, bounded);
    }
};

struct GeluSigmoid {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 bounded = at_least(x, -FAR);
        return gated(bounded, hn::Mul(bounded, constant(1.702)));
    }
};

struct GeluTanh {
    static HWY_INLINE VecF64 of(VecF64 x) {
        // (1 + tanh w) / 2 = sigmoid(2 w), 2 w = x (LINEAR + CUBIC x^2)
        constexpr double LINEAR = 0x1.9884533d43651p0; // 2 sqrt(2 / pi)
        constexpr double CUBIC = LINEAR * 0.044715;
        const VecF64 bounded = at_least(x, -20);
        const VecF64 slope = hn::Add(constant(LINEAR), hn::Mul(constant(CUBIC), hn::Mul(bounded, bounded)));
        return gated(bounded, hn::Mul(bounded, slope));
    }
};

// s (1 + u (1 - s)), s = sigmoid(u).
//
// With e = e^-|u| this is e (1 - |u| + e) / (1 + e)^2 for u < 0, and f(u) = 1 - f(-u). The middle
// factor has a root; both terms are the better part of a double there, so the few bits that are left
// next to it suffice.
HWY_INLINE VecF64 gated_slope(VecF64 u) {
    const VecF64 one = constant(1);
    const VecF64 magnitude = at_most(hn::Abs(u), FAR);
    const VecF64 e = exp_full(hn::Neg(magnitude));
    const VecF64 middle = hn::Add(hn::Sub(one, magnitude), e);
    const VecF64 below = hn::Add(one, e);
    const VecF64 left = hn::Div(hn::Mul(e, middle), hn::Mul(below, below));
    return hn::IfThenElse(hn::Lt(u, constant(0)), left, hn::Sub(one, left));
}

struct SiluDx {
    static HWY_INLINE VecF64 of(VecF64 x) { return gated_slope(x); }
};

struct GeluSigmoidDx {
    static HWY_INLINE VecF64 of(VecF64 x) { return gated_slope(hn::Mul(x, constant(1.702))); }
};

void sigmoid_array(const float *in, float *out, std::size_t n) { map_f64<Sigmoid>(in, out, n); }
void silu_array(const float *in, float *out, std::size_t n) { map_f64<Silu>(in, out, n); }
void silu_dx_array(const float *in, float *out, std::size_t n) { map_f64<SiluDx>(in, out, n); }
void gelu_tanh_array(const float *in, float *out, std::size_t n) { map_f64<GeluTanh>(in, out, n); }
void gelu_sigmoid_array(const float *in, float *out, std::size_t n) { map_f64<GeluSigmoid>(in, out, n); }
void gelu_sigmoid_dx_array(const float *in, float *out, std::size_t n) { map_f64<GeluSigmoidDx>(in, out, n); }

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(sigmoid_array);
HWY_EXPORT(silu_array);
HWY_EXPORT(silu_dx_array);
HWY_EXPORT(gelu_tanh_array);
HWY_EXPORT(gelu_sigmoid_array);
HWY_EXPORT(gelu_sigmoid_dx_array);

namespace kernels {

void sigmoid(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(sigmoid_array)(in, out, n); }
void silu(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(silu_array)(in, out, n); }
void silu_dx(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(silu_dx_array)(in, out, n); }
void gelu_tanh(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(gelu_tanh_array)(in, out, n); }
void gelu_sigmoid(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(gelu_sigmoid_array)(in, out, n); }
void gelu_sigmoid_dx(const float *in, float *out, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(gelu_sigmoid_dx_array)(in, out, n);
}

} // namespace kernels
} // namespace neuron::chip
#endif // HWY_ONCE
