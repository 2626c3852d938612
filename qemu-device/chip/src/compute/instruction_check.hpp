// SPDX-License-Identifier: MIT
#ifndef NEURON_CHIP_COMPUTE_INSTRUCTION_CHECK_HPP
#define NEURON_CHIP_COMPUTE_INSTRUCTION_CHECK_HPP

#include "compute/exec_fault.hpp"
#include "neuron/spec.hpp"

#include <cstddef>
#include <span>

namespace neuron::chip {

/// Checks what does not depend on registers or memory, against the tables of the contract: opcode, engine, core version,
/// reserved bytes, and of every operand its numbers, enumerators, memories, element types and ranges. Where a tile lies, and
/// how operands fit together, is checked by the instruction. Errors:
/// - ILLEGAL_INSTRUCTION with the opcode: there is none such, or not for this engine in any version;
/// - UNSUPPORTED with the opcode: cores of `core_version` do not have it, or not on this engine;
/// - ILLEGAL_OPERAND with the offset of the operand or of the reserved byte: no version takes it;
/// - UNSUPPORTED_OPERAND with the offset of the operand: cores of `core_version` do not take it.
/// The first operand that breaks a rule counts, in the order of the contract.
ExecResult check_instruction(spec::Engine engine, unsigned core_version,
                             std::span<const std::byte, spec::INSTRUCTION_BYTES> raw);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_INSTRUCTION_CHECK_HPP
