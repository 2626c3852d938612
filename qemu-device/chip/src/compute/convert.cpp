// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/convert.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/convert.hpp"

#include "compute/fp_environment.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

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

// ---- to fp32: one struct per source type, each turns one vector of elements into one of floats
// ----

struct FromF32 {
    using Raw = float;
    static HWY_INLINE VecF32 load(const Raw *p) { return hn::LoadU(F32(), p); }
};

struct FromBf16 {
    using Raw = std::uint16_t;
    static HWY_INLINE VecF32 load(const Raw *p) {
        const VecU32 wide = hn::PromoteTo(U32(), hn::LoadU(Narrow<Raw>(), p));
        return canonical_nan(hn::BitCast(F32(), hn::ShiftLeft<16>(wide)));
    }
};

// By arithmetic, not by the host's conversion instruction: the same code serves all instruction
// sets.
struct FromF16 {
    using Raw = std::uint16_t;
    static HWY_INLINE VecF32 load(const Raw *p) {
        const U32 du;
        const F32 d;
        const VecU32 code = hn::PromoteTo(du, hn::LoadU(Narrow<Raw>(), p));
        const VecU32 sign = hn::ShiftLeft<16>(hn::And(code, hn::Set(du, 0x8000)));
        const VecU32 magnitude = hn::ShiftLeft<13>(hn::And(code, hn::Set(du, 0x7fff)));
        // Scaling by 2^112 moves the exponent bias from 15 to 127, subnormals included, exactly.
        const VecF32 finite = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f));
        const VecU32 special = hn::Or(magnitude, hn::Set(du, INFINITY_F32));
        const auto is_special = hn::Gt(magnitude, hn::Set(du, (0x7bffu << 13)));
        const VecU32 bits = hn::IfThenElse(is_special, special, hn::BitCast(du, finite));
        return canonical_nan(hn::BitCast(d, hn::Or(bits, sign)));
    }
};

template<class T>
struct FromSmallInt {
    using Raw = T;
    static HWY_INLINE VecF32 load(const Raw *p) {
        return hn::ConvertTo(F32(), hn::PromoteTo(I32(), hn::LoadU(Narrow<Raw>(), p)));
    }
};

struct FromI32 {
    using Raw = std::int32_t;
    static HWY_INLINE VecF32 load(const Raw *p) { return hn::ConvertTo(F32(), hn::LoadU(I32(), p)); }
};

struct FromU32 {
    using Raw = std::uint32_t;
    static HWY_INLINE VecF32 load(const Raw *p) {
        // Below 2^31 the signed conversion serves. Above, halve with the lost bit kept sticky (it
        // is far below the rounding position), convert, and double, which is exact.
        const U32 du;
        const VecU32 v = hn::LoadU(du, p);
        const VecU32 half = hn::Or(hn::ShiftRight<1>(v), hn::And(v, hn::Set(du, 1)));
        const VecF32 small = hn::ConvertTo(F32(), hn::BitCast(I32(), v));
        const VecF32 large = hn::ConvertTo(F32(), hn::BitCast(I32(), half));
        const auto is_large = hn::RebindMask(F32(), hn::Lt(hn::BitCast(I32(), v), hn::Zero(I32())));
        return hn::IfThenElse(is_large, hn::Add(large, large), small);
    }
};

// ---- from fp32: one struct per destination type ----

struct ToF32 {
    using Raw = float;
    static HWY_INLINE void store(VecF32 v, Raw *p) { hn::StoreU(v, F32(), p); }
};

struct ToBf16 {
    using Raw = std::uint16_t;
    static HWY_INLINE void store(VecF32 v, Raw *p) {
        const U32 du;
        const VecU32 bits = hn::BitCast(du, canonical_nan(v));
        // Nearest even: half an ulp, minus one unless the kept part is odd. A carry out of the
        // mantissa is right: the next binade, or infinity. Canonical NaN has zeros where the sum
        // could carry.
        const VecU32 odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
        const VecU32 rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff))));
        hn::StoreU(hn::DemoteTo(Narrow<Raw>(), hn::BitCast(I32(), rounded)), Narrow<Raw>(), p);
    }
};

