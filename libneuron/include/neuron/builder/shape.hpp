// SPDX-License-Identifier: MIT
/**
 * @file
 * Partitions, offsets and dimensions: fixed ones, which the compiler checks, and others, which are checked when they are used.
 */
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>

#include <neuron/builder/address.hpp>
#include <neuron/builder/geometry.hpp>

namespace neuron::builder {

/** A count that is not known to the compiler. */
inline constexpr std::int64_t unknown = -1;

// ---- partitions

template<std::int64_t First, std::int64_t End>
struct FixedPartitions {
    static constexpr bool fixed = true;
    static constexpr std::int64_t count = End - First;
    static constexpr std::int64_t first = First;
    static constexpr std::int64_t end = End;
};

struct Partitions {
    static constexpr bool fixed = false;
    static constexpr std::int64_t count = unknown;
    std::int64_t first = 0;
    std::int64_t end = 0;
};

template<class T>
concept SomePartitions = requires {
    T::count;
}
&&std::same_as<std::remove_cv_t<decltype(T::fixed)>, bool>;

/** Partitions First to End - 1. */
template<std::int64_t First, std::int64_t End>
constexpr auto partitions() {
    static_assert(First >= 0 && First < End && End <= spec::PARTITIONS, "a core does not have these partitions");
    static_assert(
        partitions_fit(First, End),
        "so many partitions may not start there: up to a quarter of all start at a multiple of a quarter, up to a "
        "half at a multiple of a half, more at 0");
    return FixedPartitions<First, End>{};
}
template<std::int64_t End>
constexpr auto partitions() {
    return partitions<0, End>();
}
constexpr Partitions partitions(std::int64_t first, std::int64_t end) { return {first, end}; }
constexpr Partitions partitions(std::int64_t end) { return {0, end}; }

// ---- byte offsets of tiles

template<std::int64_t Offset>
struct FixedOffset {
    static constexpr bool fixed = true;
    static constexpr std::int64_t offset = Offset;
    static constexpr Sum sum() { return Sum(Offset); }
};

struct Offset {
    static constexpr bool fixed = false;
    Sum value;
    constexpr Sum sum() const { return value; }
};

/** A byte offset that the compiler knows. Others are numbers and sums as they are. */
template<std::int64_t N>
constexpr auto at() {
    static_assert(N >= 0, "a byte offset is not negative");
    return FixedOffset<N>{};
}
/** Start of a bank of PSUM. */
template<std::int64_t N>
constexpr auto bank() {
    static_assert(N >= 0 && N < spec::PSUM_BANKS, "PSUM does not have so many banks");
    return FixedOffset<N * spec::PSUM_BANK_BYTES>{};
}

template<std::int64_t N>
constexpr FixedOffset<N> offset_of(FixedOffset<N> offset) {
    return offset;
}
constexpr Offset offset_of(Sum sum) { return {sum}; }

// ---- dimensions

/** So many indices, each `step` from the one before; without a step, dense around the dimensions inside it. */
struct Dim {
    static constexpr std::int64_t dense = std::numeric_limits<std::int64_t>::min();
    std::int64_t num;
    std::int64_t step;
    constexpr Dim(std::integral auto n, std::int64_t s = dense) // NOLINT(google-explicit-constructor): `dims<512>()`
        : num(static_cast<std::int64_t>(n)), step(s) {}
};

/** Dimensions, outermost first. */
template<Dim... D>
struct FixedDims {
    static constexpr bool fixed = true;
    static constexpr std::size_t rank = sizeof...(D);
    static constexpr std::array<Dim, rank> list = {D...};
    static constexpr std::int64_t elements = (D.num * ... * std::int64_t{1});

    /** The walk's first and last element, counted from where it starts. */
    struct Walk {
        std::int64_t low = 0;
        std::int64_t high = 0;
    };
    static constexpr Walk walk() {
        Walk out;
        std::int64_t next = 1;
        for (std::size_t i = rank; i-- > 0;) {
            const Dim &dim = list[i];
            if (dim.num == 1)
                continue;
            const std::int64_t step = dim.step == Dim::dense ? next : dim.step;
            (step < 0 ? out.low : out.high) += (dim.num - 1) * step;
            next = dim.num * step;
        }
        return out;
    }
};

template<std::size_t Rank>
struct Dims {
    static constexpr bool fixed = false;
    static constexpr std::size_t rank = Rank;
    static constexpr std::int64_t elements = unknown;
    std::array<Dim, Rank> list;
};

template<Dim... D>
constexpr auto dims() {
    static_assert(((D.num >= 1) && ...), "a dimension is at least 1");
    return FixedDims<D...>{};
}
template<std::convertible_to<Dim>... D>
requires(sizeof...(D) > 0) constexpr auto dims(D... list) { return Dims<sizeof...(D)>{{Dim(list)...}}; }

} // namespace neuron::builder
