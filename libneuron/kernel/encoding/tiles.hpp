// SPDX-License-Identifier: MIT
/**
 * @file
 * Tiles, blocks of memory and scalars from their parts, with what the contract says of each by itself.
 */
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include <neuron/spec.hpp>

#include "diagnostics.hpp"

namespace neuron::encoding {

template<class T>
constexpr spec::RangeDesc range_of_type = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};

/** What an address is the sum of. */
struct Address {
    std::int64_t offset = 0;
    std::uint32_t reg = 0;   ///< 0: none.
    std::uint32_t shift = 0; ///< Of the register.
    Position where;
};

/** So many indices, each `step` from the one before. */
struct Dimension {
    std::int64_t num = 0;
    std::optional<std::int64_t> step; ///< Empty: dense around the dimensions inside it.
    Position where;
};

/** A block of memory before the tile of its instruction is known. */
struct MemBlock {
    std::uint32_t arg = 0;
    std::optional<spec::Dtype> dtype; ///< Empty: that of the tile.
    Address address;
    Dimension rows;
    std::vector<Dimension> dims; ///< Outermost first.
    Position where;
};

/** A scalar, and what the instruction's tile must agree with. */
struct ScalarOperand {
    spec::Scalar scalar;
    std::uint32_t partitions = 0; ///< Of a column, otherwise 0. The instruction's tile has as many.
    Position where;
};

/** A column of so many partitions, `head` being a tile without dimensions. */
ScalarOperand column(const spec::Tile &head);
/** The scalar that stands for one that is left out: +0 in fp32. */
spec::Scalar no_scalar();
/** A column as a tile of one element per partition. */
spec::Tile column_tile(const spec::Scalar &scalar, std::uint32_t partitions);

// Each reports its error and is false, or empty, then.

/** Partitions first to end - 1. */
bool check_partitions(std::int64_t first, std::int64_t end, Position at, Diagnostics &diagnostics);

/** A tile of one element per partition; the partitions are checked already. */
std::optional<spec::Tile> tile_head(spec::Space space, spec::Dtype dtype, std::int64_t first, std::int64_t end,
                                    const Address &address, Diagnostics &diagnostics);

/** Whether the tile lies in its memory, as far as can be said without its register: in that of `profile`, or of the largest
 * chip. */
bool check_tile(const spec::Tile &tile, const spec::ProfileDesc *profile, Position at, Diagnostics &diagnostics);

/** Gives the tile its dimensions, outermost first, and checks it. */
bool place_tile(spec::Tile &tile, const std::vector<Dimension> &dims, const spec::ProfileDesc *profile, Position at,
                Diagnostics &diagnostics);

/** Bytes of each partition that a tile without a register covers: from low to high - 1. */
struct Extent {
    std::int64_t low = 0;
    std::int64_t high = 0;
};
Extent extent_of(const spec::Tile &tile);

/** First byte behind what the tile covers in SBUF without its register; 0 for a tile in PSUM. */
std::uint32_t sbuf_end(const spec::Tile &tile);

/** What a block of memory must agree with. */
struct BlockShape {
    std::int64_t rows = 0;
    std::int64_t elements = 0;  ///< Per row.
    std::string_view rows_text; ///< "the tile has {} partitions", for messages.
    std::string_view elements_text;
};

/** The block with its default strides, for elements of `type` where it names none itself. */
std::optional<spec::Mem> place_mem(const MemBlock &block, spec::Dtype type, Diagnostics &diagnostics);
bool check_mem(const MemBlock &block, const spec::Mem &mem, const BlockShape &shape, Diagnostics &diagnostics);

/** Elements per row, or per partition; saturates. */
std::int64_t elements_of(const spec::Mem &mem);
std::int64_t elements_of(const spec::Tile &tile);

/** "there is no register r64; they are r0..r63"; likewise for semaphores and launch arguments. */
std::optional<std::uint32_t> register_number(std::int64_t value, Position at, Diagnostics &diagnostics);
std::optional<std::uint32_t> semaphore_number(std::int64_t value, Position at, Diagnostics &diagnostics);
/** "semaphore value is -1: at least 0". */
std::optional<std::uint32_t> semaphore_value(std::int64_t value, Position at, Diagnostics &diagnostics);
std::optional<std::uint32_t> argument_number(std::int64_t value, Position at, Diagnostics &diagnostics);

} // namespace neuron::encoding
