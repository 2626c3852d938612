// SPDX-License-Identifier: MIT
// The exact functions of ACTIVATE: scale, bias, function, sum and conversion in one pass.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/activate_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/activate_kernel.hpp"
#include "compute/prefetch.hpp"
#include "compute/tensor_op-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

using spec::Activation;

// Functions have of(x, param); names of operations are taken.

struct CopyOf {
    static HWY_INLINE VecF32 of(VecF32 x, VecF32) { return x; }
};
struct SignOf {
    static HWY_INLINE VecF32 of(VecF32 x, VecF32) {
        const VecF32 negative = hn::IfThenElse(hn::Lt(x, zeros()), hn::Neg(ones()), x);
        return hn::IfThenElse(hn::Gt(x, zeros()), ones(), negative);
    }
};
struct PreluOf {
    static HWY_INLINE VecF32 of(VecF32 x, VecF32 param) {
        return hn::IfThenElse(hn::Ge(x, zeros()), x, hn::Mul(x, param));
    }
};
struct SqrtOf {
    static HWY_INLINE VecF32 of(VecF32 x, VecF32) { return hn::Sqrt(x); }
};

// fp32 that goes into arithmetic once more.
struct F32Draft : F32Elements {
    static HWY_INLINE void store(VecF32 first, VecF32 second, Raw *p) {
        hn::StoreU(first, F32(), p);
        hn::StoreU(second, F32(), p + hn::Lanes(F32()));
    }
};

// The lanes of the sum are in registers. A step is two vectors at least, which are stored together.
constexpr std::size_t SUM_LANES = 16;
constexpr std::size_t VECTOR_LANES = HWY_LANES(float) < SUM_LANES ? HWY_LANES(float) : SUM_LANES;
constexpr std::size_t VECTORS = SUM_LANES / VECTOR_LANES;
constexpr std::size_t STEP_VECTORS = VECTORS < 2 ? 2 : VECTORS;
constexpr std::size_t STEP = STEP_VECTORS * VECTOR_LANES;

struct Factors {
    VecF32 scale, bias, param;
};

template<class In, class Function>
HWY_INLINE void compute(const typename In::Raw *in, const Factors &by, VecF32 (&result)[STEP_VECTORS]) {
    for (std::size_t v = 0; v < STEP_VECTORS; ++v) {
        const VecF32 x = hn::Mul(In::load_any(in + v * VECTOR_LANES), by.scale);
        result[v] = Function::of(hn::Add(x, by.bias), by.param);
    }
}

template<class Out>
HWY_INLINE void store(const VecF32 (&result)[STEP_VECTORS], typename Out::Raw *out) {
    for (std::size_t v = 0; v < STEP_VECTORS; v += 2) {
        Out::store(result[v], result[v + 1], out + v * VECTOR_LANES);
    }
}

// The last elements, fewer than a step.
template<class In, class Out, class Function, bool SUM>
void last(const ActivateArgs &args, const Factors &by, std::size_t first) {
    const std::size_t rest = args.n - first;
    typename In::Raw last_in[STEP] = {};
    typename Out::Raw last_out[STEP];
    std::memcpy(last_in, static_cast<const typename In::Raw *>(args.in) + first, rest * sizeof(last_in[0]));
    VecF32 result[STEP_VECTORS];
    compute<In, Function>(last_in, by, result);
    store<Out>(result, last_out);
    std::memcpy(static_cast<typename Out::Raw *>(args.out) + first, last_out, rest * sizeof(last_out[0]));
    float addends[STEP];
    for (std::size_t v = 0; v < STEP_VECTORS; ++v) {
        hn::StoreU(result[v], F32(), addends + v * VECTOR_LANES);
    }
    for (std::size_t l = 0; SUM && l < rest; ++l) {
        args.lanes[l % SUM_LANES] += addends[l];
    }
}

