// SPDX-License-Identifier: MIT
// Functions of the normal distribution: Phi(-z) = e^(-z^2/2) times a polynomial in
// (z - 4) / (z + 4), which has its relative accuracy down to the smallest subnormals.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/math/normal.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/math/kernels.hpp"

#include "compute/math/f64_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

constexpr double LAST = 14.75; // where Phi(-z) and z phi(z) have long been zero

HWY_INLINE VecF64 centred(VecF64 z) { return hn::Div(hn::Sub(z, constant(4)), hn::Add(z, constant(4))); }

// e^(-z^2/2): the square of an fp32 number is exact.
HWY_INLINE VecF64 bell(VecF64 z) { return exp_f64(hn::Mul(hn::Mul(z, z), constant(-0.5))); }

// Phi(-z), 0 <= z <= LAST
HWY_INLINE VecF64 normal_tail(VecF64 z, VecF64 bell) {
    return hn::Mul(bell, polynomial(centred(z), coefficients::NORMAL_TAIL));
}

struct Gelu {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 z = at_most(hn::Abs(x), LAST);
        const VecF64 tail = normal_tail(z, bell(z));
        const VecF64 phi = hn::IfThenElse(hn::Lt(x, constant(0)), tail, hn::Sub(constant(1), tail));
        return hn::Mul(at_least(x, -LAST), phi); // not -inf times nearly zero
    }
};

struct GeluDx {
    static HWY_INLINE VecF64 of(VecF64 x) {
        // The root is a factor of its own, so nothing cancels next to it. f(x) = 1 - f(-x).
        const VecF64 z = at_most(hn::Abs(x), LAST);
        const VecF64 root_minus_z = hn::Sub(constant(coefficients::GELU_DX_ROOT), z);
        const VecF64 rest = hn::Mul(bell(z), polynomial(centred(z), coefficients::GELU_DX));
        const VecF64 left = hn::Mul(root_minus_z, rest);
        return hn::IfThenElse(hn::Lt(x, constant(0)), left, hn::Sub(constant(1), left));
    }
};

struct Erf {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 magnitude = at_most(hn::Abs(x), 5); // erf(5) is 1 in fp32
        const VecF64 square = hn::Mul(magnitude, magnitude);
        const VecF64 z = hn::Mul(magnitude, constant(0x1.6a09e667f3bcdp0)); // sqrt 2
        const VecF64 tail = normal_tail(z, exp_f64(hn::Neg(square)));
        const VecF64 large = hn::Sub(constant(1), hn::Add(tail, tail));
        const VecF64 small = hn::Mul(magnitude, polynomial(square, coefficients::ERF));
        return hn::CopySign(hn::IfThenElse(hn::Lt(magnitude, constant(1)), small, large), x);
    }
};

struct ErfDx {
    static HWY_INLINE VecF64 of(VecF64 x) {
        const VecF64 magnitude = at_most(hn::Abs(x), 11);
        const VecF64 bell = exp_f64(hn::Neg(hn::Mul(magnitude, magnitude)));
        return hn::Mul(bell, constant(0x1.20dd750429b6dp0)); // 2 / sqrt(pi)
    }
};

void gelu_array(const float *in, float *out, std::size_t n) { map_f64<Gelu>(in, out, n); }
void gelu_dx_array(const float *in, float *out, std::size_t n) { map_f64<GeluDx>(in, out, n); }
void erf_array(const float *in, float *out, std::size_t n) { map_f64<Erf>(in, out, n); }
void erf_dx_array(const float *in, float *out, std::size_t n) { map_f64<ErfDx>(in, out, n); }

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(gelu_array);
HWY_EXPORT(gelu_dx_array);
HWY_EXPORT(erf_array);
HWY_EXPORT(erf_dx_array);

namespace kernels {

void gelu(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(gelu_array)(in, out, n); }
void gelu_dx(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(gelu_dx_array)(in, out, n); }
void erf(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(erf_array)(in, out, n); }
void erf_dx(const float *in, float *out, std::size_t n) { HWY_DYNAMIC_DISPATCH(erf_dx_array)(in, out, n); }

} // namespace kernels
} // namespace neuron::chip
#endif // HWY_ONCE
