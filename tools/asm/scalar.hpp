// SPDX-License-Identifier: MIT
/**
 * @file
 * Numbers in fp32 and scalar operands: a number, a register, or a column with
 * one value per partition.
 */
#pragma once

#include <cstdint>
#include <optional>

#include <encoding/tiles.hpp>

#include "lexer.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

/** `1.5`, `-inf`, `nan`, `3`, or bits: `f32:0x7fc00001`. Empty: an error was
 * reported. */
std::optional<std::uint32_t> read_fp32(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

/** What read_fp32() reads, `i32:-3`, `u32:7`, `f32:r5`, or a column:
 * `sbuf.f32[first:end, address]`. */
std::optional<ScalarOperand> read_scalar(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

} // namespace neuron::assembler
