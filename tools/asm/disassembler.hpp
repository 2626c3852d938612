// SPDX-License-Identifier: MIT
/**
 * @file
 * Kernel to text that assembles to the same bytes.
 */
#pragma once

#include <string>

#include "encoding.hpp"

namespace neuron::assembler {

struct DisassembleOptions {
    bool addresses = false; ///< Index and byte offset of each instruction, as a comment.
    bool bytes = false;     ///< Bytes of each instruction, as a comment.
};

/**
 * The whole kernel. Instructions that have no text (unknown opcode, a reserved field that is not zero, an operand out of
 * range) come out as `.raw`, so any instruction has a text. Has no state: any thread may call it.
 */
std::string disassemble(const KernelImage &image, const DisassembleOptions &options = {});

/**
 * One instruction, with the names of the image's parameters and labels; empty for an unknown opcode.
 * Not checked: the text may fail to assemble if the instruction breaks a rule.
 */
std::string instruction_text(const InstructionBytes &bytes, const KernelImage &image, spec::Engine engine);

} // namespace neuron::assembler
