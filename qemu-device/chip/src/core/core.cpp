// SPDX-License-Identifier: MIT
#include "core.hpp"

#include "../control/control.hpp"

#include <algorithm>

namespace neuron::chip {

using Verdict = SyncBlock::Verdict;

std::uint32_t engines_of(const spec::ProgramHeader &program) {
    std::uint32_t engines = 0;
    for (std::size_t i = 0; i < ENGINES; ++i)
        engines |= program.streams[i].count != 0 ? 1U << i : 0U;
    return engines;
}

Core::Core(Services &services, std::uint8_t index, const ChipInfo &info)
    : services_(services), index_(index), version_(info.core_version), memory_(info.sbuf_bytes) {
    const std::uint32_t max_row = std::max(memory_.bytes(spec::Space::SBUF), memory_.bytes(spec::Space::PSUM));
    for (const spec::Engine engine : spec::values<spec::Engine>())
        sequencers_.emplace_back(services, *this, engine);
    for (std::uint8_t ring = 0; ring < spec::DMA_RINGS; ++ring)
        rings_.emplace_back(services, *this, ring, max_row);
    tensor_engine_.reset();
}

void Core::prepare(const Launch &launch) {
    const bool scrub = owner_ != launch.owner;
    if (scrub)
        memory_.clear();
    if (services_.hazards != nullptr)
        services_.hazards->begin(index_, scrub);
    owner_ = launch.owner;
    tensor_engine_.reset();
}

void Core::arm(Launch &launch) {
    launch_ = &launch;
    queue_ = launch.queue_index;
    const std::uint32_t engines = engines_of(launch.program);
    engines_ = engines;
    sync_.start(engines, launch.census);
    if (services_.faults.active()) [[unlikely]]
        for (DmaRing &ring : rings_)
            ring.forget_postponed();
    for (std::size_t i = 0; i < ENGINES; ++i)
        if ((engines >> i & 1) != 0)
            sequencers_[i].start(launch);
        else
            sequencers_[i].leave_out();
}

void Core::run() {
    // The launch may be over as soon as the last sequencer is awake: nothing of it is read after that.
    Unit &waiter = *launch_->waiter;
    if (engines_ != 0)
        wake(engines_);
    else if (launch_->census.end(true, false) == Verdict::OVER)
        services_.executor.wake(waiter);
}

std::uint32_t Core::status() const {
    namespace field = spec::field;
    const std::uint32_t queue = queue_;
    if (queue == NO_QUEUE)
        return 0;
    return field::CORE_STATUS_USED.set(1) | field::CORE_STATUS_BUSY.set(busy() ? 1 : 0) |
           field::CORE_STATUS_QUEUE.set(queue);
}

std::uint32_t Core::engine_status(spec::Engine engine) const {
    using spec::EngineState;
    namespace field = spec::field;
    if ((engines_ >> spec::raw(engine) & 1) == 0)
        return 0;
    const Sequencer::View sequencer = sequencers_[spec::raw(engine)].view();
    const SyncBlock::View sync = sync_.view(engine);
    EngineState state = EngineState::RUNNING;
    if (!sequencer.at_work)
        state = sequencer.halted ? EngineState::HALTED : EngineState::ENDED;
    else if (sync.waits)
        state = sync.drain ? EngineState::DRAINING : EngineState::WAITING;
    return field::ENGINE_STATUS_STATE.set(spec::raw(state)) | field::ENGINE_STATUS_WAIT_OP.set(spec::raw(sync.op)) |
           field::ENGINE_STATUS_SEMAPHORE.set(sync.semaphore) |
           field::ENGINE_STATUS_TRANSFERS.set(std::min(sync.transfers, 0xffffU));
}

void Core::wake_all() {
    for (Sequencer &sequencer : sequencers_)
        services_.executor.wake(sequencer);
    for (DmaRing &ring : rings_)
        services_.executor.wake(ring);
}

void Core::set_priority(Priority priority) {
    for (Sequencer &sequencer : sequencers_)
        services_.executor.set_priority(sequencer, priority);
    for (DmaRing &ring : rings_)
        services_.executor.set_priority(ring, priority);
}

void Core::lend_priority(Priority priority) {
    for (Sequencer &sequencer : sequencers_)
        services_.executor.lend_priority(sequencer, priority);
    for (DmaRing &ring : rings_)
        services_.executor.lend_priority(ring, priority);
}

void Core::scrub() {
    owner_ = {};
    queue_ = NO_QUEUE;
    engines_ = 0;
    sync_.clear();
    for (Sequencer &sequencer : sequencers_)
        sequencer.clear();
    memory_.clear();
    tensor_engine_.reset();
}

void Core::wake(std::uint32_t engines) {
    for (std::size_t i = 0; i < ENGINES; ++i)
        if ((engines >> i & 1) != 0)
            services_.executor.wake(sequencers_[i]);
}

std::optional<std::uint32_t> Core::signal(spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value) {
    SyncBlock::Changed changed;
    if (!sync_.update_from_outside(op, semaphore, value, changed))
        return std::nullopt;
    wake(changed.wake);
    return changed.value;
}

void Core::sequencer_done(spec::Engine engine, bool aborted) {
    Unit &waiter = *launch_->waiter;
    Verdict verdict = sync_.sequencer_done(engine, aborted);
    if (verdict == Verdict::DEADLOCK) {
        report_deadlock();
        verdict = sync_.sequencer_done(engine, true);
    }
    if (verdict == Verdict::OVER)
        services_.executor.wake(waiter);
}

void Core::dma_done(spec::Engine engine, bool aborted) {
    SyncBlock::Transfers ended{};
    ended[spec::raw(engine)] = 1;
    end_transfers(ended, aborted);
}

void Core::dma_dropped(const SyncBlock::Transfers &dropped) { end_transfers(dropped, true); }

void Core::end_transfers(const SyncBlock::Transfers &ended, bool aborted) {
    Unit &waiter = *launch_->waiter;
    auto outcome = sync_.dma_done(ended, aborted);
    if (outcome.verdict == Verdict::DEADLOCK) {
        report_deadlock();
        outcome = sync_.dma_done(ended, true);
    }
    if (outcome.verdict == Verdict::OVER)
        services_.executor.wake(waiter);
    wake(outcome.wake);
}

void Core::report_deadlock() {
    for (const Core *core : launch_->cores()) {
        const auto waiter = core->sync_.first_waiter();
        if (!waiter)
            continue;
        services_.control.fault(launch_->queue_index,
                                {.code = spec::Fault::DEADLOCK,
                                 .unit = static_cast<spec::Unit>(spec::raw(spec::Unit::PE) + spec::raw(waiter->engine)),
                                 .core = core->index_,
                                 .pc = waiter->pc,
                                 .info = waiter->semaphore});
        return;
    }
}

} // namespace neuron::chip
