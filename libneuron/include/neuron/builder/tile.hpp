// SPDX-License-Identifier: MIT
/**
 * @file
 * Tiles in SBUF and PSUM, and scalars: numbers, registers, columns.
 */
#pragma once

#include <bit>
#include <concepts>

#include <neuron/builder/operand.hpp>
#include <neuron/builder/tables.hpp>

namespace neuron::builder {

/** Bytes of a partition that the largest chip has. */
constexpr std::int64_t room_of(spec::Space space) {
    return space == spec::Space::PSUM ? std::int64_t{spec::PSUM_BYTES} : most_sbuf_bytes;
}

/** A column has no dimensions: one element in each partition. */
template<spec::Space S, spec::Dtype D, SomePartitions P, class A, class W>
struct Tile {
    static constexpr spec::Space space = S;
    static constexpr spec::Dtype dtype = D;
    static constexpr bool column = W::rank == 0;
    static constexpr std::int64_t partitions = P::count;
    static constexpr std::int64_t elements = W::elements;
    static constexpr bool placed = A::fixed && W::fixed; ///< The compiler knows which bytes it covers.

    static constexpr std::int64_t low() { return A::offset + W::walk().low * element_bytes(D); }
    static constexpr std::int64_t high() { return A::offset + (W::walk().high + 1) * element_bytes(D); }

    [[no_unique_address]] P rows;
    [[no_unique_address]] A address;
    [[no_unique_address]] W walk;

    constexpr TileValue value() const {
        return {S, D, rows.first, rows.end, address.sum(), detail::padded<TileValue::most_dims>(walk), W::rank};
    }
};

namespace detail {

template<class T>
constexpr bool aligned_in_memory() {
    if constexpr (T::placed)
        return T::low() % element_bytes(T::dtype) == 0;
    else
        return true;
}
template<class T>
constexpr bool within_memory() {
    if constexpr (T::placed)
        return T::low() >= 0 && T::high() <= room_of(T::space);
    else
        return true;
}

template<spec::Space S, spec::Dtype D, class P, class A, class W>
constexpr auto make_tile(P rows, A address, W walk) {
    using T = Tile<S, D, P, A, W>;
    static_assert(element_bytes(D) != 0, "there is no such element type");
    static_assert(W::rank <= TileValue::most_dims, "a tile does not have so many dimensions");
    static_assert(T::elements == unknown || T::elements <= room_of(S) / element_bytes(D),
                  "a walk has at most as many elements as fit into a partition");
    static_assert(aligned_in_memory<T>(), "the byte offset is not a multiple of the element size");
    static_assert(within_memory<T>(), "the tile lies outside its memory");
    return T{rows, address, walk};
}

} // namespace detail

/** `sbuf<bf16>(partitions<0, 128>(), at<2048>(), dims<512>())`; without dimensions, a column. */
template<spec::Dtype D, SomePartitions P, class A, class W = FixedDims<>>
constexpr auto sbuf(P rows, A address, W walk = {}) {
    return detail::make_tile<spec::Space::SBUF, D>(rows, offset_of(address), walk);
}
/** `psum<f32>(partitions<128>(), bank<2>(), dims<512>())`. */
template<spec::Dtype D, SomePartitions P, class A, class W = FixedDims<>>
constexpr auto psum(P rows, A address, W walk = {}) {
    return detail::make_tile<spec::Space::PSUM, D>(rows, offset_of(address), walk);
}

// ---- scalars

/** One number for all partitions, or one in a register. */
template<spec::Dtype D, spec::ScalarKind K>
struct Scalar {
    static constexpr spec::Dtype dtype = D;
    static constexpr spec::ScalarKind kind = K;
    std::uint32_t bits = 0;
    Reg reg{};
};

/** `scalar<i32>(-3)`. A float is a scalar as it is. */
template<spec::Dtype D>
constexpr auto scalar(std::integral auto number) {
    static_assert(D == spec::Dtype::I32 || D == spec::Dtype::U32, "a whole number is an i32 or a u32");
    using Word = std::conditional_t<D == spec::Dtype::I32, std::int32_t, std::uint32_t>;
    return Scalar<D, spec::ScalarKind::IMM>{static_cast<std::uint32_t>(static_cast<Word>(number))};
}
template<spec::Dtype D>
constexpr auto scalar(std::same_as<float> auto number) {
    static_assert(D == spec::Dtype::F32, "a float is an f32");
    return Scalar<D, spec::ScalarKind::IMM>{std::bit_cast<std::uint32_t>(number)};
}
/** What the register holds, as a number of this type. */
template<spec::Dtype D>
constexpr auto scalar(Reg reg) {
    static_assert(D == spec::Dtype::F32 || D == spec::Dtype::I32 || D == spec::Dtype::U32,
                  "a register holds an f32, an i32 or a u32");
    return Scalar<D, spec::ScalarKind::REG>{0, reg};
}

namespace detail {

constexpr auto as_scalar(std::same_as<float> auto number) { return scalar<spec::Dtype::F32>(number); }
template<spec::Dtype D, spec::ScalarKind K>
constexpr auto as_scalar(Scalar<D, K> value) {
    return value;
}
template<spec::Space S, spec::Dtype D, class P, class A, class W>
constexpr auto as_scalar(Tile<S, D, P, A, W> tile) {
    static_assert(W::rank == 0, "a column has no dimensions: it is one element per partition");
    return tile;
}

template<spec::Dtype D, spec::ScalarKind K>
constexpr ScalarValue scalar_value(Scalar<D, K> value) {
    return {K, D, value.bits, value.reg, {}};
}
template<spec::Space S, spec::Dtype D, class P, class A, class W>
constexpr ScalarValue scalar_value(const Tile<S, D, P, A, W> &tile) {
    return {spec::ScalarKind::VECTOR, D, 0, {}, tile.value()};
}

} // namespace detail

} // namespace neuron::builder
