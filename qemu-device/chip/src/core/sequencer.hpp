// SPDX-License-Identifier: MIT
#pragma once

#include "../control/fault_info.hpp"
#include "../exec/unit.hpp"
#include "../services.hpp"
#include "compute/exec_fault.hpp"
#include "instruction_cache.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

namespace neuron::chip {

class Core;
struct Launch;

/// One sequencer of a core: fetches, waits, executes, updates; one instruction per step.
class Sequencer final : public Unit {
public:
    Sequencer(Services &services, Core &core, spec::Engine engine);

    /// Begins a stream. The sequencer must be at rest; wake it afterwards.
    void start(const spec::StreamRef &stream);

    Step step() override;
    void failed() noexcept override;

private:
    using Raw = std::span<const std::byte, spec::INSTRUCTION_BYTES>;

    /// How an instruction went.
    enum class Flow : std::uint8_t {
        NEXT,  ///< go on at next_pc_
        RETRY, ///< the ring is full
        END,
    };
    using Executed = tl::expected<Flow, ExecFault>;

    Step execute(Launch &launch, Raw raw);
    Executed dispatch(Launch &launch, Raw raw, spec::Opcode opcode);
    Executed branch(const spec::InsnBranch &insn);
    Executed issue_dma(Launch &launch, Raw raw, spec::Opcode opcode);
    void alu(const spec::InsnAlu &insn);
    void set_register(std::uint8_t reg, std::uint32_t value);
    Step wait(const spec::InstructionHeader &header);
    Step advance(Launch &launch, const spec::InstructionHeader &header, Flow flow);
    Step finish(bool aborted);
    /// Reports the fault; the launch is aborting afterwards.
    Step fault(FaultInfo info);
    Step fault(const ExecFault &fault) { return this->fault(FaultInfo{.code = fault.code, .info = fault.info}); }

    Services &services_;
    Core &core_;
    const spec::Engine engine_;

    /// Set by start(), cleared by the sequencer itself: a wake-up that comes too late finds it false and touches nothing.
    std::atomic<bool> active_{false};

    // Only start() and step() touch what follows.
    InstructionCache cache_;
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs_{};
    std::uint32_t pc_ = 0;
    std::uint32_t next_pc_ = 0;
    std::uint32_t count_ = 0;
    bool waited_ = false; ///< the wait of the present instruction is over; TAKE must not take twice
};

} // namespace neuron::chip
