// SPDX-License-Identifier: MIT
#pragma once

#include "compute/exec_fault.hpp"
#include "dma_job.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tl/expected.hpp>

namespace neuron::chip {

class Core;

/// What a sequencer knows when it comes to a DMA instruction.
struct DmaIssue {
    spec::Engine engine;
    std::uint32_t pc;
    std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs;
    Core &core; ///< with its launch
};

/// A transfer, and the ring that it goes to.
struct DmaIssued {
    DmaJob job;
    std::uint8_t ring;
};

/// All that a transfer was made of but its core: make_transfer() makes the same of it again, as long as the launch runs.
struct DmaSource {
    std::array<std::byte, spec::INSTRUCTION_BYTES> raw;
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs;
    spec::Engine engine;
    std::uint32_t pc;
};

/// Whether `opcode` is handed to a ring.
bool is_dma(spec::Opcode opcode);

/// Makes a transfer of a DMA instruction that has passed check_instruction(): everything that depends on registers and
/// shapes is checked here. Errors: ILLEGAL_OPERAND, TILE_RANGE; nothing has changed.
tl::expected<DmaIssued, ExecFault> make_transfer(const DmaIssue &issue, spec::Opcode opcode,
                                                 std::span<const std::byte, spec::INSTRUCTION_BYTES> raw);

} // namespace neuron::chip
