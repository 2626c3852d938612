// SPDX-License-Identifier: MIT
// The loops of reduction.hpp.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/reduction_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/reduction_kernel.hpp"
#include "compute/tensor_op-inl.hpp"

// Accumulators stay in registers only if the loops over them are unrolled.
#undef NEURON_UNROLL
#if defined(__clang__)
#define NEURON_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NEURON_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

using spec::TensorOp;

constexpr std::size_t LANES = 16; // of the contract
constexpr std::size_t VECTOR_LANES = HWY_LANES(float) < LANES ? HWY_LANES(float) : LANES;
constexpr std::size_t VECTORS = LANES / VECTOR_LANES;

// `lanes` and ROWS rows, `stride` floats apart, side by side: the chain of one would leave the
// host's units idle.
template<class Elements, class Op, std::size_t ROWS>
HWY_INLINE void add_rows(float *lanes, const typename Elements::Raw *values, std::size_t stride, std::size_t n) {
    const F32 d;
    VecF32 sum[ROWS][VECTORS];
    NEURON_UNROLL
    for (std::size_t r = 0; r < ROWS; ++r) {
        NEURON_UNROLL
        for (std::size_t v = 0; v < VECTORS; ++v) {
            sum[r][v] = hn::LoadU(d, lanes + r * LANES + v * VECTOR_LANES);
        }
    }
    std::size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        NEURON_UNROLL
        for (std::size_t r = 0; r < ROWS; ++r) {
            NEURON_UNROLL
            for (std::size_t v = 0; v < VECTORS; ++v) {
                sum[r][v] = Op::of(sum[r][v], Elements::load_any(values + r * stride + i + v * VECTOR_LANES));
            }
        }
    }
    if (i < n) {
        for (std::size_t r = 0; r < ROWS; ++r) {
            typename Elements::Raw last[LANES] = {};
            float rest[LANES];
            std::memcpy(last, values + r * stride + i, (n - i) * sizeof(last[0]));
            for (std::size_t v = 0; v < VECTORS; ++v) {
                hn::StoreU(Elements::load_any(last + v * VECTOR_LANES), d, rest + v * VECTOR_LANES);
            }
            for (std::size_t l = n - i; l < LANES; ++l) {
                rest[l] = Op::NEUTRAL;
            }
            for (std::size_t v = 0; v < VECTORS; ++v) {
                sum[r][v] = Op::of(sum[r][v], hn::LoadU(d, rest + v * VECTOR_LANES));
            }
        }
    }
    NEURON_UNROLL
    for (std::size_t r = 0; r < ROWS; ++r) {
        NEURON_UNROLL
        for (std::size_t v = 0; v < VECTORS; ++v) {
            hn::StoreU(sum[r][v], d, lanes + r * LANES + v * VECTOR_LANES);
        }
    }
}

template<class Elements>
struct AddRows {
    float *lanes;
    const typename Elements::Raw *values;
    std::size_t rows, stride, n;

    template<class Op>
    void run() const {
        constexpr std::size_t SIDE_BY_SIDE = VECTORS <= 2 ? 4 : 1;
        std::size_t r = 0;
        for (; r + SIDE_BY_SIDE <= rows; r += SIDE_BY_SIDE) {
            add_rows<Elements, Op, SIDE_BY_SIDE>(lanes + r * LANES, values + r * stride, stride, n);
        }
        for (; r < rows; ++r) {
            add_rows<Elements, Op, 1>(lanes + r * LANES, values + r * stride, stride, n);
        }
    }
};

struct Combine {
    const float *lanes;
    float *out;

    // Lane l with lane l + distance, for l below distance.
    template<class Op>
    void run() const {
        const F32 d;
        float tree[LANES + MAX_LANES] = {};
        std::memcpy(tree, lanes, LANES * sizeof(float));
        for (std::size_t distance = LANES / 2; distance > 0; distance /= 2) {
            for (std::size_t l = 0; l < distance; l += VECTOR_LANES) {
                hn::StoreU(Op::of(hn::LoadU(d, tree + l), hn::LoadU(d, tree + l + distance)), d, tree + l);
            }
        }
        finish(tree[0]);
    }

    // Sums and products without the way through vectors and memory.
    template<class Step>
    void run_scalar(Step step) const {
        float tree[LANES / 2];
        NEURON_UNROLL
        for (std::size_t l = 0; l < 8; ++l) {
            tree[l] = step(lanes[l], lanes[l + 8]);
        }
        NEURON_UNROLL
        for (std::size_t l = 0; l < 4; ++l) {
            tree[l] = step(tree[l], tree[l + 4]);
        }
        finish(step(step(tree[0], tree[2]), step(tree[1], tree[3])));
    }

    void finish(float result) const { *out = result == result ? result : __builtin_nanf(""); }
};

template<class Call>
void with_op(TensorOp op, const Call &call) {
    switch (op) {
    case TensorOp::MULT: return call.template run<Mult>();
    case TensorOp::MAX: return call.template run<Max>();
    case TensorOp::MIN: return call.template run<Min>();
    case TensorOp::LOGICAL_AND: return call.template run<LogicalAnd>();
    case TensorOp::LOGICAL_OR: return call.template run<LogicalOr>();
    case TensorOp::LOGICAL_XOR: return call.template run<LogicalXor>();
    default: return call.template run<Add>();
    }
}

void add_to_lanes(ElementKind kind, TensorOp op, float *lanes, const void *values, std::size_t rows, std::size_t stride,
                  std::size_t n) {
    if (kind == ElementKind::BF16) {
        with_op(op, AddRows<Bf16Elements>{lanes, static_cast<const std::uint16_t *>(values), rows, stride, n});
    } else {
        with_op(op, AddRows<F32Elements>{lanes, static_cast<const float *>(values), rows, stride, n});
    }
}

struct Sum {
    float operator()(float a, float b) const { return a + b; }
};
struct Product {
    float operator()(float a, float b) const { return a * b; }
};

void combine_lanes(TensorOp op, const float *lanes, std::size_t rows, float *out) {
    for (std::size_t row = 0; row < rows; ++row) {
        const Combine combine{lanes + row * LANES, out + row};
        switch (op) {
        case TensorOp::ADD: combine.run_scalar(Sum()); break;
        case TensorOp::MULT: combine.run_scalar(Product()); break;
        default: with_op(op, combine);
        }
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(add_to_lanes);
HWY_EXPORT(combine_lanes);

void kernel_add_to_lanes(ElementKind kind, spec::TensorOp op, float *lanes, const void *values, std::size_t rows,
                         std::size_t stride, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(add_to_lanes)(kind, op, lanes, values, rows, stride, n);
}

void kernel_combine_lanes(spec::TensorOp op, const float *lanes, std::size_t rows, float *out) {
    HWY_DYNAMIC_DISPATCH(combine_lanes)(op, lanes, rows, out);
}

} // namespace neuron::chip
#endif // HWY_ONCE
