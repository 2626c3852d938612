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

#include "compute/move_kernel.hpp"
#include "compute/prefetch.hpp"
#include "compute/small_float-inl.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

constexpr int TF32_SHIFT = 13;
constexpr std::uint32_t TF32_UNUSED = (1u << TF32_SHIFT) - 1;

// ---- to fp32: one struct per source type, each turns one vector of elements into one of floats
// ----

struct FromTf32 {
    using Raw = std::uint32_t;
    static HWY_INLINE VecF32 load(const Raw *p) {
        const U32 du;
        return canonical_nan(hn::BitCast(F32(), hn::And(hn::LoadU(du, p), hn::Set(du, ~TF32_UNUSED))));
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

struct ToF32 { // NaNs as they are: equal types, or the source has made them canonical
    using Raw = float;
    static HWY_INLINE void store(VecF32 v, Raw *p) { hn::StoreU(v, F32(), p); }
};

struct ToTf32 {
    using Raw = std::uint32_t;
    static HWY_INLINE void store(VecF32 v, Raw *p) {
        const U32 du;
        const VecU32 bits = hn::BitCast(du, canonical_nan(v));
        const VecU32 odd = hn::And(hn::ShiftRight<TF32_SHIFT>(bits), hn::Set(du, 1));
        const VecU32 rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, TF32_UNUSED / 2)));
        hn::StoreU(hn::And(rounded, hn::Set(du, ~TF32_UNUSED)), du, p);
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

// A type may know how to store two vectors at once.
template<class To>
HWY_INLINE void store_two(VecF32 first, VecF32 second, typename To::Raw *out) {
    if constexpr (requires { To::store(first, second, out); }) {
        To::store(first, second, out);
    } else {
        To::store(first, out);
        To::store(second, out + hn::Lanes(F32()));
    }
}

template<class From, class To>
HWY_INLINE void convert_row(const std::byte *in, std::byte *out, std::size_t count) {
    const std::size_t lanes = hn::Lanes(F32());
    const auto *const from = reinterpret_cast<const typename From::Raw *>(in);
    auto *const to = reinterpret_cast<typename To::Raw *>(out);
    std::size_t i = 0;
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
        store_two<To>(From::load(from + i), From::load(from + i + lanes), to + i);
    }
    for (; i < count; i += lanes) {
        const std::size_t rest = std::min(lanes, count - i);
        typename From::Raw last_in[MAX_LANES] = {};
        typename To::Raw last_out[MAX_LANES];
        std::memcpy(last_in, from + i, rest * sizeof(last_in[0]));
        To::store(From::load(last_in), last_out);
        std::memcpy(to + i, last_out, rest * sizeof(last_out[0]));
    }
}

template<class From, class To>
void convert_loop(const RowSteps &rows, const std::byte *in, std::byte *out, std::size_t count) {
    for (std::size_t row = 0; row < rows.count; ++row, in += rows.a, out += rows.out) {
        if (row + 1 < rows.count) {
            prefetch_row<false>(in + rows.a);
            prefetch_row<true>(out + rows.out);
        }
        convert_row<From, To>(in, out, count);
    }
}

void widen(spec::Dtype from, const RowSteps &rows, const std::byte *in, float *out, std::size_t count) {
    auto *const to = reinterpret_cast<std::byte *>(out);
    switch (from) {
    case spec::Dtype::BF16: return convert_loop<Bf16Elements, ToF32>(rows, in, to, count);
    case spec::Dtype::F16: return convert_loop<SmallFloat<F16Format>, ToF32>(rows, in, to, count);
    case spec::Dtype::TF32: return convert_loop<FromTf32, ToF32>(rows, in, to, count);
    case spec::Dtype::F8E4M3: return convert_loop<SmallFloat<F8E4M3Format>, ToF32>(rows, in, to, count);
    case spec::Dtype::F8E5M2: return convert_loop<SmallFloat<F8E5M2Format>, ToF32>(rows, in, to, count);
    case spec::Dtype::F8E3M4: return convert_loop<SmallFloat<F8E3M4Format>, ToF32>(rows, in, to, count);
    case spec::Dtype::F8E4M3FN: return convert_loop<SmallFloat<F8E4M3FNFormat>, ToF32>(rows, in, to, count);
    case spec::Dtype::F32: break;
    case spec::Dtype::I8: return convert_loop<FromSmallInt<std::int8_t>, ToF32>(rows, in, to, count);
    case spec::Dtype::U8: return convert_loop<FromSmallInt<std::uint8_t>, ToF32>(rows, in, to, count);
    case spec::Dtype::I16: return convert_loop<FromSmallInt<std::int16_t>, ToF32>(rows, in, to, count);
    case spec::Dtype::U16: return convert_loop<FromSmallInt<std::uint16_t>, ToF32>(rows, in, to, count);
    case spec::Dtype::I32: return convert_loop<FromI32, ToF32>(rows, in, to, count);
    case spec::Dtype::U32: return convert_loop<FromU32, ToF32>(rows, in, to, count);
    }
    copy_rows(rows, to, in, count * sizeof(float));
}

