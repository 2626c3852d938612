// SPDX-License-Identifier: MIT
/**
 * @file
 * What the compiler knows of operands, for the checks that the generated instructions make. A count that it does not know
 * passes: the library checks it.
 */
#pragma once

#include <neuron/builder/tensor.hpp>
#include <neuron/builder/tile.hpp>

namespace neuron::builder::detail {

template<class T>
constexpr bool is_tile = false;
template<spec::Space S, spec::Dtype D, class P, class A, class W>
constexpr bool is_tile<Tile<S, D, P, A, W>> = W::rank != 0;

template<class T>
constexpr bool is_column = false;
template<spec::Space S, spec::Dtype D, class P, class A, class W>
constexpr bool is_column<Tile<S, D, P, A, W>> = W::rank == 0;

template<class T>
constexpr bool is_mem = false;
template<spec::Dtype D, bool Named, std::int64_t Rows, std::int64_t Elements>
constexpr bool is_mem<Mem<D, Named, Rows, Elements>> = true;

template<class T>
constexpr bool is_number = false;
template<spec::Dtype D, spec::ScalarKind K>
constexpr bool is_number<Scalar<D, K>> = true;

template<class T>
constexpr bool is_scalar = is_column<T> || is_number<T> || std::same_as<T, float>;

// What is no operand of the kind passes the other checks, so that there is one error and not many.

template<class T>
constexpr bool lies_in(std::uint32_t spaces) {
    if constexpr (is_tile<T> || is_column<T>)
        return in_set(spaces, T::space);
    else
        return true;
}

template<class T>
constexpr bool has_type(std::uint32_t dtypes) {
    if constexpr (is_tile<T> || is_column<T> || is_mem<T> || is_number<T>)
        return in_set(dtypes, T::dtype);
    else
        return !std::same_as<T, float> || in_set(dtypes, spec::Dtype::F32);
}

template<class T>
constexpr bool has_kind(std::uint32_t kinds) {
    if constexpr (is_column<T>)
        return in_set(kinds, spec::ScalarKind::VECTOR);
    else if constexpr (is_number<T>)
        return in_set(kinds, T::kind);
    else
        return !std::same_as<T, float> || in_set(kinds, spec::ScalarKind::IMM);
}

constexpr bool may_be(std::int64_t count, const spec::RangeDesc &range) {
    return count == unknown || range.holds(count);
}

template<class T>
constexpr std::int64_t partitions_of() {
    if constexpr (is_tile<T> || is_column<T>)
        return T::partitions;
    else if constexpr (is_mem<T>)
        return T::rows;
    else
        return unknown;
}

template<class T>
constexpr std::int64_t elements_of() {
    if constexpr (is_tile<T> || is_mem<T>)
        return T::elements;
    else
        return unknown;
}

template<class T>
constexpr bool in_a_bank() {
    if constexpr (is_tile<T>)
        if constexpr (T::placed)
            return in_one_bank(T::low(), T::high());
    return true;
}

template<class T>
constexpr bool in_psum() {
    if constexpr (is_tile<T> || is_column<T>)
        return T::space == spec::Space::PSUM;
    else
        return false;
}

constexpr bool same(std::int64_t a, std::int64_t b) { return a == unknown || b == unknown || a == b; }

template<class A, class B>
constexpr bool same_partitions = same(partitions_of<A>(), partitions_of<B>());
template<class A, class B>
constexpr bool same_elements = same(elements_of<A>(), elements_of<B>());

template<class A, class B>
constexpr bool same_size() {
    if constexpr (is_tile<A> && is_tile<B>)
        return element_bytes(A::dtype) == element_bytes(B::dtype);
    else
        return true;
}

/** A block that does not name its type has elements of the tile's. */
template<class M, class T>
constexpr bool type_agrees() {
    if constexpr (is_mem<M> && is_tile<T>)
        return M::named || M::dtype == T::dtype;
    else
        return true;
}

/** With a tile, a block that names no type takes the tile's. */
template<bool WithTile, class M>
constexpr Operand mem_operand(const M &mem) {
    MemValue out = mem.value;
    if (WithTile && !M::named)
        out.dtype.reset();
    return out;
}

} // namespace neuron::builder::detail
