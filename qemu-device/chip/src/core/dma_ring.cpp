// SPDX-License-Identifier: MIT
#include "dma_ring.hpp"

#include "../clock.hpp"
#include "../control/control.hpp"
#include "../memory/transfer.hpp"
#include "../sanitizer/sanitizer.hpp"
#include "core.hpp"
#include "transfer_log.hpp"

#include <utility>

namespace neuron::chip {

DmaRing::DmaRing(Services &services, Core &core, std::uint8_t index, std::uint32_t max_row_bytes)
    : services_(services),
      core_(core),
      index_(index),
      transfer_(max_row_bytes),
      watch_(services.hazards, core.index(), index),
      log_(services.recorder, spec::Unit::DMA, core.index(), index) {}

bool DmaRing::push(const DmaJob &job, const DmaSource &source) {
    {
        const std::lock_guard lock(mutex_);
        if (count_ == DEPTH) {
            waiting_ |= 1U << spec::raw(source.engine);
            return false;
        }
        const std::size_t place = (first_ + count_) % DEPTH;
        jobs_[place].emplace(job);
        if (services_.sanitizer != nullptr) [[unlikely]]
            jobs_[place]->since = services_.sanitizer->told();
        sources_[place] = source;
        ++count_;
        watch_.issued(source.engine);
    }
    services_.executor.wake(*this);
    return true;
}

DmaJob *DmaRing::front() {
    const std::lock_guard lock(mutex_);
    return count_ == 0 ? nullptr : &*jobs_[first_];
}

Step DmaRing::step() {
    const DmaJob *job = front();
    if (job == nullptr)
        return Step::BLOCKED;
    // A job in line keeps the launch alive, on all its cores.
    Launch &launch = core_.launch();
    if (launch.aborted()) {
        drop_all();
        return Step::BLOCKED;
    }
    return plan::step_as(services_, {.queue = launch.queue_index, .core = core_.index(), .unit = spec::Unit::DMA},
                         [&] { return advance(*job, launch); });
}

Step DmaRing::advance(const DmaJob &job, Launch &launch) {
    if (!begun_) {
        if (const auto hazard = begin(job, launch)) {
            fault(job, launch, *hazard);
            return Step::MORE;
        }
        spoilt_ =
            services_.faults.active() ? plan::spoil(services_, spec::PlanEvent::TRANSFER, index_) : plan::Spoilt{};
    }
    if (spoilt_.is_held_back(services_, *this))
        return Step::BLOCKED;
    if (std::exchange(spoilt_.postponed, false))
        spoilt_.dropped = postponed_.keep(job, spoilt_.plan);
    auto complete = spoilt_.dropped ? true : move(late_ ? *late_ : job, launch);
    const std::uint64_t moved = transfer_.take_moved();
    moved_ += moved;
    launch.queue->moved(moved);
    if (complete && *complete && std::exchange(spoilt_.doubled, false)) {
        transfer_.begin(job);
        return Step::MORE;
    }
    if (complete && *complete && !spoilt_.dropped && take_postponed())
        return Step::MORE;
    if (complete && *complete)
        if (const auto noted = notify(job, launch); !noted)
            complete = tl::unexpected(noted.error());
    if (!complete) {
        record(job, launch, true);
        fault(job, launch, complete.error());
    } else if (*complete)
        finish(job, launch);
    return Step::MORE;
}

// The job in front has been done: what was put off until then is done now, as if it were a part of it.
bool DmaRing::take_postponed() {
    late_ = postponed_.take(services_.faults);
    if (late_)
        transfer_.begin(*late_);
    return late_.has_value();
}

std::optional<FaultInfo> DmaRing::begin(const DmaJob &job, const Launch &launch) {
    begun_ = true;
    moved_ = 0;
    transfer_.begin(job);
    if (launch.actor != nullptr) [[unlikely]]
        introduce(job, launch);
    if (auto hazard = watch_.start(job, transfer_.rows(job)))
        return hazard;
    start_ns_ = launch.notifier.traces_dma() ? services_.clock.now_ns() : 0;
    return std::nullopt;
}

void DmaRing::end_flight() {
    if (services_.sanitizer != nullptr && begun_) [[unlikely]]
        services_.sanitizer->ends(actor_);
}

// Who the transfer is, and where it will go.
void DmaRing::introduce(const DmaJob &job, const Launch &launch) {
    actor_ = {.sanitizer = services_.sanitizer,
              .ctx = static_cast<std::uint8_t>(launch.owner.ctx),
              .queue = static_cast<std::uint8_t>(launch.queue_index),
              .unit = spec::Unit::DMA,
              .core = core_.index(),
              .ring = index_,
              .opcode = static_cast<std::uint8_t>(job.header.opcode),
              .pc = job.pc,
              .packet = launch.packet,
              .since = job.since};
    announce(job, job.dst, 1, true);
    announce(job, job.src, job.sources, false);
}

// Which rows an index picks is seen as they are touched; each source of a reduction may lie in a buffer of its own.
void DmaRing::announce(const DmaJob &job, const DmaEnd &end, std::uint32_t sources, bool write) {
    const auto *const memory = std::get_if<DmaBlock>(&end);
    if (memory == nullptr || job.index)
        return;
    for (std::uint32_t i = 0; i < sources; ++i) {
        const MemoryBlock block = memory->block.moved(static_cast<WideAddress>(job.source_stride) * i);
        const auto [low, high] = block.reach(job.rows);
        const auto first = context_address(block.at(0, 0).address, 1, write);
        const auto from = context_address(low, 1, write);
        const auto to = context_address(high, 1, write);
        if (first && from && to)
            services_.sanitizer->reaches(actor_, *first, *from, *to, write);
    }
}

MemoryResult<bool> DmaRing::move(const DmaJob &job, Launch &launch) {
    const Access access(*launch.space, launch.actor != nullptr ? &actor_ : nullptr);
    return transfer_.advance(job, access, services_.host);
}

MemoryResult<void> DmaRing::notify(const DmaJob &job, Launch &launch) {
    if (!launch.notifier.traces_dma())
        return {};
    return launch.notify(services_.host, {.kind = spec::NotificationKind::DMA,
                                          .core = core_.index(),
                                          .engine = job.engine,
                                          .opcode = job.header.opcode,
                                          .pc = job.pc,
                                          .start_ns = start_ns_,
                                          .end_ns = services_.clock.now_ns(),
                                          .value = index_});
}

void DmaRing::finish(const DmaJob &job, Launch &launch) {
    // Before there is room for others in the line: they would take the job's place.
    const DmaJob done = job;
    record(done, launch, false);
    end_flight();
    pop();
    signal(done, launch);
    watch_.completed(done.engine);
    // Last, for the launch may be over with it.
    core_.dma_done(done.engine, launch.aborted());
}

void DmaRing::pop() {
    std::uint32_t waiting = 0;
    begun_ = false;
    {
        const std::lock_guard lock(mutex_);
        jobs_[first_].reset();
        first_ = (first_ + 1) % DEPTH;
        --count_;
        waiting = std::exchange(waiting_, 0);
    }
    core_.wake(waiting);
}

void DmaRing::signal(const DmaJob &job, const Launch &launch) {
    const auto out_of_range = [&](std::uint8_t semaphore) {
        fault(job, launch, FaultInfo{.code = spec::Fault::SEMAPHORE, .info = semaphore});
    };
    if (const auto &peer = job.peer; peer && peer->value != 0) {
        watch_.updating(peer->core->index(), spec::UpdateOp::ADD, peer->semaphore, peer->value);
        const auto value = peer->core->signal(spec::UpdateOp::ADD, peer->semaphore, peer->value);
        if (!value)
            return out_of_range(peer->semaphore);
        log_.updated(launch, job.pc, spec::UpdateOp::ADD, peer->value, {peer->core->index(), peer->semaphore, *value});
    }
    const spec::InstructionHeader &header = job.header;
    SyncBlock::Changed changed;
    watch_.updating(core_.index(), header.update_op, header.update_sem, header.update_value);
    if (!core_.sync().update(header.update_op, header.update_sem, header.update_value, changed))
        return out_of_range(header.update_sem);
    log_.updated(launch, job.pc, header.update_op, header.update_value,
                 {core_.index(), header.update_sem, changed.value});
    core_.wake(changed.wake);
}

void DmaRing::record(const DmaJob &job, const Launch &launch, bool failed) {
    if (services_.recorder.on())
        record_transfer(services_.recorder, launch, job, {core_.index(), index_, moved_, failed});
}

void DmaRing::drop_all() {
    SyncBlock::Transfers dropped{};
    end_flight();
    begun_ = false;
    late_.reset();
    postponed_.forget();
    {
        const std::lock_guard lock(mutex_);
        for (; count_ != 0; --count_) {
            ++dropped[spec::raw(jobs_[first_]->engine)];
            jobs_[first_].reset();
            first_ = (first_ + 1) % DEPTH;
        }
        waiting_ = 0;
    }
    core_.dma_dropped(dropped);
}

void DmaRing::fault(const DmaJob &job, const Launch &launch, FaultInfo info) {
    info.unit = spec::Unit::DMA;
    info.core = core_.index();
    info.ring = index_;
    info.pc = job.pc;
    services_.control.fault(launch.queue_index, info);
}

void DmaRing::fault(const DmaJob &job, const Launch &launch, const MemoryFault &fault) {
    this->fault(job, launch, FaultInfo::of_memory(fault));
}

void DmaRing::failed() noexcept {
    if (const DmaJob *job = front())
        fault(*job, core_.launch(), MemoryFault{spec::Fault::HOST_BUS, 0});
}

} // namespace neuron::chip
