// SPDX-License-Identifier: MIT
// What the functions that are evaluated in fp32 share. Included once per instruction set, after
// hwy/foreach_target.h.
#if defined(NEURON_CHIP_COMPUTE_MATH_F32_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef NEURON_CHIP_COMPUTE_MATH_F32_LANES_INL_HPP
#undef NEURON_CHIP_COMPUTE_MATH_F32_LANES_INL_HPP
#else
#define NEURON_CHIP_COMPUTE_MATH_F32_LANES_INL_HPP
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

constexpr std::size_t MAX_F32_LANES = 16;
using F32 = hn::CappedTag<float, MAX_F32_LANES>;
using I32 = hn::RebindToSigned<F32>;
using VecF32 = hn::Vec<F32>;
using VecI32 = hn::Vec<I32>;

// y, or the canonical NaN if x is one.
HWY_INLINE VecF32 unless_nan(VecF32 x, VecF32 y) {
    return hn::IfThenElse(hn::Eq(x, x), y, hn::BitCast(F32(), hn::Set(I32(), 0x7fc00000)));
}

template<class Op>
HWY_INLINE void map_one_f32(const float *in, float *out) {
    hn::StoreU(Op::of(hn::LoadU(F32(), in)), F32(), out);
}

// out[i] = Op::of(in[i])
template<class Op>
HWY_INLINE void map_f32(const float *in, float *out, std::size_t n) {
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    for (; n - i >= lanes; i += lanes) {
        map_one_f32<Op>(in + i, out + i);
    }
    if (i < n) {
        float rest[MAX_F32_LANES] = {};
        std::memcpy(rest, in + i, (n - i) * sizeof(float));
        map_one_f32<Op>(rest, rest);
        std::memcpy(out + i, rest, (n - i) * sizeof(float));
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#endif
