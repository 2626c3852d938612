// SPDX-License-Identifier: MIT
#include "core.hpp"

#include "../control/control.hpp"

#include <algorithm>

namespace neuron::chip {

Core::Core(Services &services, std::uint8_t index, std::uint32_t sbuf_bytes)
    : services_(services), index_(index), memory_(sbuf_bytes) {
    const std::uint32_t max_row = std::max(memory_.bytes(spec::Space::SBUF), memory_.bytes(spec::Space::PSUM));
    for (const spec::Engine engine : spec::values<spec::Engine>())
        sequencers_.emplace_back(services, *this, engine);
    for (std::uint8_t ring = 0; ring < spec::DMA_RINGS; ++ring)
        rings_.emplace_back(services, *this, ring, max_row);
    tensor_engine_.reset();
}

void Core::prepare(const Launch &launch) {
    if (owner_ != launch.owner)
        memory_.clear();
    owner_ = launch.owner;
    tensor_engine_.reset();
}

void Core::start(Launch &launch) {
    launch_ = &launch;
    std::uint32_t engines = 0;
    for (std::size_t i = 0; i < ENGINES; ++i)
        if (launch.program.streams[i].count != 0)
            engines |= 1U << i;
    sync_.start(engines);
    if (engines == 0) {
        end_launch();
        return;
    }
    // The launch may be over as soon as the last sequencer is awake: nothing of it is read after that.
    for (std::size_t i = 0; i < ENGINES; ++i)
        if ((engines >> i & 1) != 0)
            sequencers_[i].start(launch.program.streams[i]);
    wake(engines);
}

void Core::wake_all() {
    for (Sequencer &sequencer : sequencers_)
        services_.executor.wake(sequencer);
    for (DmaRing &ring : rings_)
        services_.executor.wake(ring);
}

void Core::scrub() {
    owner_ = {};
    memory_.clear();
    tensor_engine_.reset();
}

void Core::wake(std::uint32_t engines) {
    for (std::size_t i = 0; i < ENGINES; ++i)
        if ((engines >> i & 1) != 0)
            services_.executor.wake(sequencers_[i]);
}

void Core::end_launch() {
    Unit *waiter = launch_->waiter;
    if (launch_->cores_left.fetch_sub(1, std::memory_order_acq_rel) == 1)
        services_.executor.wake(*waiter);
}

void Core::sequencer_done(spec::Engine engine, bool aborted) {
    auto outcome = sync_.sequencer_done(engine, aborted);
    if (outcome.deadlock) {
        report_deadlock(*outcome.deadlock);
        outcome = sync_.sequencer_done(engine, true);
    }
    if (outcome.done)
        end_launch();
}

void Core::dma_done(std::uint32_t count, bool aborted) {
    auto outcome = sync_.dma_done(count, aborted);
    if (outcome.deadlock) {
        report_deadlock(*outcome.deadlock);
        outcome = sync_.dma_done(count, true);
    }
    if (outcome.done)
        end_launch();
}

void Core::report_deadlock(const SyncBlock::Deadlock &deadlock) {
    services_.control.fault(launch_->queue_index,
                            {.code = spec::Fault::DEADLOCK,
                             .unit = static_cast<spec::Unit>(spec::raw(spec::Unit::PE) + spec::raw(deadlock.engine)),
                             .core = index_,
                             .pc = deadlock.pc,
                             .info = deadlock.semaphore});
}

} // namespace neuron::chip
