// SPDX-License-Identifier: MIT
// Entry of the compute part: one instruction, start to end.
#ifndef NEURON_CHIP_COMPUTE_EXECUTE_HPP
#define NEURON_CHIP_COMPUTE_EXECUTE_HPP

#include "compute/core_memory.hpp"
#include "compute/exec_fault.hpp"
#include "compute/tensor_engine.hpp"
#include "neuron/spec.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// Execute a LDWEIGHTS, MATMUL or COPY of sequencer `engine` with its registers `regs`. The caller
/// has checked that the engine runs the opcode and that reserved bytes are zero; operands are
/// checked here. Errors: ILLEGAL_OPERAND, TILE_RANGE, PSUM_GROUP, and ILLEGAL_INSTRUCTION for other
/// opcodes. A faulting instruction has changed nothing. Never throws, never allocates. Threading:
/// one thread per engine at a time; the engines of a core may run at once. `tensor_engine` is
/// touched for PE only.
ExecResult execute_compute(spec::Engine engine, spec::Opcode opcode,
                           std::span<const std::byte, spec::INSTRUCTION_BYTES> insn,
                           std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs, CoreMemory &memory,
                           TensorEngine &tensor_engine);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_EXECUTE_HPP
