// SPDX-License-Identifier: MIT
// The arithmetic operations of enum tensor_op on vectors, for code that is compiled once per
// instruction set. Include after hwy/foreach_target.h.
//
// Results may be any NaN where the contract says NaN: whoever stores them makes it the canonical
// one. Comparisons for inequality are written as "not equal to": Highway's Ne() is false for NaN.
#if defined(NEURON_CHIP_COMPUTE_TENSOR_OP_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef NEURON_CHIP_COMPUTE_TENSOR_OP_INL_HPP
#undef NEURON_CHIP_COMPUTE_TENSOR_OP_INL_HPP
#else
#define NEURON_CHIP_COMPUTE_TENSOR_OP_INL_HPP
#endif

#include "compute/f32_simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE VecF32 ones() { return hn::Set(F32(), 1.0f); }
HWY_INLINE VecF32 zeros() { return hn::Zero(F32()); }
template<class Mask>
HWY_INLINE VecF32 one_if(Mask mask) {
    return hn::IfThenElseZero(mask, ones());
}
template<class Mask>
HWY_INLINE VecF32 zero_if(Mask mask) {
    return hn::IfThenZeroElse(mask, ones());
}
HWY_INLINE auto is_zero(VecF32 v) { return hn::Eq(v, zeros()); }

// a if it is larger (smaller), else b: also where one is NaN or both are zeros. On x86 that is what
// its instruction does; elsewhere, and without vectors, Highway's Max() treats NaN in other ways.
#undef NEURON_X86_VECTORS
#define NEURON_X86_VECTORS (HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128)
HWY_INLINE VecF32 larger_or_b(VecF32 a, VecF32 b) {
#if NEURON_X86_VECTORS
    return hn::Max(a, b);
#else
    return hn::IfThenElse(hn::Gt(a, b), a, b);
#endif
}
HWY_INLINE VecF32 smaller_or_b(VecF32 a, VecF32 b) {
#if NEURON_X86_VECTORS
    return hn::Min(a, b);
#else
    return hn::IfThenElse(hn::Lt(a, b), a, b);
#endif
}

struct Bypass {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32) { return a; }
};
struct Add {
    static constexpr float NEUTRAL = -0.0f;
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return hn::Add(a, b); }
};
struct Subtract {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return hn::Sub(a, b); }
};
struct ReverseSubtract {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return hn::Sub(b, a); }
};
struct Mult {
    static constexpr float NEUTRAL = 1.0f;
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return hn::Mul(a, b); }
};
// Both orders of the operands give the same but for zeros of different sign and for a NaN, which
// one of the two then has. Or-ing exponents and mantissas keeps the NaN and changes nothing else.
struct Max {
    static constexpr float NEUTRAL = -__builtin_inff();
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) {
        const VecF32 x = larger_or_b(a, b), y = larger_or_b(b, a);
        return hn::OrAnd(hn::AndNot(hn::SignBit(F32()), hn::Or(x, y)), x, y);
    }
};
struct Min {
    static constexpr float NEUTRAL = __builtin_inff();
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return hn::Or(smaller_or_b(a, b), smaller_or_b(b, a)); }
};
struct Absolute {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32) { return hn::Abs(a); }
};
struct Reciprocal {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32) { return hn::Div(ones(), a); }
};
struct IsEqual {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return one_if(hn::Eq(a, b)); }
};
struct NotEqual {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return zero_if(hn::Eq(a, b)); }
};
struct IsGt {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return one_if(hn::Gt(a, b)); }
};
struct IsGe {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return one_if(hn::Ge(a, b)); }
};
struct IsLt {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return one_if(hn::Lt(a, b)); }
};
struct IsLe {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return one_if(hn::Le(a, b)); }
};
struct LogicalAnd {
    static constexpr float NEUTRAL = 1.0f;
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return zero_if(hn::Or(is_zero(a), is_zero(b))); }
};
struct LogicalOr {
    static constexpr float NEUTRAL = 0.0f;
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return zero_if(hn::And(is_zero(a), is_zero(b))); }
};
struct LogicalXor {
    static constexpr float NEUTRAL = 0.0f;
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) { return one_if(hn::Xor(is_zero(a), is_zero(b))); }
};
struct Square {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32) { return hn::Mul(a, a); }
};
struct Relu {
    // larger_or_b(+0, a): a where it is NaN or a zero, and -0 + +0 is +0.
    static HWY_INLINE VecF32 of(VecF32 a, VecF32) { return hn::Add(larger_or_b(zeros(), a), zeros()); }
};
struct AbsMax {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) {
        const VecF32 number = hn::IfThenElse(hn::Gt(hn::Abs(a), hn::Abs(b)), a, b);
        return hn::IfThenElse(hn::Eq(a, a), number, a);
    }
};
struct AbsMin {
    static HWY_INLINE VecF32 of(VecF32 a, VecF32 b) {
        const VecF32 number = hn::IfThenElse(hn::Lt(hn::Abs(a), hn::Abs(b)), a, b);
        return hn::IfThenElse(hn::Eq(a, a), number, a);
    }
};

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#endif
