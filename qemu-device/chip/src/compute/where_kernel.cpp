// SPDX-License-Identifier: MIT
// Rows whose elements are written where a predicate holds.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/where_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/move_kernel.hpp"
#include "compute/prefetch.hpp"

#include <cstring>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// As many elements as a vector has of the larger type.
template<class T, class P>
using Larger = std::conditional_t<(sizeof(P) > sizeof(T)), P, T>;
constexpr std::size_t MAX_BYTES = 64; // of a vector
template<class T, class P>
using Elements = hn::Rebind<T, hn::CappedTag<Larger<T, P>, MAX_BYTES / sizeof(Larger<T, P>)>>;

/// For each element of a vector of T whether its predicate is 0.
template<class T, class P>
HWY_INLINE hn::Mask<Elements<T, P>> is_zero(const P *predicate) {
    const Elements<T, P> d;
    const Elements<P, T> dp;
    const auto holds = hn::LoadU(dp, predicate);
    if constexpr (sizeof(P) == sizeof(T)) {
        return hn::Eq(holds, hn::Zero(d));
    } else if constexpr (sizeof(P) < sizeof(T)) {
        return hn::Eq(hn::PromoteTo(d, holds), hn::Zero(d));
    } else { // 0 or 1: no bit gets lost
        const auto flag = hn::BitCast(hn::RebindToSigned<decltype(dp)>(), hn::Min(holds, hn::Set(dp, 1)));
        return hn::Eq(hn::DemoteTo(d, flag), hn::Zero(d));
    }
}

template<class T>
struct CopyFrom {
    const T *in;

    template<class D>
    HWY_INLINE hn::Vec<D> vector(D d, std::size_t i) const {
        return hn::LoadU(d, in + i);
    }
    HWY_INLINE T one(std::size_t i) const { return in[i]; }
};

template<class T>
struct Constant {
    T value;

    template<class D>
    HWY_INLINE hn::Vec<D> vector(D d, std::size_t) const {
        return hn::Set(d, value);
    }
    HWY_INLINE T one(std::size_t) const { return value; }
};

template<bool INVERT, class T, class P, class Source>
HWY_INLINE void write_row(T *out, const Source &source, const P *predicate, std::size_t n) {
    const Elements<T, P> d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        const auto zero = is_zero<T, P>(predicate + i);
        const auto kept = hn::LoadU(d, out + i), written = source.vector(d, i);
        hn::StoreU(INVERT ? hn::IfThenElse(zero, written, kept) : hn::IfThenElse(zero, kept, written), d, out + i);
    }
    for (; i < n; ++i) {
        if ((predicate[i] == 0) == INVERT) {
            out[i] = source.one(i);
        }
    }
}

template<class T>
struct CopyRows {
    const std::byte *in;

    CopyFrom<T> of(const RowSteps &rows, std::size_t row) const {
        return {reinterpret_cast<const T *>(in + row * rows.a)};
    }
    void prefetch(const RowSteps &rows, std::size_t row) const { prefetch_row<false>(in + row * rows.a); }
};

template<class T>
struct Constants {
    const std::uint32_t *bits;

    Constant<T> of(const RowSteps &, std::size_t row) const { return {static_cast<T>(bits[row])}; }
    void prefetch(const RowSteps &, std::size_t) const {}
};

template<bool INVERT, class T, class P, class Sources>
void write_rows(const RowSteps &rows, std::byte *out, const Sources &sources, const std::byte *predicate,
                std::size_t n) {
    for (std::size_t row = 0; row < rows.count; ++row, out += rows.out, predicate += rows.b) {
        if (row + 1 < rows.count) {
            prefetch_row<true>(out + rows.out);
            prefetch_row<false>(predicate + rows.b);
            sources.prefetch(rows, row + 1);
        }
        write_row<INVERT>(reinterpret_cast<T *>(out), sources.of(rows, row), reinterpret_cast<const P *>(predicate), n);
    }
}

template<class T, class P, class Sources>
void with_invert(bool invert, const RowSteps &rows, std::byte *out, const Sources &sources, const std::byte *predicate,
                 std::size_t n) {
    invert ? write_rows<true, T, P>(rows, out, sources, predicate, n)
           : write_rows<false, T, P>(rows, out, sources, predicate, n);
}

template<class T, class Sources>
void with_predicate(const Predicate &what, const RowSteps &rows, std::byte *out, const Sources &sources,
                    const std::byte *predicate, std::size_t n) {
    switch (what.predicate_bytes) {
    case 1: return with_invert<T, std::uint8_t>(what.invert, rows, out, sources, predicate, n);
    case 2: return with_invert<T, std::uint16_t>(what.invert, rows, out, sources, predicate, n);
    default: return with_invert<T, std::uint32_t>(what.invert, rows, out, sources, predicate, n);
    }
}

template<template<class> class Sources, class From>
void with_element(const Predicate &what, const RowSteps &rows, std::byte *out, From from, const std::byte *predicate,
                  std::size_t n) {
    switch (what.element_bytes) {
    case 1: return with_predicate<std::uint8_t>(what, rows, out, Sources<std::uint8_t>{from}, predicate, n);
    case 2: return with_predicate<std::uint16_t>(what, rows, out, Sources<std::uint16_t>{from}, predicate, n);
    default: return with_predicate<std::uint32_t>(what, rows, out, Sources<std::uint32_t>{from}, predicate, n);
    }
}

void copy_where(const Predicate &what, const RowSteps &rows, std::byte *out, const std::byte *in,
                const std::byte *predicate, std::size_t n) {
    with_element<CopyRows>(what, rows, out, in, predicate, n);
}

void fill_where(const Predicate &what, const RowSteps &rows, std::byte *out, const std::uint32_t *bits,
                const std::byte *predicate, std::size_t n) {
    with_element<Constants>(what, rows, out, bits, predicate, n);
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(copy_where);
HWY_EXPORT(fill_where);

void copy_rows_where(const Predicate &what, const RowSteps &rows, std::byte *out, const std::byte *in,
                     const std::byte *predicate, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(copy_where)(what, rows, out, in, predicate, n);
}

void fill_rows_where(const Predicate &what, const RowSteps &rows, std::byte *out, const std::uint32_t *bits,
                     const std::byte *predicate, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(fill_where)(what, rows, out, bits, predicate, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
