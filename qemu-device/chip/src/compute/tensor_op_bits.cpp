// SPDX-License-Identifier: MIT
// Operations on arrays of integers: bits of any size, and exact 32-bit arithmetic.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/tensor_op_bits.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/map-inl.hpp"
#include "compute/tensor_op_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

using spec::TensorOp;

// Elements of 8, 16 or 32 bits in the low bits of a lane; above them zeros when loaded, anything
// when stored.
template<class T>
struct BitElements {
    using Raw = T;
    static constexpr int BITS = 8 * sizeof(T);
    static HWY_INLINE VecU32 load_any(const Raw *p) { return hn::PromoteTo(U32(), hn::LoadU(Narrow<T>(), p)); }
    static HWY_INLINE void store(VecU32 v, Raw *p) {
        const VecU32 low = hn::And(v, hn::Set(U32(), (1u << BITS) - 1));
        hn::StoreU(hn::DemoteTo(Narrow<T>(), hn::BitCast(I32(), low)), Narrow<T>(), p);
    }
    static HWY_INLINE void store(VecU32 first, VecU32 second, Raw *p) {
        store(first, p);
        store(second, p + hn::Lanes(U32()));
    }
};
template<>
struct BitElements<std::uint32_t> {
    using Raw = std::uint32_t;
    static constexpr int BITS = 32;
    static HWY_INLINE VecU32 load_any(const Raw *p) { return hn::LoadU(U32(), p); }
    static HWY_INLINE void store(VecU32 v, Raw *p) { hn::StoreU(v, U32(), p); }
    static HWY_INLINE void store(VecU32 first, VecU32 second, Raw *p) {
        store(first, p);
        store(second, p + hn::Lanes(U32()));
    }
};

HWY_INLINE VecU32 word(std::uint32_t value) { return hn::Set(U32(), value); }
HWY_INLINE VecI32 as_signed(VecU32 v) { return hn::BitCast(I32(), v); }
HWY_INLINE VecU32 as_unsigned(VecI32 v) { return hn::BitCast(U32(), v); }

// ---- bits; the parameter is the element size ----

template<int>
struct BitBypass {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32) { return a; }
};
template<int>
struct BitAnd {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::And(a, b); }
};
template<int>
struct BitOr {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::Or(a, b); }
};
template<int>
struct BitXor {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::Xor(a, b); }
};
template<int>
struct BitNot {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32) { return hn::Not(a); }
};

// Counts below 32 in a lane of 32 bits: of shorter elements the rest has gone by then.
HWY_INLINE auto is_count(VecU32 b) { return hn::Eq(hn::And(b, word(~31u)), word(0)); }

template<int>
struct ShiftLeftBy {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) {
        return hn::IfThenElseZero(is_count(b), hn::Shl(a, hn::And(b, word(31))));
    }
};
template<int>
struct ShiftRightBy {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) {
        return hn::IfThenElseZero(is_count(b), hn::Shr(a, hn::And(b, word(31))));
    }
};
template<int BITS>
struct ShiftRightArithmeticBy {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) {
        const VecI32 extended = hn::ShiftRight<32 - BITS>(as_signed(hn::ShiftLeft<32 - BITS>(a)));
        const VecU32 count = hn::IfThenElse(is_count(b), b, word(31));
        return as_unsigned(hn::Shr(extended, as_signed(count)));
    }
};

// ---- 32-bit arithmetic; the parameter is whether it is signed ----

// Integers in an order that the signed comparison sees.
template<bool SIGNED>
HWY_INLINE VecI32 ordered(VecU32 v) {
    return as_signed(SIGNED ? v : hn::Xor(v, word(0x80000000)));
}
template<class Mask>
HWY_INLINE VecU32 one_where(Mask mask) {
    return hn::IfThenElseZero(hn::RebindMask(U32(), mask), word(1));
}

template<bool>
struct IntBypass {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32) { return a; }
};
template<bool>
struct IntAdd {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::Add(a, b); }
};
template<bool>
struct IntSubtract {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::Sub(a, b); }
};
template<bool>
struct IntMult {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::Mul(a, b); }
};
template<bool SIGNED>
struct IntIsGt {
    static HWY_INLINE auto mask(VecU32 a, VecU32 b) { return hn::Gt(ordered<SIGNED>(a), ordered<SIGNED>(b)); }
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return one_where(mask(a, b)); }
};
template<bool SIGNED>
struct IntMax {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) {
        return hn::IfThenElse(hn::RebindMask(U32(), IntIsGt<SIGNED>::mask(a, b)), a, b);
    }
};
template<bool SIGNED>
struct IntMin {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) {
        return hn::IfThenElse(hn::RebindMask(U32(), IntIsGt<SIGNED>::mask(a, b)), b, a);
    }
};
template<bool SIGNED>
struct IntAbsolute {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32) {
        if constexpr (!SIGNED) {
            return a;
        }
        const VecU32 sign = as_unsigned(hn::BroadcastSignBit(as_signed(a)));
        return hn::Sub(hn::Xor(a, sign), sign);
    }
};
template<bool SIGNED>
struct IntIsLe {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::Xor(IntIsGt<SIGNED>::of(a, b), word(1)); }
};
template<bool SIGNED>
struct IntIsLt {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return IntIsGt<SIGNED>::of(b, a); }
};
template<bool SIGNED>
struct IntIsGe {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return IntIsLe<SIGNED>::of(b, a); }
};
template<bool>
struct IntIsEqual {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return one_where(hn::Eq(a, b)); }
};
template<bool SIGNED>
struct IntNotEqual {
    static HWY_INLINE VecU32 of(VecU32 a, VecU32 b) { return hn::Xor(IntIsEqual<SIGNED>::of(a, b), word(1)); }
};