struct ToF16 {
    using Raw = std::uint16_t;
    static HWY_INLINE void store(VecF32 v, Raw *p) {
        const I32 di;
        const F32 d;
        const VecI32 bits = hn::BitCast(di, v);
        const VecI32 magnitude = hn::And(bits, hn::Set(di, 0x7fffffff));
        const VecI32 sign = hn::BitCast(di, hn::ShiftRight<16>(hn::BitCast(U32(), hn::Xor(bits, magnitude))));

        // Normal results: rebias, then round to nearest even as for bf16. Anything above is
        // infinity.
        const VecI32 odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(di, 1));
        const VecI32 biased = hn::Sub(hn::Add(magnitude, hn::Add(odd, hn::Set(di, 0xfff))), hn::Set(di, 112 << 23));
        const VecI32 normal = hn::Min(hn::ShiftRight<13>(biased), hn::Set(di, 0x7c00));
        // Subnormal results: the ulp of 0.5 is the smallest subnormal, so the addition does the
        // rounding.
        const VecF32 half = hn::Set(d, 0.5f);
        const VecI32 aligned = hn::BitCast(di, hn::Add(hn::BitCast(d, magnitude), half));
        const VecI32 subnormal = hn::Sub(aligned, hn::BitCast(di, half));

        const auto is_subnormal = hn::Lt(magnitude, hn::Set(di, (127 - 14) << 23));
        const auto is_nan = hn::Gt(magnitude, hn::Set(di, INFINITY_F32));
        const VecI32 number = hn::Or(hn::IfThenElse(is_subnormal, subnormal, normal), sign);
        const VecI32 code = hn::IfThenElse(is_nan, hn::Set(di, 0x7e00), number);
        hn::StoreU(hn::DemoteTo(Narrow<Raw>(), code), Narrow<Raw>(), p);
    }
};

HWY_INLINE VecF32 nan_to_zero(VecF32 v) { return hn::IfThenElseZero(hn::Eq(v, v), v); }

// The limits are exact in fp32 and are integers, so it does not matter that they come before the
// rounding.
template<class T>
struct ToSmallInt {
    using Raw = T;
    static HWY_INLINE void store(VecF32 v, Raw *p) {
        const F32 d;
        const VecF32 low = hn::Set(d, static_cast<float>(std::numeric_limits<T>::min()));
        const VecF32 high = hn::Set(d, static_cast<float>(std::numeric_limits<T>::max()));
        const VecI32 rounded = hn::NearestInt(hn::Min(hn::Max(nan_to_zero(v), low), high));
        hn::StoreU(hn::DemoteTo(Narrow<Raw>(), rounded), Narrow<Raw>(), p);
    }
};

struct ToI32 {
    using Raw = std::int32_t;
    static HWY_INLINE void store(VecF32 v, Raw *p) {
        const F32 d;
        const I32 di;
        const VecF32 limit = hn::Set(d, 0x1p31f);
        const VecF32 low = hn::Max(nan_to_zero(v), hn::Neg(limit));
        const auto saturates = hn::RebindMask(di, hn::Ge(low, limit));
        const VecI32 rounded = hn::NearestInt(hn::Min(low, hn::Set(d, 0x1.fffffep30f)));
        hn::StoreU(hn::IfThenElse(saturates, hn::Set(di, std::numeric_limits<Raw>::max()), rounded), di, p);
    }
};

struct ToU32 {
    using Raw = std::uint32_t;
    static HWY_INLINE void store(VecF32 v, Raw *p) {
        const F32 d;
        const I32 di;
        const VecF32 half_range = hn::Set(d, 0x1p31f);
        const VecF32 low = hn::Max(nan_to_zero(v), hn::Zero(d));
        const auto upper = hn::Ge(low, half_range);
        const auto saturates = hn::RebindMask(di, hn::Ge(low, hn::Set(d, 0x1p32f)));
        // Floats of the upper half are integers: taking 2^31 off and adding it again as an integer
        // is exact.
        const VecF32 lower = hn::IfThenElse(upper, hn::Sub(low, half_range), low);
        const VecI32 rounded = hn::NearestInt(hn::Min(lower, hn::Set(d, 0x1.fffffep30f)));
        const VecI32 top = hn::IfThenElseZero(hn::RebindMask(di, upper), hn::Set(di, INT32_MIN));
        const VecI32 sum = hn::IfThenElse(saturates, hn::Set(di, -1), hn::Or(rounded, top));
        hn::StoreU(hn::BitCast(U32(), sum), U32(), p);
    }
};

// ---- loops ----

template<class From, class To>
HWY_INLINE void convert_vector(const typename From::Raw *in, typename To::Raw *out) {
    To::store(From::load(in), out);
}

