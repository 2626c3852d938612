// SPDX-License-Identifier: MIT
// What the functions that are evaluated in fp64 share. Included once per instruction set, after
// hwy/foreach_target.h.
//
// A polynomial with a relative error of about 2^-32 and one rounding to fp32 give results within
// 0.51 ulp, without any of the care that single precision needs. No operation is fused, because
// that could not be done the same way, at a decent speed, on hosts without such an instruction.
#if defined(NEURON_CHIP_COMPUTE_MATH_F64_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef NEURON_CHIP_COMPUTE_MATH_F64_LANES_INL_HPP
#undef NEURON_CHIP_COMPUTE_MATH_F64_LANES_INL_HPP
#else
#define NEURON_CHIP_COMPUTE_MATH_F64_LANES_INL_HPP
#endif

#include "compute/fp_environment.hpp"
#include "compute/math/coefficients.hpp"

#include <hwy/highway.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if !HWY_HAVE_FLOAT64
#error "the math library needs vectors of doubles"
#endif

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t MAX_F64_LANES = 8;
using F64 = hn::CappedTag<double, MAX_F64_LANES>;
using I64 = hn::RebindToSigned<F64>;
using NarrowF32 = hn::Rebind<float, F64>;
using VecF64 = hn::Vec<F64>;
using VecI64 = hn::Vec<I64>;
using VecNarrowF32 = hn::Vec<NarrowF32>;

HWY_INLINE VecF64 constant(double value) { return hn::Set(F64(), value); }

HWY_INLINE VecF64 canonical_nan() { return hn::BitCast(F64(), hn::Set(I64(), 0x7ff8000000000000)); }

HWY_INLINE VecF64 infinity() { return hn::BitCast(F64(), hn::Set(I64(), 0x7ff0000000000000)); }

HWY_INLINE VecF64 sign_bit(VecF64 x) { return hn::And(x, constant(-0.0)); }

HWY_INLINE VecNarrowF32 rounded_to_f32(VecF64 x) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
    // Their DemoteTo saturates.
    const F64 d;
    const NarrowF32 df;
    HWY_ALIGN double wide[MAX_F64_LANES];
    HWY_ALIGN float narrow[MAX_F64_LANES];
    hn::Store(x, d, wide);
    for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
        narrow[i] = static_cast<float>(wide[i]);
    }
    return hn::Load(df, narrow);
#else
    return hn::DemoteTo(NarrowF32(), x);
#endif
}

// Horner's rule; c: lowest degree first. Recursive, for a loop is not unrolled at every optimisation
// level.
template<std::size_t FROM = 0, std::size_t N>
HWY_INLINE VecF64 polynomial(VecF64 x, const double (&c)[N]) {
    if constexpr (FROM + 1 == N) {
        return constant(c[FROM]);
    } else {
        return hn::Add(hn::Mul(polynomial<FROM + 1>(x, c), x), constant(c[FROM]));
    }
}

// x = k ln 2 + r, |r| <= ln(2) / 2. The lowest bits of k_bits are k, for |k| < 2^51.
struct Reduced {
    VecI64 k_bits;
    VecF64 k;
    VecF64 r;
};

constexpr double LN2 = 0x1.62e42fefa39efp-1;

HWY_INLINE Reduced reduced(VecF64 x) {
    // The last bit of a number of this size is 1: adding it rounds to an integer.
    const VecF64 round = constant(0x1.8p52);
    const VecF64 shifted = hn::Add(hn::Mul(x, constant(0x1.71547652b82fep0)), round);
    const VecF64 k = hn::Sub(shifted, round);
    return {hn::BitCast(I64(), shifted), k, hn::Sub(x, hn::Mul(k, constant(LN2)))};
}

// x 2^k, where neither is far from 1 (no subnormals, no overflow).
HWY_INLINE VecF64 scaled(VecF64 x, VecI64 k_bits) {
    return hn::BitCast(F64(), hn::Add(hn::BitCast(I64(), x), hn::ShiftLeft<52>(k_bits)));
}

// e^r - 1
HWY_INLINE VecF64 exp_minus_1_of_reduced(VecF64 r) {
    return hn::Add(r, hn::Mul(hn::Mul(r, r), polynomial(r, coefficients::EXP)));
}

// e^x for |x| <= 700, relative error 2^-32.
HWY_INLINE VecF64 exp_f64(VecF64 x) {
    const Reduced a = reduced(x);
    return scaled(hn::Add(constant(1), exp_minus_1_of_reduced(a.r)), a.k_bits);
}

