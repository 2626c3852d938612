// SPDX-License-Identifier: MIT
/**
 * @file
 * Operands without their types: what the library gets when the compiler has done its part.
 */
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include <neuron/builder/address.hpp>
#include <neuron/builder/shape.hpp>

namespace neuron::builder {

struct TileValue {
    static constexpr std::size_t most_dims = decltype(spec::Tile{}.num){}.size();
    spec::Space space{};
    spec::Dtype dtype{};
    std::int64_t first = 0;
    std::int64_t end = 0;
    Sum address{0};
    std::array<Dim, most_dims> dims = {1, 1, 1, 1}; ///< Outermost first.
    std::size_t rank = 0;                           ///< 0: a column.
};

struct MemValue {
    static constexpr std::size_t most_dims = decltype(spec::Mem{}.num){}.size();
    std::uint32_t arg = 0;
    std::optional<spec::Dtype> dtype; ///< Empty: that of the tile.
    Shifted address{0};
    Dim rows{1};
    std::array<Dim, most_dims> dims = {1, 1, 1};
    std::size_t rank = 0;
};

struct ScalarValue {
    spec::ScalarKind kind = spec::ScalarKind::IMM;
    spec::Dtype dtype = spec::Dtype::F32;
    std::uint32_t bits = 0; ///< IMM.
    Reg reg{};              ///< REG.
    TileValue column{};     ///< VECTOR.
};

struct LabelName {
    std::string_view name;
};

/** Numbers, enumerators, flags, bools, bits of an fp32 and launch arguments are integers. */
using Operand =
    std::variant<std::int64_t, Reg, Sum, TileValue, MemValue, ScalarValue, LabelName, std::span<const std::int64_t>>;

namespace detail {

template<std::size_t Most, class D>
constexpr std::array<Dim, Most> padded(const D &dims) {
    static_assert(D::rank <= Most, "too many dimensions");
    std::array<Dim, Most> out = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<Dim, Most>{((void)I, Dim(1))...};
    }
    (std::make_index_sequence<Most>{});
    for (std::size_t i = 0; i < D::rank; ++i)
        out[i] = dims.list[i];
    return out;
}

} // namespace detail

} // namespace neuron::builder
