// SPDX-License-Identifier: MIT
// Two arithmetic operations in one pass, for the pairs that matter.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/tensor_op_pair.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/map-inl.hpp"
#include "compute/tensor_op-inl.hpp"
#include "compute/tensor_op_kernel.hpp"

#include <bit>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

using spec::TensorOp;

template<class Op0, class Op1>
struct TwoScalars {
    VecF32 b, c;
    HWY_INLINE VecF32 of(VecF32 a) const { return Op1::of(Op0::of(a, b), c); }
};
template<class Op0, class Op1>
struct ScalarTensor {
    VecF32 b;
    HWY_INLINE VecF32 of(VecF32 a, VecF32 c) const { return Op1::of(Op0::of(a, b), c); }
};

HWY_INLINE VecF32 number(const std::uint32_t *column, std::size_t row) {
    return hn::Set(F32(), std::bit_cast<float>(column[row]));
}

struct TwoScalarsCall {
    const RowSteps &rows;
    void *out;
    const void *a;
    const std::uint32_t *b, *c;
    std::size_t n;

    template<class Elements, class Op0, class Op1>
    void run() const {
        const auto make = [this](std::size_t row) HWY_ATTR {
            return TwoScalars<Op0, Op1>{number(b, row), number(c, row)};
        };
        map_rows<Elements>(rows, make, out, a, n);
    }
};

struct ScalarTensorCall {
    const RowSteps &rows;
    void *out;
    const void *a;
    const std::uint32_t *b;
    const void *c;
    std::size_t n;

    template<class Elements, class Op0, class Op1>
    void run() const {
        const auto make = [this](std::size_t row) HWY_ATTR { return ScalarTensor<Op0, Op1>{number(b, row)}; };
        map_rows<Elements>(rows, make, out, a, c, n);
    }
};

// Operands the other way round matter to SUBTRACT only, of the operations here.

template<class Elements, class Op0, class Call>
bool with_second(TensorOp op, bool reverse, const Call &call) {
    switch (op) {
    case TensorOp::ADD: call.template run<Elements, Op0, Add>(); return true;
    case TensorOp::MULT: call.template run<Elements, Op0, Mult>(); return true;
    case TensorOp::MAX: call.template run<Elements, Op0, Max>(); return true;
    case TensorOp::MIN: call.template run<Elements, Op0, Min>(); return true;
    case TensorOp::SUBTRACT:
        if (reverse) {
            call.template run<Elements, Op0, ReverseSubtract>();
        } else {
            call.template run<Elements, Op0, Subtract>();
        }
        return true;
    default: return false;
    }
}

template<class Elements, class Call>
bool with_pair(TensorOp op0, bool reverse0, TensorOp op1, bool reverse1, const Call &call) {
    switch (op0) {
    case TensorOp::ADD: return with_second<Elements, Add>(op1, reverse1, call);
    case TensorOp::MULT: return with_second<Elements, Mult>(op1, reverse1, call);
    case TensorOp::SUBTRACT: return !reverse0 && with_second<Elements, Subtract>(op1, reverse1, call);
    default: return false;
    }
}

template<class Call>
bool with_kind(ElementKind kind, TensorOp op0, bool reverse0, TensorOp op1, bool reverse1, const Call &call) {
    return kind == ElementKind::BF16 ? with_pair<Bf16Elements>(op0, reverse0, op1, reverse1, call)
                                     : with_pair<F32Elements>(op0, reverse0, op1, reverse1, call);
}

bool two_scalars(ElementKind kind, TensorOp op0, TensorOp op1, const RowSteps &rows, void *out, const void *a,
                 ScalarColumn b, ScalarColumn c, std::size_t n) {
    return with_kind(kind, op0, b.reverse, op1, c.reverse, TwoScalarsCall{rows, out, a, b.bits, c.bits, n});
}

bool scalar_tensor(ElementKind kind, TensorOp op0, TensorOp op1, const RowSteps &rows, void *out, const void *a,
                   ScalarColumn b, const void *c, bool reverse1, std::size_t n) {
    return with_kind(kind, op0, b.reverse, op1, reverse1, ScalarTensorCall{rows, out, a, b.bits, c, n});
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(two_scalars);
HWY_EXPORT(scalar_tensor);

bool kernel_two_scalars(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, const RowSteps &rows, void *out,
                        const void *a, ScalarColumn b, ScalarColumn c, std::size_t n) {
    return HWY_DYNAMIC_DISPATCH(two_scalars)(kind, op0, op1, rows, out, a, b, c, n);
}

bool kernel_scalar_tensor(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, const RowSteps &rows, void *out,
                          const void *a, ScalarColumn b, const void *c, bool reverse1, std::size_t n) {
    return HWY_DYNAMIC_DISPATCH(scalar_tensor)(kind, op0, op1, rows, out, a, b, c, reverse1, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
