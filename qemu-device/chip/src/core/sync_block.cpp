// SPDX-License-Identifier: MIT
#include "sync_block.hpp"

#include <limits>

namespace neuron::chip {

using spec::UpdateOp;
using spec::WaitOp;

void SyncBlock::start(std::uint32_t engines) {
    const std::lock_guard lock(mutex_);
    semaphores_.fill(0);
    waits_.fill({});
    running_ = engines;
    dma_ = 0;
}

bool SyncBlock::holds_locked(const Wait &wait) const {
    const std::uint32_t value = semaphores_[wait.semaphore];
    switch (wait.op) {
    case WaitOp::NONE: return true;
    case WaitOp::EQ: return value == wait.value;
    case WaitOp::GE:
    case WaitOp::TAKE: return value >= wait.value;
    }
    return true;
}

// Exact, because a sequencer marks its wait under the lock and leaves it under the lock: one whose condition holds is on
// its way, whether it knows already or not.
std::optional<SyncBlock::Deadlock> SyncBlock::deadlock_locked() const {
    if (dma_ != 0)
        return std::nullopt;
    std::optional<Deadlock> first;
    for (std::size_t i = 0; i < ENGINES; ++i) {
        if ((running_ >> i & 1) == 0)
            continue;
        const Wait &wait = waits_[i];
        if (!wait.active || holds_locked(wait))
            return std::nullopt;
        if (!first)
            first = Deadlock{static_cast<spec::Engine>(i), wait.semaphore, wait.pc};
    }
    return first;
}

std::uint32_t SyncBlock::wakeable_locked(std::uint8_t semaphore) const {
    std::uint32_t engines = 0;
    for (std::size_t i = 0; i < ENGINES; ++i)
        if (waits_[i].active && waits_[i].semaphore == semaphore && holds_locked(waits_[i]))
            engines |= 1U << i;
    return engines;
}

SyncBlock::WaitOutcome SyncBlock::wait(spec::Engine engine, const spec::InstructionHeader &header, std::uint32_t pc) {
    if (header.wait_op == WaitOp::NONE)
        return {.ready = true, .deadlock = std::nullopt};
    const std::lock_guard lock(mutex_);
    Wait &wait = waits_[spec::raw(engine)];
    wait = {true, header.wait_op, header.wait_sem, header.wait_value, pc};
    if (!holds_locked(wait))
        return {.ready = false, .deadlock = deadlock_locked()};
    wait.active = false;
    if (wait.op != WaitOp::TAKE)
        return {.ready = true, .deadlock = std::nullopt};
    // What is left may be just what an EQ waits for.
    semaphores_[wait.semaphore] -= wait.value;
    return {.ready = true, .deadlock = std::nullopt, .wake = wakeable_locked(wait.semaphore)};
}

bool SyncBlock::update(const spec::InstructionHeader &header, std::uint32_t &wake) {
    if (header.update_op == UpdateOp::NONE)
        return true;
    const std::lock_guard lock(mutex_);
    std::uint32_t &semaphore = semaphores_[header.update_sem];
    const std::uint32_t value = header.update_value;
    switch (header.update_op) {
    case UpdateOp::NONE: return true;
    case UpdateOp::ADD:
        if (value > std::numeric_limits<std::uint32_t>::max() - semaphore)
            return false;
        semaphore += value;
        break;
    case UpdateOp::SUB:
        if (value > semaphore)
            return false;
        semaphore -= value;
        break;
    case UpdateOp::SET: semaphore = value; break;
    }
    wake |= wakeable_locked(header.update_sem);
    return true;
}

SyncBlock::Outcome SyncBlock::sequencer_done(spec::Engine engine, bool aborted) {
    const std::lock_guard lock(mutex_);
    const std::uint32_t self = 1U << spec::raw(engine);
    running_ &= ~self;
    waits_[spec::raw(engine)].active = false;
    const auto deadlock = aborted ? std::nullopt : deadlock_locked();
    if (deadlock)
        running_ |= self;
    return {.done = running_ == 0 && dma_ == 0, .deadlock = deadlock};
}

void SyncBlock::dma_begin() {
    const std::lock_guard lock(mutex_);
    ++dma_;
}

void SyncBlock::dma_cancel() {
    const std::lock_guard lock(mutex_);
    --dma_;
}

SyncBlock::Outcome SyncBlock::dma_done(std::uint32_t count, bool aborted) {
    const std::lock_guard lock(mutex_);
    dma_ -= count;
    const auto deadlock = aborted ? std::nullopt : deadlock_locked();
    if (deadlock)
        dma_ += count;
    return {.done = running_ == 0 && dma_ == 0, .deadlock = deadlock};
}

} // namespace neuron::chip
