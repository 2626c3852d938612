// SPDX-License-Identifier: MIT
/**
 * @file
 * Constant expressions: C's operators and precedence on 64-bit signed integers, checked for overflow.
 */
#pragma once

#include <cstdint>
#include <optional>

#include "lexer.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

/** How much of an expression to read. */
enum class Level : std::uint8_t {
    full,    ///< Everything.
    term,    ///< Up to `*`, `/`, `%`: a term of a sum.
    primary, ///< A number, a name, a call, or something in parentheses.
};

/** Reads and computes an expression. Empty: an error was reported. */
std::optional<std::int64_t> evaluate(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics,
                                     Level level = Level::full);

} // namespace neuron::assembler
