// SPDX-License-Identifier: MIT
#pragma once

#include "../services.hpp"
#include "compute/core_memory.hpp"
#include "compute/tensor_engine.hpp"
#include "dma_ring.hpp"
#include "launch.hpp"
#include "sequencer.hpp"
#include "sync_block.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <deque>

namespace neuron::chip {

/// A NeuronCore: five sequencers, DMA rings, semaphores, SBUF and PSUM. Belongs to one launch at a time (CorePool sees to
/// that); all that is not a unit is called by the queue of that launch.
class Core {
public:
    Core(Services &services, std::uint8_t index, std::uint32_t sbuf_bytes);

    /// Whether the host had memory for it.
    bool ok() const { return memory_.ok(); }
    std::uint8_t index() const { return index_; }

    /// Readies the core for a launch: what another owner left behind is scrubbed.
    void prepare(const Launch &launch);
    /// Starts the sequencers: semaphores and registers are 0. The core counts itself off launch.cores_left when it is done.
    void start(Launch &launch);
    /// The launch is aborted: lets every unit notice.
    void wake_all();
    /// Forgets owner and contents. No launch may be running.
    void scrub();

    // ---- for the units of the core, while a launch is running ----
    Launch &launch() { return *launch_; }
    CoreMemory &memory() { return memory_; }
    TensorEngine &tensor_engine() { return tensor_engine_; }
    SyncBlock &sync() { return sync_; }
    DmaRing &ring(std::uint8_t index) { return rings_[index]; }
    void wake(std::uint32_t engines);
    /// Sequencer `engine` has ended, or `count` DMA transfers have. The launch may be over with that: the caller touches
    /// nothing of it afterwards.
    void sequencer_done(spec::Engine engine, bool aborted);
    void dma_done(std::uint32_t count, bool aborted);
    void report_deadlock(const SyncBlock::Deadlock &deadlock);

private:
    void end_launch();

    Services &services_;
    const std::uint8_t index_;
    Launch *launch_ = nullptr;
    CoreOwner owner_;
    SyncBlock sync_;
    CoreMemory memory_;
    TensorEngine tensor_engine_;
    std::deque<Sequencer> sequencers_; ///< by engine
    std::deque<DmaRing> rings_;
};

} // namespace neuron::chip
