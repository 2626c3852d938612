// SPDX-License-Identifier: MIT
// Instruction COPY.
#ifndef NEURON_CHIP_COMPUTE_COPY_HPP
#define NEURON_CHIP_COMPUTE_COPY_HPP

#include "compute/core_memory.hpp"
#include "compute/exec_fault.hpp"
#include "neuron/spec.hpp"

#include <cstdint>
#include <span>

namespace neuron::chip {

/// Execute COPY on `engine`, whose scratch rows of `memory` it uses. Needs DefaultFpEnvironment.
ExecResult copy_tile(spec::Engine engine, const spec::InsnCopy &insn,
                     std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs, CoreMemory &memory);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_COPY_HPP
