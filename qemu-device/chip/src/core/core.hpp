// SPDX-License-Identifier: MIT
#pragma once

#include "../chip_info.hpp"
#include "../services.hpp"
#include "compute/core_memory.hpp"
#include "compute/tensor_engine.hpp"
#include "dma_ring.hpp"
#include "launch.hpp"
#include "sequencer.hpp"
#include "sync_block.hpp"

#include <neuron/spec.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>

namespace neuron::chip {

/// Bits by engine: those that the program has instructions for.
std::uint32_t engines_of(const spec::ProgramHeader &program);

/// A NeuronCore: five sequencers, DMA rings, semaphores, SBUF and PSUM. Belongs to one launch at a time (CorePool sees to
/// that); all that is not a unit is called by the queue of that launch.
class Core {
public:
    Core(Services &services, std::uint8_t index, const ChipInfo &info);

    /// Whether the host had memory for it.
    bool ok() const { return memory_.ok(); }
    std::uint8_t index() const { return index_; }
    /// Generation: 2, 3 or 4.
    unsigned version() const { return version_; }

    /// Readies the core for a launch: what another owner left behind is scrubbed.
    void prepare(const Launch &launch);
    /// Readies semaphores and sequencers: all are 0. Before the first core of the launch runs, for from then on cores
    /// change each other.
    void arm(Launch &launch);
    /// Lets the sequencers run. The core counts itself off launch.census when it is done.
    void run();
    /// Registers of the blocks CORE and ENGINE, and a semaphore. Any thread, at any time.
    std::uint32_t status() const;
    std::uint32_t engine_status(spec::Engine engine) const;
    std::uint32_t engine_pc(spec::Engine engine) const { return sequencers_[spec::raw(engine)].view().pc; }
    std::uint64_t engine_retired(spec::Engine engine) const { return sequencers_[spec::raw(engine)].view().retired; }
    std::uint32_t engine_wait_value(spec::Engine engine) const { return sync_.view(engine).value; }
    std::uint32_t semaphore(std::uint8_t index) const { return sync_.semaphore(index); }

    /// The launch is aborted, or there is another fault plan: lets every unit notice.
    void wake_all();
    /// See Executor; for all units of the core.
    void set_priority(Priority priority);
    void lend_priority(Priority priority);
    /// Forgets owner and contents. No launch may be running.
    void scrub();

    /// For all that has to do with a core's units: in the same order always.
    template<class F>
    void for_each_unit(F &&f) {
        for (Sequencer &sequencer : sequencers_)
            f(sequencer);
        for (DmaRing &ring : rings_)
            f(ring);
    }
    /// How the census of its launch counts it.
    bool ended() const { return sync_.ended(); }
    bool active() const { return sync_.active(); }
    /// Whether anything may be in its memory.
    bool owned() const { return owner_.generation != 0; }
    /// Owner, and what is at work for `launch` (nullptr: nothing). What its memory holds is apart: memory().
    void serialize(Archive &archive, Launch *launch);
    /// Whoever is at work in an aborted launch is ready to notice; only a stream that was made up says otherwise.
    void wake_aborted();
    /// As after creation, whatever is at work.
    void clear();

    // ---- for the units of the core, and for those of the launch's other cores, while a launch is running ----
    Launch &launch() { return *launch_; }
    CoreMemory &memory() { return memory_; }
    SyncBlock &sync() { return sync_; }
    void wake(std::uint32_t engines);
    /// Changes a semaphore on behalf of an instruction or transfer that has not ended yet, of any core of the launch, and
    /// wakes who waited for it. Returns its value; nothing: it would leave its range, and has not changed.
    [[nodiscard]] std::optional<std::uint32_t> signal(spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value);

    // ---- for the units of the core ----
    TensorEngine &tensor_engine() { return tensor_engine_; }
    DmaRing &ring(std::uint8_t index) { return rings_[index]; }
    /// Whether a ring does what a fault plan has put off. Only while paused.
    bool catches_up() const { return std::ranges::any_of(rings_, &DmaRing::catches_up); }
    /// Sequencer `engine` has ended, or a transfer that `engine` issued, or several have been dropped. The launch may be
    /// over with that: the caller touches nothing of it afterwards.
    void sequencer_done(spec::Engine engine, bool aborted);
    void dma_done(spec::Engine engine, bool aborted);
    void dma_dropped(const SyncBlock::Transfers &dropped);
    /// Reports the first sequencer of the launch that waits in vain. The caller keeps the launch alive.
    void report_deadlock();

private:
    static constexpr std::uint32_t NO_QUEUE = ~0U;

    bool busy() const { return !sync_.ended(); }
    void serialize_last(Archive &archive);
    void end_transfers(const SyncBlock::Transfers &ended, bool aborted);

    TensorEngine tensor_engine_; ///< first, because it is aligned to a cache line
    Services &services_;
    const std::uint8_t index_;
    const unsigned version_;
    Launch *launch_ = nullptr;
    std::atomic<std::uint32_t> engines_{0};      ///< bits of those that the program uses
    std::atomic<std::uint32_t> queue_{NO_QUEUE}; ///< of the launch, or of the last one
    CoreOwner owner_;
    SyncBlock sync_;
    CoreMemory memory_;
    std::deque<Sequencer> sequencers_; ///< by engine
    std::deque<DmaRing> rings_;
};

} // namespace neuron::chip
