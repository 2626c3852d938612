// SPDX-License-Identifier: MIT
/**
 * @file
 * What the contract's tables forbid: engines, memories, element types, and what
 * a chip does not have yet.
 */
#pragma once

#include <string>

#include "diagnostics.hpp"
#include "mnemonics.hpp"
#include "symbols.hpp"

namespace neuron::assembler {

/** Judges one instruction on its engine, for the chip of symbols.profile if
 * there is one. Each check reports its error. */
class Limits {
public:
    /** symbols.engine must be set. All must outlive this. */
    Limits(const Mnemonic &mnemonic, const Symbols &symbols, Diagnostics &diagnostics)
        : mnemonic_(mnemonic), symbols_(symbols), diagnostics_(diagnostics) {}

    bool instruction(Position at);
    /** A tile or a column in this memory. */
    bool space(const spec::OperandDesc &operand, spec::Space space, Position at);
    bool dtype(const spec::OperandDesc &operand, spec::Dtype type, Position at);
    /** Partitions and elements per partition of a tile. */
    bool shape(const spec::OperandDesc &operand, const spec::Tile &tile, Position at);
    bool kind(const spec::OperandDesc &operand, spec::ScalarKind kind, Position at);
    /** A value of an enum or a flag. */
    bool value(const spec::OperandDesc &operand, const spec::EnumValueDesc &value, Position at);

private:
    bool fail(Position at, std::string message);
    /** Whether the chip has what came with version `since`; `what` begins the
   * message if not. */
    bool version(const std::string &what, unsigned since, Position at);

    const Mnemonic &mnemonic_;
    const Symbols &symbols_;
    Diagnostics &diagnostics_;
};

} // namespace neuron::assembler
