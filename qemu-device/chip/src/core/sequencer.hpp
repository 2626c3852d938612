// SPDX-License-Identifier: MIT
#pragma once

#include "../control/fault_info.hpp"
#include "../exec/unit.hpp"
#include "../plan/spoil.hpp"
#include "../sanitizer/actor.hpp"
#include "../services.hpp"
#include "compute/engine_state.hpp"
#include "compute/exec_fault.hpp"
#include "hazard_watch.hpp"
#include "instruction_cache.hpp"
#include "semaphore_log.hpp"
#include "sync_block.hpp"

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

    /// Begins its stream of the launch with registers and engine state of zero. The sequencer must be at rest; wake it
    /// afterwards.
    void start(const Launch &launch);

    /// What registers show of it. Any thread.
    struct View {
        bool at_work;
        bool halted;
        std::uint32_t pc;
        std::uint64_t retired;
    };
    View view() const;
    /// The launch has no instructions for it.
    void leave_out();

    /// Whether its stream has not ended.
    bool at_work() const { return active_.load(std::memory_order_acquire); }
    /// Reading: of a core of `launch`.
    void serialize(Archive &archive, const Launch &launch);
    /// What is left of it after a launch.
    void serialize_view(Archive &archive);
    /// It is at rest, wherever it was, and shows nothing.
    void clear() {
        active_.store(false, std::memory_order_relaxed);
        leave_out();
    }

    Step step() override;
    void failed() noexcept override;

private:
    using Raw = std::span<const std::byte, spec::INSTRUCTION_BYTES>;

    /// How an instruction went.
    enum class Flow : std::uint8_t {
        NEXT, ///< go on at next_pc_
        PARK, ///< not done yet: whoever changes what it needs wakes the sequencer, which executes it again
        END,
    };
    /// The fault lacks only where it arose.
    using Executed = tl::expected<Flow, FaultInfo>;

    /// Takes up its stream.
    void bind(const Launch &launch);
    /// One step of a launch that goes on.
    Step run(Launch &launch);
    Step execute(Launch &launch, Raw raw);
    Executed dispatch(Launch &launch, Raw raw, spec::Opcode opcode);
    ExecContext context();
    Executed compute(Launch &launch, Raw raw, spec::Opcode opcode);
    Executed issue_dma(Launch &launch, Raw raw, spec::Opcode opcode);

    // Control instructions: control_instructions.cpp.
    Executed control(Launch &launch, Raw raw, spec::Opcode opcode);
    void alu(const spec::InsnAlu &insn);
    void branch(const spec::InsnBranch &insn);
    Executed tensor_load(const spec::InsnTensorLoad &insn);
    Executed tensor_store(const spec::InsnTensorStore &insn);
    Actor introduce(const Launch &launch, spec::Opcode opcode) const;
    Executed mem_load(Launch &launch, const spec::InsnMemLoad &insn);
    Executed mem_store(Launch &launch, const spec::InsnMemStore &insn);
    Executed sem_remote(Launch &launch, const spec::InsnSemRemote &insn);
    Executed core_barrier(Launch &launch, const spec::InsnCoreBarrier &insn);
    Executed drain();
    Executed notify(Launch &launch, const spec::InsnNotify &insn);
    void set_register(std::uint8_t reg, std::uint32_t value);
    std::uint32_t pc() const { return pc_.load(std::memory_order_relaxed); }
    void go_to(std::uint32_t pc) { pc_.store(pc, std::memory_order_relaxed); }

    Step wait(const spec::InstructionHeader &header);
    /// Tries the wait of `header`, or of what stands for one. Whether it is over.
    bool take(const spec::InstructionHeader &header);
    /// Wakes and reports what follows from a wait. Whether it is over.
    bool settle(const SyncBlock::WaitOutcome &outcome);
    Step advance(Launch &launch, const spec::InstructionHeader &header, Flow flow);
    Executed trace(Launch &launch, spec::Opcode opcode);
    /// Tells the launch if the instruction has written a NaN or an infinity.
    Executed look_for_nan(Launch &launch, ExecContext &context, Raw raw, spec::Opcode opcode);
    /// Appends a record of the present instruction, from its start to now.
    Executed append(Launch &launch, spec::Notification note);
    spec::Notification record(spec::NotificationKind kind, spec::Opcode opcode) const;
    Step finish(bool aborted);
    /// Reports the fault; the launch is aborting afterwards.
    Step fault(FaultInfo info);

    Services &services_;
    Core &core_;
    const spec::Engine engine_;

    /// Set by start(), cleared by the sequencer itself: a wake-up that comes too late finds it false and touches nothing.
    std::atomic<bool> active_{false};

    // Only start() and step() write these; view() may read them at any time.
    std::atomic<std::uint32_t> pc_{0};
    std::atomic<std::uint64_t> retired_{0};
    std::atomic<bool> halted_{false};

    // Only start() and step() touch what follows.
    SequencerWatch watch_;
    SemaphoreLog log_;
    InstructionCache cache_;
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs_{};
    EngineState state_;
    std::uint32_t next_pc_ = 0;
    std::uint32_t count_ = 0;
    plan::Spoilt spoilt_; ///< what the fault plan makes of the present instruction, if it was asked
    bool asked_ = false;
    bool waited_ = false;       ///< the wait of the present instruction is over; TAKE must not take twice
    bool barrier_told_ = false; ///< the other cores know that the present CORE_BARRIER was reached
    bool tracing_ = false;
    bool looks_for_nan_ = false;
    std::uint64_t start_ns_ = 0; ///< of the present instruction, if tracing_ or looks_for_nan_
};

} // namespace neuron::chip
