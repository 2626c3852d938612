// SPDX-License-Identifier: MIT
// tanh and what is made of ln(1 + e^x).
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/math/hyperbolic.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/math/kernels.hpp"

#include "compute/math/f64_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

struct Tanh {
    static HWY_INLINE VecF64 of(VecF64 x) {
        // tanh(x) = (e^2x - 1) / (e^2x - 1 + 2); it is 1 in fp32 long before 20.
        const VecF64 bounded = at_most(at_least(x, -20), 20);
        const VecF64 n = exp_minus_1(hn::Add(bounded, bounded));
        return hn::CopySign(hn::Div(n, hn::Add(n, constant(2))), x);
    }
};

struct Softplus {
    static HWY_INLINE VecF64 of(VecF64 x) {
        // max(x, 0) + ln(1 + e), ln(1 + e) = 2 atanh(e / (2 + e)), e = e^-|x|
        const VecF64 e = exp_f64(at_least(hn::Neg(hn::Abs(x)), -120));
        const VecF64 s = hn::Div(e, hn::Add(constant(2), e));
        const VecF64 s2 = hn::Mul(s, s);
        const VecF64 log = hn::Mul(s, hn::Add(constant(2), hn::Mul(s2, polynomial(s2, coefficients::LOG1P))));
        return hn::Add(hn::Max(x, constant(0)), log);
    }
};

struct Mish {
    static HWY_INLINE VecF64 of(VecF64 x) {
        // tanh(ln(1 + e)) = n / (n + 2), n = e (e + 2), e = e^x. The lower bound keeps -inf away from
        // an n that is not quite zero.
        const VecF64 bounded = at_least(x, -120);
        const VecF64 e = exp_f64(at_most(bounded, 40));
        const VecF64 n = hn::Mul(e, hn::Add(e, constant(2)));
        return hn::Div(hn::Mul(bounded, n), hn::Add(n, constant(2)));
    }
};

void tanh_array(const float *in, float *out, std::size_t n) { map_f64<Tanh>(in, out, n); }
void softplus_array(const float *in, float *out, std::size_t n) { map_f64<Softplus>(in, out, n); }
void mish_array(const float *in, float *out, std::size_t n) { map_f64<Mish>(in, out, n); }

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(tanh_array);
HWY_EXPORT(softplus_array);
HWY_EXPORT(mish_array);

namespace kernels {

void tanh(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(tanh_array)(in, out, n); }
void softplus(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(softplus_array)(in, out, n); }
void mish(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(mish_array)(in, out, n); }

} // namespace kernels
} // namespace neuron::chip
#endif // HWY_ONCE
