// SPDX-License-Identifier: MIT
#include "blocked_signals.hpp"
#include "executor.hpp"

#include <chrono>

namespace neuron::chip {

namespace {

using Clock = std::chrono::steady_clock;

// How long a unit may keep its worker while others are ready: long against the cost of a switch, short against what a
// person or a watchdog notices.
constexpr auto SLICE = std::chrono::microseconds(100);
// How long a thread is taken that was lent, which may be a CPU of the guest: short against the time that it takes to wake
// a worker and to tell the CPU of the result.
constexpr auto LENT_SLICE = std::chrono::microseconds(50);

} // namespace

Step guarded_step(Unit &unit) noexcept {
    try {
        return unit.step();
    } catch (...) {
        unit.failed();
        return Step::MORE;
    }
}

ThreadedExecutor::ThreadedExecutor(unsigned threads) : Executor(false), timer_(*this) {
    const BlockedSignals blocked;
    threads_.reserve(threads);
    try {
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([this] { work(); });
    } catch (...) {
        stop();
        throw;
    }
}

void ThreadedExecutor::append_locked(Unit &unit) {
    unit.state_ = Unit::State::READY;
    unit.listed_ = unit.priority();
    lists_[static_cast<std::size_t>(unit.listed_)].append(unit);
    counts_.add(unit.listed_);
}

void ThreadedExecutor::remove_locked(Unit &unit) {
    lists_[static_cast<std::size_t>(unit.listed_)].remove(unit);
    counts_.remove(unit.listed_);
}

Unit *ThreadedExecutor::first_locked() {
    for (const ReadyList &list : lists_)
        if (list.first() != nullptr)
            return list.first();
    return nullptr;
}

void ThreadedExecutor::store_priority(Unit &unit, std::atomic<Priority> &which, Priority priority) {
    const std::lock_guard lock(mutex_);
    which.store(priority, std::memory_order_relaxed);
    if (unit.state_ != Unit::State::READY || unit.listed_ == unit.priority())
        return;
    remove_locked(unit);
    append_locked(unit);
}

void ThreadedExecutor::wake(Unit &unit) {
    const std::lock_guard lock(mutex_);
    if (unit.state_ == Unit::State::RUNNING)
        unit.state_ = Unit::State::RUNNING_WOKEN;
    if (unit.state_ != Unit::State::PARKED)
        return;
    append_locked(unit);
    call_worker_locked();
}

void ThreadedExecutor::call_worker_locked() {
    if (waiting_ > 0 && !paused_)
        ready_.notify_one();
}

void ThreadedExecutor::begin_locked(Unit &unit) {
    unit.state_ = Unit::State::RUNNING;
    ++running_;
}

void ThreadedExecutor::end_locked(Unit &unit, Step result) {
    --running_;
    if (result == Step::MORE || unit.state_ == Unit::State::RUNNING_WOKEN)
        append_locked(unit);
    else
        unit.state_ = Unit::State::PARKED;
    if (at_rest_locked())
        idle_.notify_all();
}

void ThreadedExecutor::lend_thread(Unit &unit) {
    std::unique_lock lock(mutex_);
    if (leave() || unit.state_ != Unit::State::PARKED || !counts_.view().none()) {
        lock.unlock();
        wake(unit);
        return;
    }
    begin_locked(unit);
    ++lent_;
    lock.unlock();
    const Step result = short_slice(unit);
    lock.lock();
    --lent_;
    end_locked(unit, result);
    if (unit.state_ == Unit::State::READY)
        call_worker_locked();
    if (stopping_)
        idle_.notify_all();
}

Step ThreadedExecutor::short_slice(Unit &unit) {
    const auto end = Clock::now() + LENT_SLICE;
    Step result;
    do {
        result = guarded_step(unit);
    } while (result == Step::MORE && !leave() && counts_.view().none() && Clock::now() < end);
    return result;
}

Step ThreadedExecutor::slice(Unit &unit) {
    Clock::time_point start{};
    for (;;) {
        if (guarded_step(unit) == Step::BLOCKED)
            return Step::BLOCKED;
        if (leave())
            return Step::MORE;
        const ReadyCounts::View others = counts_.view();
        if (others.none()) {
            start = {};
            continue;
        }
        const Priority own = unit.priority();
        if (others.more_urgent_than(own))
            return Step::MORE;
        if (!others.as_urgent_as(own)) {
            start = {};
            continue;
        }
        const auto now = Clock::now();
        if (start == Clock::time_point{})
            start = now;
        else if (now - start > SLICE)
            return Step::MORE;
    }
}

void ThreadedExecutor::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++waiting_;
        ready_.wait(lock, [this] { return stopping_ || (!paused_ && !counts_.view().none()); });
        --waiting_;
        if (stopping_)
            return;
        Unit &unit = *first_locked();
        remove_locked(unit);
        begin_locked(unit);
        lock.unlock();
        const Step result = slice(unit);
        lock.lock();
        end_locked(unit, result);
    }
}

void ThreadedExecutor::wait_idle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return stopping_ || at_rest_locked(); });
}

void ThreadedExecutor::pause() {
    std::unique_lock lock(mutex_);
    paused_ = true;
    idle_.wait(lock, [this] { return running_ == 0; });
    freeze_clock();
    idle_.notify_all();
}

void ThreadedExecutor::resume() {
    {
        const std::lock_guard lock(mutex_);
        if (!paused_)
            return;
        unfreeze_clock();
        paused_ = false;
        ready_.notify_all();
    }
    timer_.clock_changed();
}

std::vector<Unit *> ThreadedExecutor::ready_units(Priority priority) const {
    const std::lock_guard lock(mutex_);
    return lists_[static_cast<std::size_t>(priority)].units();
}

void ThreadedExecutor::clear_ready() {
    const std::lock_guard lock(mutex_);
    while (Unit *unit = first_locked()) {
        remove_locked(*unit);
        unit->state_ = Unit::State::PARKED;
    }
}

void ThreadedExecutor::append_ready(Unit &unit) {
    const std::lock_guard lock(mutex_);
    append_locked(unit);
}

void ThreadedExecutor::stop() {
    {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        ready_.notify_all();
        idle_.notify_all();
        idle_.wait(lock, [this] { return lent_ == 0; });
    }
    for (std::thread &thread : threads_)
        thread.join();
    threads_.clear();
    timer_.stop();
}

} // namespace neuron::chip
