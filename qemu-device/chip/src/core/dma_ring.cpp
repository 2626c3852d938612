// SPDX-License-Identifier: MIT
#include "dma_ring.hpp"

#include "../control/control.hpp"
#include "../memory/transfer.hpp"
#include "compute/dma_tile.hpp"
#include "core.hpp"

#include <algorithm>

namespace neuron::chip {

DmaRing::DmaRing(Services &services, Core &core, std::uint8_t index, std::uint32_t max_row_bytes)
    : services_(services),
      core_(core),
      index_(index),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(max_row_bytes)) {}

bool DmaRing::push(const DmaJob &job, spec::Engine engine) {
    {
        const std::lock_guard lock(mutex_);
        if (count_ == DEPTH) {
            waiting_ |= 1U << spec::raw(engine);
            return false;
        }
        jobs_[(first_ + count_) % DEPTH].emplace(job);
        ++count_;
    }
    services_.executor.wake(*this);
    return true;
}

DmaJob *DmaRing::front() {
    const std::lock_guard lock(mutex_);
    return count_ == 0 ? nullptr : &*jobs_[first_];
}

Step DmaRing::step() {
    DmaJob *job = front();
    if (job == nullptr)
        return Step::BLOCKED;
    // A job in line keeps the launch alive.
    Launch &launch = core_.launch();
    if (launch.aborted()) {
        drop_all();
        return Step::BLOCKED;
    }
    const auto complete = move(*job, launch);
    launch.queue->made_progress();
    if (!complete)
        fault(*job, launch, complete.error());
    else if (*complete)
        finish(*job, launch);
    return Step::MORE;
}

std::span<std::byte> DmaRing::begin_row(DmaJob &job) {
    if (const auto place = row_in_place(core_.memory(), job.tile, row_); !place.empty())
        return place;
    const std::span<std::byte> row(buffer_.get(), job.tile.row_bytes());
    if (!job.load && row_done_ == 0 && run_done_ == 0)
        gather(core_.memory(), job.tile, row_, row);
    return row;
}

void DmaRing::end_row(DmaJob &job) {
    if (job.load && !job.tile.contiguous())
        scatter(core_.memory(), job.tile, row_, {buffer_.get(), job.tile.row_bytes()});
    ++row_;
    row_done_ = 0;
}

MemoryResult<bool> DmaRing::move(DmaJob &job, Launch &launch) {
    const Access access(*launch.space);
    std::size_t budget = CHUNK;
    unsigned runs = 0;
    while (row_ < job.tile.partitions()) {
        const std::span<std::byte> row = begin_row(job);
        while (row_done_ < row.size()) {
            if (budget == 0 || runs == MAX_RUNS)
                return false;
            const std::size_t bytes = std::min<std::uint64_t>(job.memory.run_bytes() - run_done_, budget);
            const auto va = job.memory.address(run_done_, bytes, !job.load);
            if (!va)
                return tl::unexpected(va.error());
            const auto part = row.subspan(row_done_, bytes);
            const auto moved =
                job.load ? read(access, services_.host, *va, part) : write(access, services_.host, *va, part);
            if (!moved)
                return tl::unexpected(moved.error());
            budget -= bytes;
            ++runs;
            row_done_ += static_cast<std::uint32_t>(bytes);
            run_done_ += bytes;
            if (run_done_ == job.memory.run_bytes()) {
                run_done_ = 0;
                job.memory.next_run();
            }
        }
        end_row(job);
    }
    return true;
}

void DmaRing::finish(DmaJob &job, Launch &launch) {
    const spec::InstructionHeader header = job.header;
    const std::uint32_t pc = job.pc;
    std::uint32_t waiting = 0;
    row_ = 0;
    {
        const std::lock_guard lock(mutex_);
        jobs_[first_].reset();
        first_ = (first_ + 1) % DEPTH;
        --count_;
        waiting = std::exchange(waiting_, 0);
    }
    core_.wake(waiting);
    std::uint32_t wake = 0;
    if (!core_.sync().update(header, wake))
        services_.control.fault(launch.queue_index, {.code = spec::Fault::SEMAPHORE,
                                                     .unit = spec::Unit::DMA,
                                                     .core = core_.index(),
                                                     .ring = index_,
                                                     .pc = pc,
                                                     .info = header.update_sem});
    core_.wake(wake);
    // Last, for the launch may be over with it.
    core_.dma_done(1, launch.aborted());
}

void DmaRing::drop_all() {
    std::uint32_t dropped = 0;
    row_ = 0;
    row_done_ = 0;
    run_done_ = 0;
    {
        const std::lock_guard lock(mutex_);
        for (; count_ != 0; --count_, ++dropped) {
            jobs_[first_].reset();
            first_ = (first_ + 1) % DEPTH;
        }
        waiting_ = 0;
    }
    core_.dma_done(dropped, true);
}

void DmaRing::fault(const DmaJob &job, const Launch &launch, const MemoryFault &fault) {
    FaultInfo info = FaultInfo::of_memory(fault);
    info.unit = spec::Unit::DMA;
    info.core = core_.index();
    info.ring = index_;
    info.pc = job.pc;
    services_.control.fault(launch.queue_index, info);
}

void DmaRing::failed() noexcept {
    if (const DmaJob *job = front())
        fault(*job, core_.launch(), {spec::Fault::HOST_BUS, 0});
}

} // namespace neuron::chip
