// SPDX-License-Identifier: MIT
/**
 * @file
 * Operands that depend on each other: blocks of memory on the tile they are
 * moved to or from, columns on the partitions of the tile.
 */
#pragma once

#include <utility>
#include <vector>

#include "mnemonics.hpp"
#include "tiles.hpp"

namespace neuron::encoding {

/** Operands of an instruction as they were read, in any order. */
struct ReadOperands {
    std::vector<std::pair<const spec::OperandDesc *, spec::Tile>> tiles;
    std::vector<std::pair<const spec::OperandDesc *, MemBlock>> mems;
    std::vector<std::pair<const spec::OperandDesc *, ScalarOperand>> columns;
};

/** Checks them against each other and stores the blocks of memory. False: an
 * error was reported. */
bool join_operands(const Mnemonic &mnemonic, const ReadOperands &read, InstructionBytes &bytes,
                   Diagnostics &diagnostics);

} // namespace neuron::encoding
