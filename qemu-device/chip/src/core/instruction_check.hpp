// SPDX-License-Identifier: MIT
#pragma once

#include "compute/exec_fault.hpp"

#include <neuron/spec.hpp>

#include <cstddef>
#include <span>

namespace neuron::chip {

/// Checks what does not depend on registers or memory: opcode, engine, reserved bytes, and every operand against the
/// tables of the contract. Tiles are checked where they are resolved.
/// Errors: ILLEGAL_INSTRUCTION with the opcode, ILLEGAL_OPERAND with the offset of the operand or of the reserved byte.
ExecResult check_instruction(spec::Engine engine, std::span<const std::byte, spec::INSTRUCTION_BYTES> raw);

} // namespace neuron::chip
