// SPDX-License-Identifier: MIT
// Where operands sit in an instruction: what ILLEGAL_OPERAND and TILE_RANGE carry.
#ifndef NEURON_CHIP_COMPUTE_OPERAND_OFFSET_HPP
#define NEURON_CHIP_COMPUTE_OPERAND_OFFSET_HPP

#include "neuron/spec.hpp"

#include <cstdint>
#include <string_view>

namespace neuron::chip {

/// Byte offset of operand `name` in an instruction `opcode`; 0 if the contract has no such operand.
/// A search by name: keep the result.
inline std::uint32_t operand_offset(spec::Opcode opcode, std::string_view name) {
    if (const spec::InsnDesc *const insn = spec::find_instruction(opcode)) {
        for (const spec::OperandDesc &operand : insn->operands) {
            if (operand.name == name) {
                return operand.offset;
            }
        }
    }
    return 0;
}

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_OPERAND_OFFSET_HPP