void narrow(spec::Dtype to, const RowSteps &rows, const float *in, std::byte *out, std::size_t count) {
    const auto *const from = reinterpret_cast<const std::byte *>(in);
    switch (to) {
    case spec::Dtype::BF16: return convert_loop<F32Elements, Bf16Elements>(rows, from, out, count);
    case spec::Dtype::F16: return convert_loop<F32Elements, SmallFloat<F16Format>>(rows, from, out, count);
    case spec::Dtype::TF32: return convert_loop<F32Elements, ToTf32>(rows, from, out, count);
    case spec::Dtype::F8E4M3: return convert_loop<F32Elements, SmallFloat<F8E4M3Format>>(rows, from, out, count);
    case spec::Dtype::F8E5M2: return convert_loop<F32Elements, SmallFloat<F8E5M2Format>>(rows, from, out, count);
    case spec::Dtype::F8E3M4: return convert_loop<F32Elements, SmallFloat<F8E3M4Format>>(rows, from, out, count);
    case spec::Dtype::F8E4M3FN: return convert_loop<F32Elements, SmallFloat<F8E4M3FNFormat>>(rows, from, out, count);
    case spec::Dtype::F32: break;
    case spec::Dtype::I8: return convert_loop<F32Elements, ToSmallInt<std::int8_t>>(rows, from, out, count);
    case spec::Dtype::U8: return convert_loop<F32Elements, ToSmallInt<std::uint8_t>>(rows, from, out, count);
    case spec::Dtype::I16: return convert_loop<F32Elements, ToSmallInt<std::int16_t>>(rows, from, out, count);
    case spec::Dtype::U16: return convert_loop<F32Elements, ToSmallInt<std::uint16_t>>(rows, from, out, count);
    case spec::Dtype::I32: return convert_loop<F32Elements, ToI32>(rows, from, out, count);
    case spec::Dtype::U32: return convert_loop<F32Elements, ToU32>(rows, from, out, count);
    }
    copy_rows(rows, out, from, count * sizeof(float));
}

void canonical(float *values, std::size_t count) {
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        hn::StoreU(canonical_nan(hn::LoadU(d, values + i)), d, values + i);
    }
    for (; i < count; ++i) {
        values[i] = values[i] == values[i] ? values[i] : hn::GetLane(canonical_nan(hn::Set(d, values[i])));
    }
}

template<class To>
void stochastic_loop(const float *in, const std::uint32_t *words, std::byte *out, std::size_t count) {
    const std::size_t lanes = hn::Lanes(F32());
    auto *const to = reinterpret_cast<typename To::Raw *>(out);
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        To::store_stochastic(hn::LoadU(F32(), in + i), hn::LoadU(U32(), words + i), to + i);
    }
    if (i < count) {
        float last_in[MAX_LANES] = {};
        std::uint32_t last_words[MAX_LANES] = {};
        typename To::Raw last_out[MAX_LANES];
        std::memcpy(last_in, in + i, (count - i) * sizeof(last_in[0]));
        std::memcpy(last_words, words + i, (count - i) * sizeof(last_words[0]));
        To::store_stochastic(hn::LoadU(F32(), last_in), hn::LoadU(U32(), last_words), last_out);
        std::memcpy(to + i, last_out, (count - i) * sizeof(last_out[0]));
    }
}

// The formats with the exponents of fp32: the bits above SHIFT stay, plus one where the random
// number is below the part that goes. Both are taken as integers of SHIFT bits.
template<int SHIFT>
HWY_INLINE VecU32 cut_stochastically(VecF32 v, VecU32 word) {
    const U32 du;
    const VecU32 draw = hn::ShiftRight<32 - SHIFT>(word);
    return hn::Add(hn::BitCast(du, canonical_nan(v)), hn::Sub(hn::Set(du, (1u << SHIFT) - 1), draw));
}

