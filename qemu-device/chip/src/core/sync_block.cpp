// SPDX-License-Identifier: MIT
#include "sync_block.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace neuron::chip {

using spec::UpdateOp;
using spec::WaitOp;

void SyncBlock::start(std::uint32_t engines, Census &census) {
    const std::lock_guard lock(mutex_);
    census_ = &census;
    semaphores_.fill(0);
    waits_.fill({});
    running_ = engines;
    in_flight_.fill(0);
    dma_ = 0;
    active_ = true;
    ended_ = false;
}

bool SyncBlock::holds_locked(std::size_t engine) const {
    const Wait &wait = waits_[engine];
    if (wait.drain)
        return in_flight_[engine] == 0;
    const std::uint32_t value = semaphores_[wait.semaphore];
    switch (wait.op) {
    case WaitOp::NONE: return true;
    case WaitOp::EQ: return value == wait.value;
    case WaitOp::GE:
    case WaitOp::TAKE: return value >= wait.value;
    }
    return true;
}

bool SyncBlock::waits_in_vain_locked(std::size_t engine) const {
    return waits_[engine].active && !holds_locked(engine);
}

// Exact, because a sequencer marks its wait under the lock and leaves it under the lock: one whose condition holds is on
// its way, whether it knows already or not.
bool SyncBlock::at_rest_locked() const {
    if (dma_ != 0)
        return false;
    for (std::size_t i = 0; i < ENGINES; ++i)
        if ((running_ >> i & 1) != 0 && !waits_in_vain_locked(i))
            return false;
    return true;
}

SyncBlock::Verdict SyncBlock::settle_locked(bool aborted) {
    if (ended_)
        return Verdict::GOES_ON;
    if (running_ == 0 && dma_ == 0) {
        const Verdict verdict = census_->end(std::exchange(active_, false), aborted);
        ended_ = verdict != Verdict::DEADLOCK;
        return verdict;
    }
    const bool active = !at_rest_locked();
    if (aborted || active == active_)
        return Verdict::GOES_ON;
    active_ = active;
    if (!active)
        return census_->rest();
    census_->wake();
    return Verdict::GOES_ON;
}

std::uint32_t SyncBlock::wakeable_locked(std::uint32_t first, std::uint32_t last) const {
    std::uint32_t engines = 0;
    for (std::size_t i = 0; i < ENGINES; ++i) {
        const Wait &wait = waits_[i];
        if (wait.active && !wait.drain && wait.semaphore >= first && wait.semaphore <= last && holds_locked(i))
            engines |= 1U << i;
    }
    return engines;
}

// A sequencer that was woken and finds its semaphore changed again changes nothing itself: whoever changed it settles.
SyncBlock::WaitOutcome SyncBlock::park_locked(std::size_t engine, const Wait &wait) {
    const bool known = std::exchange(waits_[engine], wait).active;
    if (!holds_locked(engine))
        return {.ready = false, .deadlock = !known && settle_locked(false) == Verdict::DEADLOCK};
    waits_[engine].active = false;
    return {.ready = true};
}

SyncBlock::WaitOutcome SyncBlock::wait(spec::Engine engine, const spec::InstructionHeader &header, std::uint32_t pc) {
    if (header.wait_op == WaitOp::NONE)
        return {.ready = true};
    const std::lock_guard lock(mutex_);
    WaitOutcome outcome = park_locked(
        spec::raw(engine),
        {.active = true, .op = header.wait_op, .semaphore = header.wait_sem, .value = header.wait_value, .pc = pc});
    if (outcome.ready && header.wait_op == WaitOp::TAKE) {
        // What is left may be just what an EQ waits for.
        semaphores_[header.wait_sem] -= header.wait_value;
        outcome.left = semaphores_[header.wait_sem];
        outcome.wake = wakeable_locked(header.wait_sem, header.wait_sem);
    }
    return outcome;
}

SyncBlock::WaitOutcome SyncBlock::drain(spec::Engine engine, std::uint32_t pc) {
    const std::lock_guard lock(mutex_);
    return park_locked(spec::raw(engine), {.active = true, .drain = true, .pc = pc});
}

