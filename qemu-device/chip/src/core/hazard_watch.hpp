// SPDX-License-Identifier: MIT
// What sequencers and DMA rings tell the hazard monitor, where there is one.
#pragma once

#include "../control/fault_info.hpp"
#include "../hazard/monitor.hpp"
#include "compute/exec_context.hpp"
#include "dma_job.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace neuron::chip {

/// The monitor as a sequencer sees it. Every function does nothing, at the cost of a branch, without a monitor.
class SequencerWatch {
public:
    SequencerWatch(hazard::Monitor *monitor, std::uint8_t core, spec::Engine engine)
        : monitor_(monitor), core_(core), engine_(engine), agent_(hazard::Monitor::sequencer(core, engine)) {}

    /// The wait of `header` is about to be tried, or tried again.
    void waiting(const spec::InstructionHeader &header);
    /// It is over.
    void waited(const spec::InstructionHeader &header);
    /// A semaphore of `core` is about to be changed.
    void updating(std::uint8_t core, spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value);
    void clearing(std::uint32_t first, std::uint32_t count);
    void drained();
    /// The instruction is about to read and write its tiles. Gives a fault that lacks only where it arose.
    std::optional<FaultInfo> access(const ExecContext &context, std::uint32_t pc, spec::Opcode opcode,
                                    std::span<const std::byte, spec::INSTRUCTION_BYTES> raw) {
        return monitor_ == nullptr ? std::nullopt : look(context, pc, opcode, raw);
    }

private:
    std::optional<FaultInfo> look(const ExecContext &context, std::uint32_t pc, spec::Opcode opcode,
                                  std::span<const std::byte, spec::INSTRUCTION_BYTES> raw);

    hazard::Monitor *const monitor_;
    const std::uint8_t core_;
    const spec::Engine engine_;
    const hazard::Agent agent_;
};

/// The same for a DMA ring.
class RingWatch {
public:
    RingWatch(hazard::Monitor *monitor, std::uint8_t core, std::uint8_t ring)
        : monitor_(monitor), core_(core), ring_(ring), agent_(hazard::Monitor::ring(core, ring)) {}

    /// `engine` has put a transfer in line; the ring must not have seen it yet.
    void issued(spec::Engine engine);
    /// The ring takes up the job in front: its accesses, to `rows` of its tile but for an index tile.
    std::optional<FaultInfo> start(const DmaJob &job, const hazard::Region::Rows &rows);
    void updating(std::uint8_t core, spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value);
    /// The job that `engine` issued is complete, its updates made.
    void completed(spec::Engine engine);

private:
    hazard::Monitor *const monitor_;
    const std::uint8_t core_;
    const std::uint8_t ring_;
    const hazard::Agent agent_;
};

} // namespace neuron::chip
