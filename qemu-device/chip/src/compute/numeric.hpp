// SPDX-License-Identifier: MIT
// NaNs and infinities among what an instruction has written.
#ifndef NEURON_CHIP_COMPUTE_NUMERIC_HPP
#define NEURON_CHIP_COMPUTE_NUMERIC_HPP

#include "compute/exec_context.hpp"
#include "neuron/spec.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// NumericFlag bits of the tiles that a compute instruction writes, as they are now: execute_compute() has just executed it
/// without a fault. Tiles of integers have none. Uses the engine's scratch memory. Any thread that may execute.
std::uint8_t numeric_flags(ExecContext &context, spec::Opcode opcode,
                           std::span<const std::byte, spec::INSTRUCTION_BYTES> insn);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_NUMERIC_HPP
