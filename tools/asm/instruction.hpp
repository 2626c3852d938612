// SPDX-License-Identifier: MIT
/**
 * @file
 * Reads one instruction: mnemonic, operands, wait, update.
 */
#pragma once

#include <optional>
#include <string>

#include "lexer.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

/** A label whose index is not known yet. */
struct LabelUse {
    const spec::OperandDesc *operand = nullptr;
    std::string label;
    Position where;
};

struct Encoded {
    InstructionBytes bytes{};
    std::optional<LabelUse> label;
    std::uint32_t sbuf_end = 0;    ///< First byte behind what the tiles in SBUF cover for certain.
    bool sbuf_by_register = false; ///< A tile in SBUF moves with a register.
};

/** Empty: errors were reported. symbols.engine must be set. */
std::optional<Encoded> read_instruction(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics);

} // namespace neuron::assembler
