// SPDX-License-Identifier: MIT
/**
 * @file
 * What stands behind the operands: `wait s1>=2`, `take s1>=2`, `then s1+=2`.
 */
#pragma once

#include "lexer.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

bool at_suffix(const Cursor &cursor);

/** Fills in wait and update, at most one of each. False: an error was reported.
 */
bool read_suffixes(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, spec::InstructionHeader &header);

} // namespace neuron::assembler
