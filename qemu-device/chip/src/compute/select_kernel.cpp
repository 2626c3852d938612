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
#include "compute/tensor_op-inl.hpp"

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

// ---- ranges ----

// The maximum of a row in as many lanes as a vector has. A step is two vectors, which are stored together.
template<class Elements>
class RangeRow {
public:
    using Raw = typename Elements::Raw;

    HWY_INLINE RangeRow(const SelectRange &range, void *out, const void *in)
        : range_(range), out_(static_cast<Raw *>(out)), in_(static_cast<const Raw *>(in)) {
        const bool all = range.first == 0 && range.end == range.n;
        largest_[0] = largest_[1] = all ? hn::Set(F32(), Max::NEUTRAL) : other();
    }

    HWY_INLINE void run() {
        const std::size_t step = 2 * hn::Lanes(F32()), whole = range_.n / step * step;
        const auto below = [&](std::size_t i) HWY_ATTR { return i / step * step; };
        const auto above = [&](std::size_t i) HWY_ATTR { return smaller(below(i + step - 1), whole); };
        std::size_t i = 0;
        i = constant(i, smaller(below(range_.first), whole), step);
        i = boundary(i, above(range_.first), step);
        i = inside(i, smaller(below(range_.end), whole), step);
        i = boundary(i, above(range_.end), step);
        i = constant(i, whole, step);
        if (i < range_.n) {
            last(i);
        }
    }

    HWY_INLINE VecF32 largest() const { return Max::of(largest_[0], largest_[1]); }

private:
    static std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }
    HWY_INLINE VecF32 other() const { return hn::Set(F32(), range_.other); }

    HWY_INLINE std::size_t constant(std::size_t i, std::size_t to, std::size_t step) {
        const VecF32 value = other();
        for (; i < to; i += step) {
            Elements::store(value, value, out_ + i);
        }
        return i;
    }

    HWY_INLINE std::size_t inside(std::size_t i, std::size_t to, std::size_t step) {
        for (; i < to; i += step) {
            put(Elements::load_any(in_ + i), Elements::load_any(in_ + i + step / 2), out_ + i);
        }
        return i;
    }

    HWY_INLINE std::size_t boundary(std::size_t i, std::size_t to, std::size_t step) {
        for (; i < to; i += step) {
            put(chosen(in_ + i, i), chosen(in_ + i + step / 2, i + step / 2), out_ + i);
        }
        return i;
    }

    // What is left, in a copy: it has the numbers behind the row too, which count as outside and are not written.
    HWY_INLINE void last(std::size_t i) {
        Raw copy[2 * MAX_LANES] = {};
        std::memcpy(copy, in_ + i, (range_.n - i) * sizeof(Raw));
        const std::size_t lanes = hn::Lanes(F32());
        const VecF32 first = chosen(copy, i), second = chosen(copy + lanes, i + lanes);
        Elements::store(first, second, copy);
        if (range_.end > i) { // otherwise all are `other`, which is in already
            largest_[0] = Max::of(largest_[0], within(first, i));
            largest_[1] = Max::of(largest_[1], within(second, i + lanes));
        }
        std::memcpy(out_ + i, copy, (range_.n - i) * sizeof(Raw));
    }

    HWY_INLINE void put(VecF32 first, VecF32 second, Raw *out) {
        largest_[0] = Max::of(largest_[0], first);
        largest_[1] = Max::of(largest_[1], second);
        Elements::store(first, second, out);
    }

    // The lanes from index i on that are in the range.
    HWY_INLINE hn::Mask<F32> mask(std::size_t i) const {
        const I32 di;
        const VecI32 index = hn::Iota(di, static_cast<std::int32_t>(i));
        const VecI32 first = hn::Set(di, static_cast<std::int32_t>(range_.first));
        const VecI32 end = hn::Set(di, static_cast<std::int32_t>(range_.end));
        return hn::RebindMask(F32(), hn::AndNot(hn::Lt(index, first), hn::Lt(index, end)));
    }
    HWY_INLINE VecF32 chosen(const Raw *in, std::size_t i) const {
        return hn::IfThenElse(mask(i), Elements::load_any(in), other());
    }
    HWY_INLINE VecF32 within(VecF32 v, std::size_t i) const {
        return hn::IfThenElse(mask(i), v, hn::Set(F32(), Max::NEUTRAL));
    }

    const SelectRange &range_;
    Raw *out_;
    const Raw *in_;
    VecF32 largest_[2];
};

template<class Elements>
void range_row(const SelectRange &range, void *out, const void *in, float *lanes) {
    const F32 d;
    RangeRow<Elements> row(range, out, in);
    row.run();
    hn::StoreU(Max::of(hn::LoadU(d, lanes), row.largest()), d, lanes);
}

void range_rows(ElementKind kind, const SelectRange &range, void *out, const void *in, float *lanes) {
    kind == ElementKind::BF16 ? range_row<Bf16Elements>(range, out, in, lanes)
                              : range_row<F32Elements>(range, out, in, lanes);
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
HWY_EXPORT(range_rows);

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

void select_range(ElementKind kind, const SelectRange &range, void *out, const void *in, float *lanes) {
    HWY_DYNAMIC_DISPATCH(range_rows)(kind, range, out, in, lanes);
}

} // namespace neuron::chip
#endif // HWY_ONCE