template<class From, class To>
void convert_loop(const std::byte *in, std::byte *out, std::size_t count) {
    const std::size_t lanes = hn::Lanes(F32());
    const auto *const from = reinterpret_cast<const typename From::Raw *>(in);
    auto *const to = reinterpret_cast<typename To::Raw *>(out);
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        convert_vector<From, To>(from + i, to + i);
    }
    if (i < count) {
        typename From::Raw last_in[MAX_LANES] = {};
        typename To::Raw last_out[MAX_LANES];
        std::memcpy(last_in, from + i, (count - i) * sizeof(last_in[0]));
        convert_vector<From, To>(last_in, last_out);
        std::memcpy(to + i, last_out, (count - i) * sizeof(last_out[0]));
    }
}

void widen(spec::Dtype from, const std::byte *in, float *out, std::size_t count) {
    auto *const to = reinterpret_cast<std::byte *>(out);
    switch (from) {
    case spec::Dtype::BF16: return convert_loop<FromBf16, ToF32>(in, to, count);
    case spec::Dtype::F16: return convert_loop<FromF16, ToF32>(in, to, count);
    case spec::Dtype::F32: break;
    case spec::Dtype::I8: return convert_loop<FromSmallInt<std::int8_t>, ToF32>(in, to, count);
    case spec::Dtype::U8: return convert_loop<FromSmallInt<std::uint8_t>, ToF32>(in, to, count);
    case spec::Dtype::I16: return convert_loop<FromSmallInt<std::int16_t>, ToF32>(in, to, count);
    case spec::Dtype::U16: return convert_loop<FromSmallInt<std::uint16_t>, ToF32>(in, to, count);
    case spec::Dtype::I32: return convert_loop<FromI32, ToF32>(in, to, count);
    case spec::Dtype::U32: return convert_loop<FromU32, ToF32>(in, to, count);
    }
    std::memcpy(out, in, count * sizeof(float));
}

void narrow(spec::Dtype to, const float *in, std::byte *out, std::size_t count) {
    const auto *const from = reinterpret_cast<const std::byte *>(in);
    switch (to) {
    case spec::Dtype::BF16: return convert_loop<FromF32, ToBf16>(from, out, count);
    case spec::Dtype::F16: return convert_loop<FromF32, ToF16>(from, out, count);
    case spec::Dtype::F32: break;
    case spec::Dtype::I8: return convert_loop<FromF32, ToSmallInt<std::int8_t>>(from, out, count);
    case spec::Dtype::U8: return convert_loop<FromF32, ToSmallInt<std::uint8_t>>(from, out, count);
    case spec::Dtype::I16: return convert_loop<FromF32, ToSmallInt<std::int16_t>>(from, out, count);
    case spec::Dtype::U16: return convert_loop<FromF32, ToSmallInt<std::uint16_t>>(from, out, count);
    case spec::Dtype::I32: return convert_loop<FromF32, ToI32>(from, out, count);
    case spec::Dtype::U32: return convert_loop<FromF32, ToU32>(from, out, count);
    }
    std::memcpy(out, in, count * sizeof(float));
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(widen);
HWY_EXPORT(narrow);

void convert_to_f32(float *out, spec::Dtype from, const std::byte *in, std::size_t count) {
    HWY_DYNAMIC_DISPATCH(widen)(from, in, out, count);
}

void convert(spec::Dtype to, std::byte *out, spec::Dtype from, const std::byte *in, std::size_t count) {
    if (to == from) {
        std::memcpy(out, in, count * spec::bytes(from));
        return;
    }
    if (to == spec::Dtype::F32) {
        convert_to_f32(reinterpret_cast<float *>(out), from, in, count);
        return;
    }
    if (from == spec::Dtype::F32) {
        HWY_DYNAMIC_DISPATCH(narrow)(to, reinterpret_cast<const float *>(in), out, count);
        return;
    }
    constexpr std::size_t BLOCK = 1024; // stays in the first-level cache
    alignas(64) float block[BLOCK];
    for (std::size_t done = 0; done < count; done += BLOCK) {
        const std::size_t part = std::min(BLOCK, count - done);
        convert_to_f32(block, from, in + done * spec::bytes(from), part);
        HWY_DYNAMIC_DISPATCH(narrow)(to, block, out + done * spec::bytes(to), part);
    }
}

} // namespace neuron::chip
#endif // HWY_ONCE
