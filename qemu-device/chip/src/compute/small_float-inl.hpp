// SPDX-License-Identifier: MIT
// The float formats with fewer exponent bits than fp32, for code that is compiled once per
// instruction set. Include after hwy/foreach_target.h.
#if defined(NEURON_CHIP_COMPUTE_SMALL_FLOAT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef NEURON_CHIP_COMPUTE_SMALL_FLOAT_INL_HPP
#undef NEURON_CHIP_COMPUTE_SMALL_FLOAT_INL_HPP
#else
#define NEURON_CHIP_COMPUTE_SMALL_FLOAT_INL_HPP
#endif

#include "compute/f32_simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

// Codes without sign: FIRST_SPECIAL is infinity or, in a format without, NaN; what is too large
// becomes OVERFLOWS_TO.
struct F16Format {
    using Raw = std::uint16_t;
    static constexpr int MANTISSA = 10, BIAS = 15;
    static constexpr std::int32_t FIRST_SPECIAL = 0x7c00, OVERFLOWS_TO = 0x7c00, NAN_CODE = 0x7e00;
};
struct F8E4M3Format {
    using Raw = std::uint8_t;
    static constexpr int MANTISSA = 3, BIAS = 7;
    static constexpr std::int32_t FIRST_SPECIAL = 0x78, OVERFLOWS_TO = 0x78, NAN_CODE = 0x7c;
};
struct F8E5M2Format {
    using Raw = std::uint8_t;
    static constexpr int MANTISSA = 2, BIAS = 15;
    static constexpr std::int32_t FIRST_SPECIAL = 0x7c, OVERFLOWS_TO = 0x7c, NAN_CODE = 0x7e;
};
struct F8E3M4Format {
    using Raw = std::uint8_t;
    static constexpr int MANTISSA = 4, BIAS = 3;
    static constexpr std::int32_t FIRST_SPECIAL = 0x70, OVERFLOWS_TO = 0x70, NAN_CODE = 0x78;
};
struct F8E4M3FNFormat {
    using Raw = std::uint8_t;
    static constexpr int MANTISSA = 3, BIAS = 7;
    static constexpr std::int32_t FIRST_SPECIAL = 0x7f, OVERFLOWS_TO = 0x7e, NAN_CODE = 0x7f;
};

// By arithmetic, not by the host's conversion instruction: the same code serves all formats and
// instruction sets.
template<class Format>
struct SmallFloat {
    using Raw = typename Format::Raw;
    static constexpr int SHIFT = 23 - Format::MANTISSA; // from its mantissa to fp32's
    static constexpr int SIGN_SHIFT = 32 - 8 * static_cast<int>(sizeof(Raw));
    static constexpr std::int32_t REBIAS = 127 - Format::BIAS;
    static constexpr std::int32_t LOWEST_NORMAL = (REBIAS + 1) << 23; // as bits of fp32

    static constexpr float power_of_two(int exponent) {
        float value = 1;
        for (; exponent > 0; --exponent)
            value *= 2;
        for (; exponent < 0; ++exponent)
            value /= 2;
        return value;
    }

