// SPDX-License-Identifier: MIT
// Vectors of fp32 and the two types that share its exponent, for code that is compiled once per
// instruction set. Include after hwy/foreach_target.h.
#if defined(NEURON_CHIP_COMPUTE_F32_SIMD_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef NEURON_CHIP_COMPUTE_F32_SIMD_INL_HPP
#undef NEURON_CHIP_COMPUTE_F32_SIMD_INL_HPP
#else
#define NEURON_CHIP_COMPUTE_F32_SIMD_INL_HPP
#endif

#include "compute/fp_environment.hpp"

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t MAX_LANES = 16;
using F32 = hn::CappedTag<float, MAX_LANES>;
using I32 = hn::RebindToSigned<F32>;
using U32 = hn::RebindToUnsigned<F32>;
template<class T>
using Narrow = hn::Rebind<T, F32>;
using VecF32 = hn::Vec<F32>;
using VecI32 = hn::Vec<I32>;
using VecU32 = hn::Vec<U32>;

constexpr std::uint32_t QUIET_NAN_F32 = 0x7fc00000;
constexpr std::int32_t INFINITY_F32 = 0x7f800000;

HWY_INLINE VecF32 canonical_nan(VecF32 v) {
    const F32 d;
    return hn::IfThenElse(hn::Eq(v, v), v, hn::BitCast(d, hn::Set(U32(), QUIET_NAN_F32)));
}

// The lower 16 bits of each lane.
HWY_INLINE void store_low_halves(VecU32 v, std::uint16_t *p) {
    hn::StoreU(hn::DemoteTo(Narrow<std::uint16_t>(), hn::BitCast(I32(), v)), Narrow<std::uint16_t>(), p);
}

// The upper 16 bits of each lane of two vectors.
HWY_INLINE void store_high_halves(VecU32 first, VecU32 second, std::uint16_t *p) {
#if HWY_TARGET == HWY_SCALAR
    store_low_halves(hn::ShiftRight<16>(first), p);
    store_low_halves(hn::ShiftRight<16>(second), p + hn::Lanes(U32()));
#else
    const hn::Repartition<std::uint16_t, U32> halves;
    hn::StoreU(hn::ConcatOdd(halves, hn::BitCast(halves, second), hn::BitCast(halves, first)), halves, p);
#endif
}

// Elements of an array as fp32 and back: a vector of them, and two to store. load() of types other than fp32 gives canonical NaNs;
// load_any() leaves that out, for values that go into arithmetic whose result is made canonical.

struct F32Elements {
    using Raw = float;
    static HWY_INLINE VecF32 load_any(const Raw *p) { return hn::LoadU(F32(), p); }
    static HWY_INLINE VecF32 load(const Raw *p) { return hn::LoadU(F32(), p); }
    static HWY_INLINE void store(VecF32 v, Raw *p) { hn::StoreU(canonical_nan(v), F32(), p); }
    static HWY_INLINE void store(VecF32 first, VecF32 second, Raw *p) {
        store(first, p);
        store(second, p + hn::Lanes(F32()));
    }
};

struct Bf16Elements {
    using Raw = std::uint16_t;
    static HWY_INLINE VecF32 load_any(const Raw *p) {
        const VecU32 wide = hn::PromoteTo(U32(), hn::LoadU(Narrow<Raw>(), p));
        return hn::BitCast(F32(), hn::ShiftLeft<16>(wide));
    }
    static HWY_INLINE VecF32 load(const Raw *p) { return canonical_nan(load_any(p)); }
    static HWY_INLINE void store(VecF32 v, Raw *p) { store_low_halves(hn::ShiftRight<16>(rounded(v)), p); }
    static HWY_INLINE void store(VecF32 first, VecF32 second, Raw *p) {
        store_high_halves(rounded(first), rounded(second), p);
    }

private:
    // In the upper half. Nearest even: half an ulp, minus one unless the kept part is odd. A carry
    // out of the mantissa is right: the next binade, or infinity. Canonical NaN has zeros where the
    // sum could carry.
    static HWY_INLINE VecU32 rounded(VecF32 v) {
        const U32 du;
        const VecU32 bits = hn::BitCast(du, canonical_nan(v));
        const VecU32 odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
        return hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff)));
    }
};

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#endif
