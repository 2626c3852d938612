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

/** `space.dtype[first:end, address, dims…]`. */
std::optional<spec::Tile> read_tile(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

/** First byte behind what the tile covers in SBUF without its register; 0 for a tile in PSUM. */
std::uint32_t sbuf_end(const spec::Tile &tile);

/** `PARAM[address, rows@stride, dims…]` before the tile of the instruction is known. */
struct MemText {
    std::uint32_t arg = 0;
    Address address;
    Dimension rows;
    std::vector<Dimension> dims; ///< Outermost first.
    Position where;
};
std::optional<MemText> read_mem(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

/** Fills in the default strides, and checks the block against the tile it is moved to or from. */
std::optional<spec::Mem> resolve_mem(const MemText &text, const spec::Tile &tile, Diagnostics &diagnostics);

/** Number of a launch argument: a parameter's name, `argN`, or a number. */
std::optional<std::uint32_t> read_argument(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

} // namespace neuron::assembler