struct StochasticBf16 {
    using Raw = std::uint16_t;
    static HWY_INLINE void store_stochastic(VecF32 v, VecU32 word, Raw *p) {
        store_low_halves(hn::ShiftRight<16>(cut_stochastically<16>(v, word)), p);
    }
};

struct StochasticTf32 {
    using Raw = std::uint32_t;
    static HWY_INLINE void store_stochastic(VecF32 v, VecU32 word, Raw *p) {
        const U32 du;
        hn::StoreU(hn::And(cut_stochastically<TF32_SHIFT>(v, word), hn::Set(du, ~TF32_UNUSED)), du, p);
    }
};

void narrow_stochastic(spec::Dtype to, const float *in, const std::uint32_t *words, std::byte *out, std::size_t count) {
    switch (to) {
    case spec::Dtype::BF16: return stochastic_loop<StochasticBf16>(in, words, out, count);
    case spec::Dtype::TF32: return stochastic_loop<StochasticTf32>(in, words, out, count);
    case spec::Dtype::F16: return stochastic_loop<SmallFloat<F16Format>>(in, words, out, count);
    case spec::Dtype::F8E4M3: return stochastic_loop<SmallFloat<F8E4M3Format>>(in, words, out, count);
    case spec::Dtype::F8E5M2: return stochastic_loop<SmallFloat<F8E5M2Format>>(in, words, out, count);
    case spec::Dtype::F8E3M4: return stochastic_loop<SmallFloat<F8E3M4Format>>(in, words, out, count);
    case spec::Dtype::F8E4M3FN: return stochastic_loop<SmallFloat<F8E4M3FNFormat>>(in, words, out, count);
    default: return; // not narrower
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(widen);
HWY_EXPORT(narrow);
HWY_EXPORT(canonical);
HWY_EXPORT(narrow_stochastic);

namespace {
constexpr std::size_t BLOCK = 1024; // floats: stays in the first-level cache
}

void convert_to_f32(float *out, spec::Dtype from, const std::byte *in, std::size_t count) {
    HWY_DYNAMIC_DISPATCH(widen)(from, RowSteps(), in, out, count);
}

void convert(spec::Dtype to, std::byte *out, spec::Dtype from, const std::byte *in, std::size_t count) {
    convert_rows(to, RowSteps(), out, from, in, count);
}

void convert_rows(spec::Dtype to, const RowSteps &rows, std::byte *out, spec::Dtype from, const std::byte *in,
                  std::size_t count) {
    if (to == from) {
        copy_rows(rows, out, in, count * spec::bytes(from));
        return;
    }
    if (to == spec::Dtype::F32) {
        HWY_DYNAMIC_DISPATCH(widen)(from, rows, in, reinterpret_cast<float *>(out), count);
        return;
    }
    if (from == spec::Dtype::F32) {
        HWY_DYNAMIC_DISPATCH(narrow)(to, rows, reinterpret_cast<const float *>(in), out, count);
        return;
    }
    alignas(64) float block[BLOCK];
    for (std::size_t row = 0; row < rows.count; ++row, in += rows.a, out += rows.out) {
        for (std::size_t done = 0; done < count; done += BLOCK) {
            const std::size_t part = std::min(BLOCK, count - done);
            convert_to_f32(block, from, in + done * spec::bytes(from), part);
            HWY_DYNAMIC_DISPATCH(narrow)(to, RowSteps(), block, out + done * spec::bytes(to), part);
        }
    }
}

void canonicalize(float *values, std::size_t count) { HWY_DYNAMIC_DISPATCH(canonical)(values, count); }

bool rounds_stochastically(const EngineState &state, spec::Dtype to) {
    if (state.rounding != spec::Rounding::STOCHASTIC) {
        return false;
    }
    switch (to) {
    case spec::Dtype::BF16:
    case spec::Dtype::TF32:
    case spec::Dtype::F16:
    case spec::Dtype::F8E4M3:
    case spec::Dtype::F8E5M2:
    case spec::Dtype::F8E3M4:
    case spec::Dtype::F8E4M3FN: return true;
    default: return false;
    }
}

void convert_stochastic(spec::Dtype to, std::byte *out, const float *in, std::size_t count,
                        const RandomStream &random) {
    alignas(64) std::uint32_t words[BLOCK];
    for (std::size_t done = 0; done < count; done += BLOCK) {
        const std::size_t part = std::min(BLOCK, count - done);
        random_words(random.from(done), words, part);
        HWY_DYNAMIC_DISPATCH(narrow_stochastic)(to, in + done, words, out + done * spec::bytes(to), part);
    }
}

} // namespace neuron::chip
#endif // HWY_ONCE