template<class In, class Out, class Function, bool SUM>
void loop(const ActivateArgs &args) {
    const F32 d;
    const auto *const in = static_cast<const typename In::Raw *>(args.in);
    auto *const out = static_cast<typename Out::Raw *>(args.out);
    const Factors by{hn::Set(d, args.scale), hn::Set(d, args.bias), hn::Set(d, args.param)};
    VecF32 sum[VECTORS];
    for (std::size_t v = 0; v < VECTORS; ++v) {
        sum[v] = SUM ? hn::LoadU(d, args.lanes + v * VECTOR_LANES) : zeros();
    }
    std::size_t i = 0;
    for (; i + STEP <= args.n; i += STEP) {
        VecF32 result[STEP_VECTORS];
        compute<In, Function>(in + i, by, result);
        for (std::size_t v = 0; SUM && v < STEP_VECTORS; ++v) {
            sum[v % VECTORS] = hn::Add(sum[v % VECTORS], result[v]);
        }
        store<Out>(result, out + i);
    }
    for (std::size_t v = 0; SUM && v < VECTORS; ++v) {
        hn::StoreU(sum[v], d, args.lanes + v * VECTOR_LANES);
    }
    if (i < args.n) {
        last<In, Out, Function, SUM>(args, by, i);
    }
}

template<class In, class Out, class Function, bool SUM>
void loop_rows(ActivateArgs args, const ActivateRows &rows) {
    const auto *in = static_cast<const std::byte *>(args.in);
    auto *out = static_cast<std::byte *>(args.out);
    for (std::size_t row = 0; row < rows.count; ++row) {
        args.scale = rows.scale[row];
        args.bias = rows.bias[row];
        args.in = in;
        args.out = out;
        in += rows.in_step;
        out += rows.out_step;
        if (row + 1 < rows.count) {
            prefetch_row<false>(in);
            prefetch_row<true>(out);
        }
        loop<In, Out, Function, SUM>(args);
        if (SUM) {
            args.lanes += rows.lanes_step / sizeof(float);
        }
    }
}

template<class In, class Out, class Function>
void with_sum(const ActivateArgs &args, const ActivateRows &rows) {
    args.lanes != nullptr ? loop_rows<In, Out, Function, true>(args, rows)
                          : loop_rows<In, Out, Function, false>(args, rows);
}

template<class Function>
void with_kinds(const ActivateArgs &args, const ActivateRows &rows) {
    const bool to_bf16 = args.out_kind == ElementKind::BF16;
    if (args.in_kind == ElementKind::BF16) {
        to_bf16 ? with_sum<Bf16Elements, Bf16Elements, Function>(args, rows)
                : with_sum<Bf16Elements, F32Elements, Function>(args, rows);
    } else {
        to_bf16 ? with_sum<F32Elements, Bf16Elements, Function>(args, rows)
                : with_sum<F32Elements, F32Elements, Function>(args, rows);
    }
}

void scale_and_add(const ActivateArgs &args) {
    if (args.in_kind == ElementKind::BF16) {
        loop<Bf16Elements, F32Draft, CopyOf, false>(args);
    } else {
        loop<F32Elements, F32Draft, CopyOf, false>(args);
    }
}

void activate(Activation func, const ActivateArgs &args, const ActivateRows &rows) {
    switch (func) {
    case Activation::SQUARE: return with_kinds<Square>(args, rows);
    case Activation::ABS: return with_kinds<Absolute>(args, rows);
    case Activation::SIGN: return with_kinds<SignOf>(args, rows);
    case Activation::RELU: return with_kinds<Relu>(args, rows);
    case Activation::PRELU: return with_kinds<PreluOf>(args, rows);
    case Activation::SQRT: return with_kinds<SqrtOf>(args, rows);
    case Activation::RECIPROCAL: return with_kinds<Reciprocal>(args, rows);
    default: return with_kinds<CopyOf>(args, rows);
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(activate);
HWY_EXPORT(scale_and_add);

bool is_fused_activation(spec::Activation func) {
    switch (func) {
    case spec::Activation::COPY:
    case spec::Activation::SQUARE:
    case spec::Activation::ABS:
    case spec::Activation::SIGN:
    case spec::Activation::RELU:
    case spec::Activation::PRELU:
    case spec::Activation::SQRT:
    case spec::Activation::RECIPROCAL: return true;
    default: return false;
    }
}

void kernel_activate(spec::Activation func, const ActivateArgs &args) {
    kernel_activate(func, args, {1, 0, 0, 0, &args.scale, &args.bias});
}

void kernel_activate(spec::Activation func, const ActivateArgs &args, const ActivateRows &rows) {
    HWY_DYNAMIC_DISPATCH(activate)(func, args, rows);
}

void kernel_scale_and_add(const ActivateArgs &args) { HWY_DYNAMIC_DISPATCH(scale_and_add)(args); }

} // namespace neuron::chip
#endif // HWY_ONCE
