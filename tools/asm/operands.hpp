// SPDX-License-Identifier: MIT
/**
 * @file
 * Reads the operands of one instruction.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "expression.hpp"
#include "lexer.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

/** A name that must be a register or an alias of one; "r[expression]" counts. Empty: error reported. */
std::optional<std::uint32_t> read_register(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);
/** The same for semaphores. */
std::optional<std::uint32_t> read_semaphore(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);
/** Whether a register stands next. */
bool at_register(const Cursor &cursor, const Symbols &symbols);
bool at_semaphore(const Cursor &cursor, const Symbols &symbols);

/** What an address is the sum of. */
struct Address {
    std::int64_t offset = 0;
    std::uint32_t reg = 0;   ///< 0: none.
    std::uint32_t shift = 0; ///< Of the register.
    Position where;
};

/** Sum of constant terms and at most one register, `rN` or, where allowed, `rN << shift`. */
std::optional<Address> read_address(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics,
                                    bool shift_allowed);

/** `num` or `num@step`. */
struct Dimension {
    std::int64_t num = 0;
    std::optional<std::int64_t> step;
    Position where;
};

/** `space.dtype[first:end, address` of a tile of one element per partition. */
std::optional<spec::Tile> read_tile_head(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

/** Whether the tile lies in its memory, as far as can be said without its register: in that of `profile`, or of the largest
 * chip. */
bool check_tile(const spec::Tile &tile, const spec::ProfileDesc *profile, Position at, Diagnostics &diagnostics);

/** `space.dtype[first:end, address, dims…]`. */
std::optional<spec::Tile> read_tile(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

/** First byte behind what the tile covers in SBUF without its register; 0 for a tile in PSUM. */
std::uint32_t sbuf_end(const spec::Tile &tile);

/** `PARAM.dtype[address, rows@stride, dims…]` before the tile of the
 * instruction is known. */
struct MemText {
    std::uint32_t arg = 0;
    std::optional<spec::Dtype> dtype; ///< Empty: that of the tile.
    Address address;
    Dimension rows;
    std::vector<Dimension> dims; ///< Outermost first.
    Position where;
};
/** Rows and dimensions may be left out where only `one_element` makes sense. */
std::optional<MemText> read_mem(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, bool one_element);

/** What a block of memory must agree with. */
struct BlockShape {
    std::int64_t rows = 0;
    std::int64_t elements = 0;  ///< Per row.
    std::string_view rows_text; ///< "the tile has {} partitions", for messages.
    std::string_view elements_text;
};

/** The block with its default strides, for elements of `type` where it names
 * none itself. */
std::optional<spec::Mem> place_mem(const MemText &text, spec::Dtype type, Diagnostics &diagnostics);
bool check_mem(const MemText &text, const spec::Mem &mem, const BlockShape &shape, Diagnostics &diagnostics);

/** Elements per row, or per partition; saturates. */
std::int64_t elements_of(const spec::Mem &mem);
std::int64_t elements_of(const spec::Tile &tile);

/** Number of a launch argument: a parameter's name, `argN`, or a number. */
std::optional<std::uint32_t> read_argument(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

} // namespace neuron::assembler
