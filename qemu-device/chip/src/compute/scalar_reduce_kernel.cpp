// SPDX-License-Identifier: MIT
// TENSOR_SCALAR_REDUCE in one pass, for the pairs of operations that matter.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/scalar_reduce_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/prefetch.hpp"
#include "compute/reduction_kernel.hpp"
#include "compute/tensor_op-inl.hpp"

#include <bit>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

using spec::TensorOp;

// The lanes of the reduction are in registers. A step is two vectors at least, which are stored together.
constexpr std::size_t LANES = 16; // of the contract
constexpr std::size_t VECTOR_LANES = HWY_LANES(float) < LANES ? HWY_LANES(float) : LANES;
constexpr std::size_t VECTORS = LANES / VECTOR_LANES;
constexpr std::size_t STEP_VECTORS = VECTORS < 2 ? 2 : VECTORS;
constexpr std::size_t STEP = STEP_VECTORS * VECTOR_LANES;

template<class Elements, class Op>
HWY_INLINE void compute(const typename Elements::Raw *in, VecF32 b, VecF32 (&x)[STEP_VECTORS]) {
    for (std::size_t v = 0; v < STEP_VECTORS; ++v) {
        x[v] = Op::of(Elements::load_any(in + v * VECTOR_LANES), b);
    }
}

template<class Elements>
HWY_INLINE void store(const VecF32 (&x)[STEP_VECTORS], typename Elements::Raw *out) {
    for (std::size_t v = 0; v < STEP_VECTORS; v += 2) {
        Elements::store(x[v], x[v + 1], out + v * VECTOR_LANES);
    }
}

// The last elements, fewer than a step.
template<class Elements, class Op, class Reduce>
HWY_INLINE void last(typename Elements::Raw *out, const typename Elements::Raw *in, VecF32 b, std::size_t rest,
                     VecF32 (&lanes)[VECTORS]) {
    typename Elements::Raw copy[STEP] = {};
    std::memcpy(copy, in, rest * sizeof(copy[0]));
    VecF32 x[STEP_VECTORS];
    compute<Elements, Op>(copy, b, x);
    store<Elements>(x, copy);
    std::memcpy(out, copy, rest * sizeof(copy[0]));
    float numbers[STEP];
    for (std::size_t v = 0; v < STEP_VECTORS; ++v) {
        hn::StoreU(x[v], F32(), numbers + v * VECTOR_LANES);
    }
    for (std::size_t l = rest; l < STEP; ++l) {
        numbers[l] = Reduce::NEUTRAL;
    }
    for (std::size_t v = 0; v < STEP_VECTORS; ++v) {
        lanes[v % VECTORS] = Reduce::of(lanes[v % VECTORS], hn::LoadU(F32(), numbers + v * VECTOR_LANES));
    }
}

template<class Elements, class Op, class Reduce>
HWY_INLINE void reduce_row(typename Elements::Raw *out, const typename Elements::Raw *in, VecF32 b, float *lanes_out,
                           std::size_t n) {
    const F32 d;
    VecF32 lanes[VECTORS];
    for (std::size_t v = 0; v < VECTORS; ++v) {
        lanes[v] = hn::Set(d, Reduce::NEUTRAL);
    }
    std::size_t i = 0;
    for (; i + STEP <= n; i += STEP) {
        VecF32 x[STEP_VECTORS];
        compute<Elements, Op>(in + i, b, x);
        for (std::size_t v = 0; v < STEP_VECTORS; ++v) {
            lanes[v % VECTORS] = Reduce::of(lanes[v % VECTORS], x[v]);
        }
        store<Elements>(x, out + i);
    }
    if (i < n) {
        last<Elements, Op, Reduce>(out + i, in + i, b, n - i, lanes);
    }
    for (std::size_t v = 0; v < VECTORS; ++v) {
        hn::StoreU(lanes[v], d, lanes_out + v * VECTOR_LANES);
    }
}

struct Call {
    const RowSteps &rows;
    void *out;
    const void *a;
    const std::uint32_t *b;
    float *lanes;
    std::size_t n;

    template<class Elements, class Op, class Reduce>
    void run() const {
        using Raw = typename Elements::Raw;
        auto *to = static_cast<std::byte *>(out);
        const auto *from = static_cast<const std::byte *>(a);
        for (std::size_t row = 0; row < rows.count; ++row, to += rows.out, from += rows.a) {
            if (row + 1 < rows.count) {
                prefetch_row<false>(from + rows.a);
                prefetch_row<true>(to + rows.out);
            }
            reduce_row<Elements, Op, Reduce>(reinterpret_cast<Raw *>(to), reinterpret_cast<const Raw *>(from),
                                             hn::Set(F32(), std::bit_cast<float>(b[row])), lanes + row * LANES, n);
        }
    }
};

template<class Elements, class Op>
void with_reduce(TensorOp reduce, const Call &call) {
    switch (reduce) {
    case TensorOp::MULT: return call.run<Elements, Op, Mult>();
    case TensorOp::MAX: return call.run<Elements, Op, Max>();
    case TensorOp::MIN: return call.run<Elements, Op, Min>();
    default: return call.run<Elements, Op, Add>();
    }
}

template<class Elements>
bool with_op(TensorOp op, bool reverse, TensorOp reduce, const Call &call) {
    switch (op) {
    case TensorOp::BYPASS:
        if (reverse) {
            return false;
        }
        with_reduce<Elements, Bypass>(reduce, call);
        return true;
    case TensorOp::ADD: with_reduce<Elements, Add>(reduce, call); return true;
    case TensorOp::MULT: with_reduce<Elements, Mult>(reduce, call); return true;
    case TensorOp::MAX: with_reduce<Elements, Max>(reduce, call); return true;
    case TensorOp::MIN: with_reduce<Elements, Min>(reduce, call); return true;
    case TensorOp::SUBTRACT:
        if (reverse) {
            with_reduce<Elements, ReverseSubtract>(reduce, call);
        } else {
            with_reduce<Elements, Subtract>(reduce, call);
        }
        return true;
    default: return false;
    }
}

bool scalar_reduce(ElementKind kind, TensorOp op, TensorOp reduce, const RowSteps &rows, void *out, const void *a,
                   ScalarColumn b, float *lanes, std::size_t n) {
    const Call call{rows, out, a, b.bits, lanes, n};
    return kind == ElementKind::BF16 ? with_op<Bf16Elements>(op, b.reverse, reduce, call)
                                     : with_op<F32Elements>(op, b.reverse, reduce, call);
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(scalar_reduce);

bool kernel_scalar_reduce(ElementKind kind, spec::TensorOp op, spec::TensorOp reduce, const RowSteps &rows, void *out,
                          const void *a, ScalarColumn b, float *lanes, std::size_t n) {
    return HWY_DYNAMIC_DISPATCH(scalar_reduce)(kind, op, reduce, rows, out, a, b, lanes, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
