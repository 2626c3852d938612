// SPDX-License-Identifier: MIT
// Entry of the compute part: one instruction, start to end.
#ifndef NEURON_CHIP_COMPUTE_EXECUTE_HPP
#define NEURON_CHIP_COMPUTE_EXECUTE_HPP

#include "compute/exec_context.hpp"
#include "compute/exec_fault.hpp"
#include "neuron/spec.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// Execute one instruction that computes: all but those of control and DMA. The caller has run
/// check_instruction(); what depends on registers and shapes is checked here. Errors:
/// ILLEGAL_OPERAND, TILE_RANGE, PSUM_GROUP, INDEX_RANGE, and ILLEGAL_INSTRUCTION for other opcodes. A
/// faulting instruction has changed nothing. Never throws, never allocates. Threading: one thread
/// per engine at a time; the engines of a core may run at once.
ExecResult execute_compute(ExecContext &context, spec::Opcode opcode,
                           std::span<const std::byte, spec::INSTRUCTION_BYTES> insn);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_EXECUTE_HPP