// ---- calls ----

template<class Op>
struct WithTensor {
    HWY_INLINE VecU32 of(VecU32 a, VecU32 b) const { return Op::of(a, b); }
};
template<class Op>
struct WithScalar {
    VecU32 b;
    HWY_INLINE VecU32 of(VecU32 a) const { return Op::of(a, b); }
};
template<class Op>
struct ScalarWith {
    VecU32 b;
    HWY_INLINE VecU32 of(VecU32 a) const { return Op::of(b, a); }
};

struct Tensors {
    const RowSteps &rows;
    void *out;
    const void *a, *b;
    std::size_t n;

    template<class Elements, class Op>
    void run() const {
        map_rows<Elements>(
            rows, [](std::size_t) HWY_ATTR { return WithTensor<Op>(); }, out, a, b, n);
    }
};

struct TensorAndScalar {
    const RowSteps &rows;
    void *out;
    const void *a;
    ScalarColumn b;
    std::size_t n;

    template<class Elements, class Op>
    void run() const {
        const auto value = [this](std::size_t row)
                               HWY_ATTR { return word(b.bits[row] & (~0u >> (32 - Elements::BITS))); };
        if (b.reverse) {
            map_rows<Elements>(
                rows, [&](std::size_t row) HWY_ATTR { return ScalarWith<Op>{value(row)}; }, out, a, n);
        } else {
            map_rows<Elements>(
                rows, [&](std::size_t row) HWY_ATTR { return WithScalar<Op>{value(row)}; }, out, a, n);
        }
    }
};

template<class T, class Call>
void with_bit_op(TensorOp op, const Call &call) {
    using Elements = BitElements<T>;
    constexpr int BITS = Elements::BITS;
    switch (op) {
    case TensorOp::BITWISE_AND: return call.template run<Elements, BitAnd<BITS>>();
    case TensorOp::BITWISE_OR: return call.template run<Elements, BitOr<BITS>>();
    case TensorOp::BITWISE_XOR: return call.template run<Elements, BitXor<BITS>>();
    case TensorOp::BITWISE_NOT: return call.template run<Elements, BitNot<BITS>>();
    case TensorOp::LOGICAL_SHIFT_LEFT:
    case TensorOp::ARITH_SHIFT_LEFT: return call.template run<Elements, ShiftLeftBy<BITS>>();
    case TensorOp::LOGICAL_SHIFT_RIGHT: return call.template run<Elements, ShiftRightBy<BITS>>();
    case TensorOp::ARITH_SHIFT_RIGHT: return call.template run<Elements, ShiftRightArithmeticBy<BITS>>();
    default: return call.template run<Elements, BitBypass<BITS>>();
    }
}

template<bool SIGNED, class Call>
void with_int_op(TensorOp op, const Call &call) {
    using Elements = BitElements<std::uint32_t>;
    switch (op) {
    case TensorOp::ADD: return call.template run<Elements, IntAdd<SIGNED>>();
    case TensorOp::SUBTRACT: return call.template run<Elements, IntSubtract<SIGNED>>();
    case TensorOp::MULT: return call.template run<Elements, IntMult<SIGNED>>();
    case TensorOp::MAX: return call.template run<Elements, IntMax<SIGNED>>();
    case TensorOp::MIN: return call.template run<Elements, IntMin<SIGNED>>();
    case TensorOp::ABS: return call.template run<Elements, IntAbsolute<SIGNED>>();
    case TensorOp::IS_EQUAL: return call.template run<Elements, IntIsEqual<SIGNED>>();
    case TensorOp::NOT_EQUAL: return call.template run<Elements, IntNotEqual<SIGNED>>();
    case TensorOp::IS_GT: return call.template run<Elements, IntIsGt<SIGNED>>();
    case TensorOp::IS_GE: return call.template run<Elements, IntIsGe<SIGNED>>();
    case TensorOp::IS_LT: return call.template run<Elements, IntIsLt<SIGNED>>();
    case TensorOp::IS_LE: return call.template run<Elements, IntIsLe<SIGNED>>();
    default: return call.template run<Elements, IntBypass<SIGNED>>();
    }
}

template<class Call>
void with_kind(ElementKind kind, TensorOp op, const Call &call) {
    switch (kind) {
    case ElementKind::I32: return with_int_op<true>(op, call);
    case ElementKind::U32: return with_int_op<false>(op, call);
    case ElementKind::B8: return with_bit_op<std::uint8_t>(op, call);
    case ElementKind::B16: return with_bit_op<std::uint16_t>(op, call);
    default: return with_bit_op<std::uint32_t>(op, call);
    }
}

void bits_tensor(ElementKind kind, TensorOp op, const RowSteps &rows, void *out, const void *a, const void *b,
                 std::size_t n) {
    with_kind(kind, op, Tensors{rows, out, a, b, n});
}

void bits_scalar(ElementKind kind, TensorOp op, const RowSteps &rows, void *out, const void *a, ScalarColumn b,
                 std::size_t n) {
    with_kind(kind, op, TensorAndScalar{rows, out, a, b, n});
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(bits_tensor);
HWY_EXPORT(bits_scalar);

void kernel_bits_tensor(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                        const void *b, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(bits_tensor)(kind, op, rows, out, a, b, n);
}

void kernel_bits_scalar(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                        ScalarColumn b, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(bits_scalar)(kind, op, rows, out, a, b, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
