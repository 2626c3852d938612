// SPDX-License-Identifier: MIT
// Arithmetic operations on arrays of fp32 and bf16.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/tensor_op_float.cpp"
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

template<class Op>
struct WithTensor {
    HWY_INLINE VecF32 of(VecF32 a, VecF32 b) const { return Op::of(a, b); }
};
template<class Op>
struct WithScalar {
    VecF32 b;
    HWY_INLINE VecF32 of(VecF32 a) const { return Op::of(a, b); }
};
template<class Op>
struct ScalarWith {
    VecF32 b;
    HWY_INLINE VecF32 of(VecF32 a) const { return Op::of(b, a); }
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
                               HWY_ATTR { return hn::Set(F32(), std::bit_cast<float>(b.bits[row])); };
        if (b.reverse) {
            map_rows<Elements>(
                rows, [&](std::size_t row) HWY_ATTR { return ScalarWith<Op>{value(row)}; }, out, a, n);
        } else {
            map_rows<Elements>(
                rows, [&](std::size_t row) HWY_ATTR { return WithScalar<Op>{value(row)}; }, out, a, n);
        }
    }
};

template<class Elements, class Call>
void with_op(TensorOp op, const Call &call) {
    switch (op) {
    case TensorOp::ADD: return call.template run<Elements, Add>();
    case TensorOp::SUBTRACT: return call.template run<Elements, Subtract>();
    case TensorOp::MULT: return call.template run<Elements, Mult>();
    case TensorOp::MAX: return call.template run<Elements, Max>();
    case TensorOp::MIN: return call.template run<Elements, Min>();
    case TensorOp::ABS: return call.template run<Elements, Absolute>();
    case TensorOp::RECIPROCAL: return call.template run<Elements, Reciprocal>();
    case TensorOp::IS_EQUAL: return call.template run<Elements, IsEqual>();
    case TensorOp::NOT_EQUAL: return call.template run<Elements, NotEqual>();
    case TensorOp::IS_GT: return call.template run<Elements, IsGt>();
    case TensorOp::IS_GE: return call.template run<Elements, IsGe>();
    case TensorOp::IS_LT: return call.template run<Elements, IsLt>();
    case TensorOp::IS_LE: return call.template run<Elements, IsLe>();
    case TensorOp::LOGICAL_AND: return call.template run<Elements, LogicalAnd>();
    case TensorOp::LOGICAL_OR: return call.template run<Elements, LogicalOr>();
    case TensorOp::LOGICAL_XOR: return call.template run<Elements, LogicalXor>();
    case TensorOp::SQUARE: return call.template run<Elements, Square>();
    case TensorOp::RELU: return call.template run<Elements, Relu>();
    case TensorOp::ABS_MAX: return call.template run<Elements, AbsMax>();
    case TensorOp::ABS_MIN: return call.template run<Elements, AbsMin>();
    default: return call.template run<Elements, Bypass>();
    }
}

void float_tensor(ElementKind kind, TensorOp op, const RowSteps &rows, void *out, const void *a, const void *b,
                  std::size_t n) {
    const Tensors call{rows, out, a, b, n};
    kind == ElementKind::BF16 ? with_op<Bf16Elements>(op, call) : with_op<F32Elements>(op, call);
}

void float_scalar(ElementKind kind, TensorOp op, const RowSteps &rows, void *out, const void *a, ScalarColumn b,
                  std::size_t n) {
    const TensorAndScalar call{rows, out, a, b, n};
    kind == ElementKind::BF16 ? with_op<Bf16Elements>(op, call) : with_op<F32Elements>(op, call);
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(float_tensor);
HWY_EXPORT(float_scalar);

void kernel_float_tensor(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                         const void *b, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(float_tensor)(kind, op, rows, out, a, b, n);
}

void kernel_float_scalar(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a,
                         ScalarColumn b, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(float_scalar)(kind, op, rows, out, a, b, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
