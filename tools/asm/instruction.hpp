// SPDX-License-Identifier: MIT
/**
 * @file
 * Reads one instruction: mnemonic, operands, wait, update.
 */
#pragma once

#include <optional>
#include <string>

#include <encoding/encoder.hpp>

#include "lexer.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

/** A label whose index is not known yet. */
struct LabelUse {
    const spec::OperandDesc *operand = nullptr;
    std::string label;
    Position where;
};

struct ReadInstruction {
    Encoded encoded;
    std::optional<LabelUse> label;
};

/** Empty: errors were reported. symbols.engine must be set. */
std::optional<ReadInstruction> read_instruction(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

} // namespace neuron::assembler
