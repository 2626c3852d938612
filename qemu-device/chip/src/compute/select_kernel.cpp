// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/select_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/select_kernel.hpp"
#include "compute/f32_simd-inl.hpp"

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

using MaskI32 = hn::Mask<I32>;

// One vector of results: `holds` chooses `in`.
HWY_INLINE void select_store(MaskI32 holds, const float *in, float other, float *out) {
    const F32 d;
    hn::StoreU(canonical_nan(hn::IfThenElse(hn::RebindMask(d, holds), hn::LoadU(d, in), hn::Set(d, other))), d, out);
}

template<class T>
HWY_INLINE VecI32 load_predicate(const T *predicate) {
    return hn::PromoteTo(I32(), hn::LoadU(hn::Rebind<T, I32>(), predicate));
}

template<bool INVERT, class T>
void select_loop(float *out, const float *in, const T *predicate, float other, std::size_t n) {
    const F32 d;
    const I32 di;
    const std::size_t lanes = hn::Lanes(d);
    const auto step = [&](float *to, const float *from, const T *holds) HWY_ATTR {
        const auto zero = hn::RebindMask(d, hn::Eq(load_predicate(holds), hn::Zero(di)));
        const auto element = hn::LoadU(d, from);
        const auto constant = hn::Set(d, other);
        const auto chosen = INVERT ? hn::IfThenElse(zero, element, constant) : hn::IfThenElse(zero, constant, element);
        hn::StoreU(canonical_nan(chosen), d, to);
    };
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        step(out + i, in + i, predicate + i);
    }
    if (i < n) {
        float last[MAX_LANES] = {};
        T holds[MAX_LANES] = {};
        std::memcpy(last, in + i, (n - i) * sizeof(float));
        std::memcpy(holds, predicate + i, (n - i) * sizeof(T));
        step(last, last, holds);
        std::memcpy(out + i, last, (n - i) * sizeof(float));
    }
}

template<class T>
void select_of(float *out, const float *in, const std::byte *predicate, bool invert, float other, std::size_t n) {
    const auto *const holds = reinterpret_cast<const T *>(predicate);
    invert ? select_loop<true>(out, in, holds, other, n) : select_loop<false>(out, in, holds, other, n);
}

void select_rows(float *out, const float *in, const std::byte *predicate, std::size_t predicate_bytes, bool invert,
                 float other, std::size_t n) {
    if (predicate_bytes == 1) {
        select_of<std::uint8_t>(out, in, predicate, invert, other, n);
    } else {
        select_of<std::uint16_t>(out, in, predicate, invert, other, n);
    }
}

// Wraps like the vectors do.
std::int32_t times(std::int32_t step, std::size_t count) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(step) * static_cast<std::uint32_t>(count));
}

std::int32_t plus(std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

// The affine numbers of consecutive elements, a vector at a time.
class Affine {
public:
    HWY_INLINE Affine(std::int32_t first, std::int32_t step) {
        const I32 di;
        value_ = hn::Add(hn::Set(di, first), hn::Mul(hn::Iota(di, 0), hn::Set(di, step)));
        step_ = hn::Set(di, times(step, hn::Lanes(di)));
    }
    HWY_INLINE VecI32 next() {
        const VecI32 value = value_;
        value_ = hn::Add(value_, step_);
        return value;
    }

private:
    VecI32 value_;
    VecI32 step_;
};

void fill_affine(std::int32_t *out, std::int32_t first, std::int32_t step, std::size_t n) {
    const I32 di;
    const std::size_t lanes = hn::Lanes(di);
    Affine affine(first, step);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        hn::StoreU(affine.next(), di, out + i);
    }
    for (; i < n; ++i) {
        out[i] = plus(first, times(step, i));
    }
}

template<class Compare>
HWY_INLINE void affine_loop(float *out, const float *in, std::int32_t first, std::int32_t step, float other,
                            std::size_t n, Compare compare) {
    const std::size_t lanes = hn::Lanes(I32());
    Affine affine(first, step);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        select_store(compare(affine.next()), in + i, other, out + i);
    }
    if (i < n) {
        float last[MAX_LANES] = {};
        std::memcpy(last, in + i, (n - i) * sizeof(float));
        select_store(compare(affine.next()), last, other, last);
        std::memcpy(out + i, last, (n - i) * sizeof(float));
    }
}

void select_affine(spec::TensorOp cmp, float *out, const float *in, std::int32_t first, std::int32_t step, float other,
                   std::size_t n) {
    const auto run = [&](auto compare) HWY_ATTR { affine_loop(out, in, first, step, other, n, compare); };
    switch (cmp) {
    case spec::TensorOp::IS_EQUAL: return run([](VecI32 v) HWY_ATTR { return hn::Eq(v, hn::Zero(I32())); });
    case spec::TensorOp::NOT_EQUAL: return run([](VecI32 v) HWY_ATTR { return hn::Ne(v, hn::Zero(I32())); });
    case spec::TensorOp::IS_GT: return run([](VecI32 v) HWY_ATTR { return hn::Gt(v, hn::Zero(I32())); });
    case spec::TensorOp::IS_GE: return run([](VecI32 v) HWY_ATTR { return hn::Gt(v, hn::Set(I32(), -1)); });
    case spec::TensorOp::IS_LT: return run([](VecI32 v) HWY_ATTR { return hn::Lt(v, hn::Zero(I32())); });
    default: return run([](VecI32 v) HWY_ATTR { return hn::Lt(v, hn::Set(I32(), 1)); });
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(select_rows);
HWY_EXPORT(fill_affine);
HWY_EXPORT(select_affine);

void select_where(float *out, const float *in, const std::byte *predicate, std::size_t predicate_bytes, bool invert,
                  float other, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(select_rows)(out, in, predicate, predicate_bytes, invert, other, n);
}

void affine_fill(std::int32_t *out, std::int32_t first, std::int32_t step, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(fill_affine)(out, first, step, n);
}

void affine_select(spec::TensorOp cmp, float *out, const float *in, std::int32_t first, std::int32_t step, float other,
                   std::size_t n) {
    HWY_DYNAMIC_DISPATCH(select_affine)(cmp, out, in, first, step, other, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