bool SyncBlock::update_locked(UpdateOp op, std::uint8_t index, std::uint32_t value, Changed &changed) {
    std::uint32_t &semaphore = semaphores_[index];
    switch (op) {
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
    changed = {.wake = wakeable_locked(index, index), .value = semaphore};
    return true;
}

bool SyncBlock::update(UpdateOp op, std::uint8_t semaphore, std::uint32_t value, Changed &changed) {
    if (op == UpdateOp::NONE)
        return true;
    const std::lock_guard lock(mutex_);
    return update_locked(op, semaphore, value, changed);
}

bool SyncBlock::update_from_outside(UpdateOp op, std::uint8_t semaphore, std::uint32_t value, Changed &changed) {
    if (op == UpdateOp::NONE)
        return true;
    const std::lock_guard lock(mutex_);
    if (!update_locked(op, semaphore, value, changed))
        return false;
    settle_locked(false); // no deadlock: the caller's core is active
    return true;
}

std::uint32_t SyncBlock::clear(std::uint32_t first, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    std::ranges::fill(std::span(semaphores_).subspan(first, count), 0U);
    return wakeable_locked(first, first + count - 1);
}

SyncBlock::Verdict SyncBlock::sequencer_done(spec::Engine engine, bool aborted) {
    const std::lock_guard lock(mutex_);
    const std::uint32_t self = 1U << spec::raw(engine);
    running_ &= ~self;
    Wait &wait = waits_[spec::raw(engine)];
    wait.halted = wait.active && aborted;
    wait.active = false;
    const Verdict verdict = settle_locked(aborted);
    if (verdict == Verdict::DEADLOCK)
        running_ |= self;
    return verdict;
}

void SyncBlock::dma_begin(spec::Engine engine) {
    const std::lock_guard lock(mutex_);
    ++in_flight_[spec::raw(engine)];
    ++dma_;
}

void SyncBlock::dma_cancel(spec::Engine engine) {
    const std::lock_guard lock(mutex_);
    --in_flight_[spec::raw(engine)];
    --dma_;
}

SyncBlock::DmaOutcome SyncBlock::dma_done(const Transfers &ended, bool aborted) {
    const std::lock_guard lock(mutex_);
    std::uint32_t wake = 0;
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < ENGINES; ++i) {
        in_flight_[i] -= ended[i];
        count += ended[i];
        if (waits_[i].active && waits_[i].drain && in_flight_[i] == 0)
            wake |= 1U << i;
    }
    dma_ -= count;
    const Verdict verdict = settle_locked(aborted);
    if (verdict == Verdict::DEADLOCK) {
        for (std::size_t i = 0; i < ENGINES; ++i)
            in_flight_[i] += ended[i];
        dma_ += count;
    }
    return {verdict, wake};
}

void SyncBlock::clear() {
    const std::lock_guard lock(mutex_);
    semaphores_.fill(0);
    waits_.fill({});
    running_ = 0;
    in_flight_.fill(0);
    dma_ = 0;
    active_ = false;
    ended_ = true;
}

void SyncBlock::serialize(Archive &archive, std::uint32_t engines, const Transfers &in_flight, Census *census) {
    const std::lock_guard lock(mutex_);
    archive.array(semaphores_);
    for (std::size_t i = 0; i < ENGINES; ++i) {
        Wait &wait = waits_[i];
        archive.flag("waits", wait.active);
        archive.flag("waited", wait.halted);
        archive.flag("drains", wait.drain);
        archive.choice("wait", wait.op);
        archive.number("semaphore", wait.semaphore);
        archive.number("value", wait.value);
        archive.number("pc", wait.pc);
        archive.require(!wait.active || (engines >> i & 1) != 0, "waits", "is set, but the sequencer is not at work");
    }
    if (!archive.loading())
        return;
    census_ = census;
    running_ = engines;
    in_flight_ = in_flight;
    dma_ = std::accumulate(in_flight.begin(), in_flight.end(), 0U);
    ended_ = running_ == 0 && dma_ == 0;
    active_ = !ended_ && !at_rest_locked();
}

SyncBlock::View SyncBlock::view(spec::Engine engine) const {
    const std::lock_guard lock(mutex_);
    const Wait &wait = waits_[spec::raw(engine)];
    View out{.waits = wait.active ? !holds_locked(spec::raw(engine)) : wait.halted,
             .drain = wait.drain,
             .op = spec::WaitOp::NONE,
             .semaphore = 0,
             .value = 0,
             .transfers = in_flight_[spec::raw(engine)]};
    if (out.waits && !out.drain) {
        out.op = wait.op;
        out.semaphore = wait.semaphore;
        out.value = wait.value;
    }
    return out;
}

std::uint32_t SyncBlock::semaphore(std::uint8_t index) const {
    const std::lock_guard lock(mutex_);
    return semaphores_[index];
}

std::optional<SyncBlock::Waiter> SyncBlock::first_waiter() const {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < ENGINES; ++i)
        if ((running_ >> i & 1) != 0 && waits_in_vain_locked(i))
            return Waiter{static_cast<spec::Engine>(i), waits_[i].semaphore, waits_[i].pc};
    return std::nullopt;
}

} // namespace neuron::chip