// The same within about an ulp of a double.
HWY_INLINE VecF64 exp_full(VecF64 x) {
    // 32 bits of ln 2: times k exact.
    constexpr double HIGH = 0x1.62e42feep-1, LOW = 0x1.a39ef35793c76p-33;
    const Reduced a = reduced(x);
    const VecF64 high = hn::Sub(x, hn::Mul(a.k, constant(HIGH)));
    const VecF64 low = hn::Mul(a.k, constant(LOW));
    const VecF64 r = hn::Sub(high, low);
    const VecF64 small = hn::Sub(hn::Mul(hn::Mul(r, r), polynomial(r, coefficients::EXP_FULL)), low);
    return scaled(hn::Add(constant(1), hn::Add(high, small)), a.k_bits);
}

// e^x - 1 for |x| <= 700, relative error 2^-32 around 0 too. The sign of zero is lost.
HWY_INLINE VecF64 exp_minus_1(VecF64 x) {
    const Reduced a = reduced(x);
    const VecF64 scale = scaled(constant(1), a.k_bits);
    return hn::Add(hn::Mul(scale, exp_minus_1_of_reduced(a.r)), hn::Sub(scale, constant(1)));
}

// Bounds; what they make of NaN differs between hosts.
HWY_INLINE VecF64 at_least(VecF64 x, double low) { return hn::Max(x, constant(low)); }
HWY_INLINE VecF64 at_most(VecF64 x, double high) { return hn::Min(x, constant(high)); }

// ln(x) = k ln 2 + 2 atanh(s), s = (m - 1) / (m + 1), m = x / 2^k in [sqrt 1/2, sqrt 2); x > 0 finite.
template<std::size_t N>
HWY_INLINE VecF64 log_of_positive(VecF64 x, const double (&tail)[N]) {
    const I64 di;
    constexpr std::int64_t SQRT_HALF = 0x3fe6a09e667f3bcd; // bits
    constexpr std::int64_t BIAS = 1024;                    // keeps the shifted number positive
    const VecI64 bits = hn::BitCast(di, x);
    const VecI64 biased = hn::Add(bits, hn::Set(di, (BIAS << 52) - SQRT_HALF));
    const VecI64 k_biased = hn::BitCast(di, hn::ShiftRight<52>(hn::BitCast(hn::RebindToUnsigned<F64>(), biased)));
    const VecI64 m_bits = hn::Sub(bits, hn::ShiftLeft<52>(hn::Sub(k_biased, hn::Set(di, BIAS))));
    const VecF64 m = hn::BitCast(F64(), m_bits);
    // An integer below 2^52 or'ed into the bits of 2^52 makes 2^52 plus that integer.
    const VecF64 k = hn::Sub(hn::BitCast(F64(), hn::Or(k_biased, hn::Set(di, std::bit_cast<std::int64_t>(0x1p52)))),
                             constant(0x1p52 + BIAS));
    const VecF64 s = hn::Div(hn::Sub(m, constant(1)), hn::Add(m, constant(1)));
    const VecF64 s2 = hn::Mul(s, s);
    const VecF64 log_m = hn::Mul(s, hn::Add(constant(2), hn::Mul(s2, polynomial(s2, tail))));
    return hn::Add(hn::Mul(k, constant(LN2)), log_m);
}

template<class Op>
HWY_INLINE void map_one_f64(const float *in, float *out) {
    const VecF64 x = hn::PromoteTo(F64(), hn::LoadU(NarrowF32(), in));
    const VecF64 y = hn::IfThenElse(hn::Eq(x, x), Op::of(x), canonical_nan());
    hn::StoreU(rounded_to_f32(y), NarrowF32(), out);
}

// out[i] = Op::of(in[i]), NaN for NaN.
template<class Op>
HWY_INLINE void map_f64(const float *in, float *out, std::size_t n) {
    const std::size_t lanes = hn::Lanes(F64());
    std::size_t i = 0;
    for (; n - i >= lanes; i += lanes) {
        map_one_f64<Op>(in + i, out + i);
    }
    if (i < n) {
        float rest[MAX_F64_LANES] = {};
        std::memcpy(rest, in + i, (n - i) * sizeof(float));
        map_one_f64<Op>(rest, rest);
        std::memcpy(out + i, rest, (n - i) * sizeof(float));
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#endif
