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

#include <encoding/tiles.hpp>

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

/** Sum of constant terms and at most one register, `rN` or, where allowed, `rN << shift`. */
std::optional<Address> read_address(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics,
                                    bool shift_allowed);

/** `space.dtype[first:end, address` of a tile of one element per partition. */
std::optional<spec::Tile> read_tile_head(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

/** `space.dtype[first:end, address, dims…]`. */
std::optional<spec::Tile> read_tile(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

/** `PARAM.dtype[address, rows@stride, dims…]`. Rows and dimensions may be left out where only `one_element` makes sense. */
std::optional<MemBlock> read_mem(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, bool one_element);

/** Number of a launch argument: a parameter's name, `argN`, or a number. */
std::optional<std::uint32_t> read_argument(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

} // namespace neuron::assembler