    static HWY_INLINE VecF32 load(const Raw *p) {
        const U32 du;
        const F32 d;
        const VecU32 code = hn::PromoteTo(du, hn::LoadU(Narrow<Raw>(), p));
        const VecU32 magnitude_code = hn::And(code, hn::Set(du, (1u << (8 * sizeof(Raw) - 1)) - 1));
        const VecU32 sign = hn::ShiftLeft<SIGN_SHIFT>(hn::Xor(code, magnitude_code));
        const VecU32 magnitude = hn::ShiftLeft<SHIFT>(magnitude_code);
        // The scaling moves the exponent bias to fp32's, subnormals included, exactly.
        const VecF32 finite = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, power_of_two(REBIAS)));
        const VecU32 special = hn::Or(magnitude, hn::Set(du, INFINITY_F32));
        const auto is_special = hn::Gt(hn::BitCast(I32(), magnitude_code), hn::Set(I32(), Format::FIRST_SPECIAL - 1));
        const VecU32 bits = hn::IfThenElse(hn::RebindMask(du, is_special), special, hn::BitCast(du, finite));
        return canonical_nan(hn::BitCast(d, hn::Or(bits, sign)));
    }

    // `normal` and `subnormal` are the magnitude's code if it is in that range, before overflow.
    static HWY_INLINE void store_code(VecI32 bits, VecI32 normal, VecI32 subnormal, Raw *p) {
        const I32 di;
        const VecI32 magnitude = hn::And(bits, hn::Set(di, 0x7fffffff));
        const VecI32 sign = hn::BitCast(di, hn::ShiftRight<SIGN_SHIFT>(hn::BitCast(U32(), hn::Xor(bits, magnitude))));
        const auto is_subnormal = hn::Lt(magnitude, hn::Set(di, LOWEST_NORMAL));
        const auto is_nan = hn::Gt(magnitude, hn::Set(di, INFINITY_F32));
        const VecI32 limited = hn::Min(normal, hn::Set(di, Format::OVERFLOWS_TO));
        const VecI32 number = hn::Or(hn::IfThenElse(is_subnormal, subnormal, limited), sign);
        const VecI32 code = hn::IfThenElse(is_nan, hn::Set(di, Format::NAN_CODE), number);
        hn::StoreU(hn::DemoteTo(Narrow<Raw>(), code), Narrow<Raw>(), p);
    }

    static HWY_INLINE void store(VecF32 v, Raw *p) {
        const I32 di;
        const F32 d;
        const VecI32 bits = hn::BitCast(di, v);
        const VecI32 magnitude = hn::And(bits, hn::Set(di, 0x7fffffff));
        // Rebias, then round to nearest even as for bf16.
        const VecI32 odd = hn::And(hn::ShiftRight<SHIFT>(magnitude), hn::Set(di, 1));
        const VecI32 half = hn::Add(odd, hn::Set(di, (1 << (SHIFT - 1)) - 1));
        const VecI32 biased = hn::Sub(hn::Add(magnitude, half), hn::Set(di, REBIAS << 23));
        // The ulp of `aligner` is the smallest subnormal, so the addition does the rounding.
        const VecF32 aligner = hn::Set(d, power_of_two(24 - Format::BIAS - Format::MANTISSA));
        const VecF32 aligned = hn::Add(hn::BitCast(d, magnitude), aligner);
        const VecI32 subnormal = hn::Sub(hn::BitCast(di, aligned), hn::BitCast(di, aligner));
        store_code(bits, hn::ShiftRight<SHIFT>(biased), subnormal, p);
    }

    // Rounds up where the upper 24 bits of the random word are below 2^24 times the part cut off.
    static HWY_INLINE void store_stochastic(VecF32 v, VecU32 word, Raw *p) {
        const I32 di;
        const F32 d;
        const VecI32 bits = hn::BitCast(di, v);
        const VecI32 magnitude = hn::And(bits, hn::Set(di, 0x7fffffff));
        const VecI32 draw = hn::BitCast(di, hn::ShiftRight<32 - SHIFT>(word));
        const VecI32 raised = hn::Add(magnitude, hn::Sub(hn::Set(di, (1 << SHIFT) - 1), draw));
        const VecI32 biased = hn::Sub(raised, hn::Set(di, REBIAS << 23));

        const VecF32 scale = hn::Set(d, power_of_two(Format::BIAS + Format::MANTISSA - 1));
        // Of larger numbers the result is not used: keep them where the conversion is defined.
        const VecF32 units = hn::Min(hn::Mul(hn::BitCast(d, magnitude), scale), hn::Set(d, 0x1p20f));
        const VecI32 whole = hn::ConvertTo(di, units);
        const VecF32 part = hn::Mul(hn::Sub(units, hn::ConvertTo(d, whole)), hn::Set(d, 0x1p24f));
        const VecF32 drawn = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(word)));
        const VecI32 up = hn::VecFromMask(di, hn::RebindMask(di, hn::Lt(drawn, part)));
        store_code(bits, hn::ShiftRight<SHIFT>(biased), hn::Sub(whole, up), p);
    }
};

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#endif
