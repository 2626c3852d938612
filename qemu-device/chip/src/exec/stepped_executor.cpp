// SPDX-License-Identifier: MIT
#include "executor.hpp"

#include <algorithm>

namespace neuron::chip {

namespace {

// splitmix64: small, fast, and the same on every host.
std::uint64_t next_random(std::uint64_t &state) {
    state += 0x9e3779b97f4a7c15;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

} // namespace

SteppedExecutor::SteppedExecutor(const Host &host, std::uint64_t seed, std::size_t max_units)
    : Executor(true), host_(host), random_(seed) {
    for (auto &list : ready_)
        list.reserve(max_units); // wake() must not allocate
}

bool SteppedExecutor::empty_locked() const { return std::ranges::all_of(ready_, &std::vector<Unit *>::empty); }

void SteppedExecutor::append_locked(Unit &unit) {
    unit.state_ = Unit::State::READY;
    unit.listed_ = unit.priority();
    ready_[static_cast<std::size_t>(unit.listed_)].push_back(&unit);
}

void SteppedExecutor::wake(Unit &unit) {
    bool kick = false;
    {
        const std::lock_guard lock(mutex_);
        if (unit.state_ == Unit::State::RUNNING)
            unit.state_ = Unit::State::RUNNING_WOKEN;
        if (unit.state_ != Unit::State::PARKED || stopped_)
            return;
        kick = empty_locked() && !in_run_;
        append_locked(unit);
    }
    if (kick)
        host_.kick();
}

bool SteppedExecutor::wake_at(Unit &unit, std::uint64_t at_ns) {
    bool kick = false;
    {
        const std::lock_guard lock(mutex_);
        timed_ = &unit;
        timed_ns_ = at_ns;
        kick = at_ns != Timer::NEVER && empty_locked() && !in_run_;
    }
    if (kick)
        host_.kick();
    return true;
}

void SteppedExecutor::check_timer_locked() {
    if (timed_ns_ == Timer::NEVER || (now_ns() < timed_ns_ && !empty_locked()))
        return;
    pass_time(timed_ns_);
    timed_ns_ = Timer::NEVER;
    if (timed_->state_ == Unit::State::PARKED)
        append_locked(*timed_);
}

void SteppedExecutor::store_priority(Unit &unit, std::atomic<Priority> &which, Priority priority) {
    const std::lock_guard lock(mutex_);
    which.store(priority, std::memory_order_relaxed);
    if (unit.state_ != Unit::State::READY || stopped_ || unit.listed_ == unit.priority())
        return;
    std::erase(ready_[static_cast<std::size_t>(unit.listed_)], &unit);
    append_locked(unit);
}

Unit *SteppedExecutor::pick_locked() {
    const auto list = std::ranges::find_if_not(ready_, &std::vector<Unit *>::empty);
    if (list == ready_.end())
        return nullptr;
    const std::size_t index = next_random(random_) % list->size();
    Unit *unit = (*list)[index];
    (*list)[index] = list->back();
    list->pop_back();
    return unit;
}

std::uint64_t SteppedExecutor::run(std::uint64_t max_steps) {
    std::unique_lock lock(mutex_);
    std::uint64_t done = 0;
    in_run_ = true;
    for (; done < max_steps && !paused_ && !stopped_; ++done) {
        check_timer_locked();
        Unit *unit = pick_locked();
        if (unit == nullptr)
            break;
        unit->state_ = Unit::State::RUNNING;
        count_step();
        lock.unlock();
        const Step result = guarded_step(*unit);
        lock.lock();
        if (result == Step::MORE || unit->state_ == Unit::State::RUNNING_WOKEN)
            append_locked(*unit);
        else
            unit->state_ = Unit::State::PARKED;
    }
    in_run_ = false;
    return done;
}

void SteppedExecutor::wait_idle() {
    constexpr std::uint64_t BATCH = 4096;
    while (run(BATCH) == BATCH) {
    }
}

void SteppedExecutor::pause() {
    const std::lock_guard lock(mutex_);
    paused_ = true;
}

void SteppedExecutor::resume() {
    bool kick = false;
    {
        const std::lock_guard lock(mutex_);
        paused_ = false;
        kick = !empty_locked() || timed_ns_ != Timer::NEVER;
    }
    if (kick)
        host_.kick();
}

bool SteppedExecutor::paused() const {
    const std::lock_guard lock(mutex_);
    return paused_;
}

std::vector<Unit *> SteppedExecutor::ready_units(Priority priority) const {
    const std::lock_guard lock(mutex_);
    return ready_[static_cast<std::size_t>(priority)];
}

void SteppedExecutor::clear_ready() {
    const std::lock_guard lock(mutex_);
    for (auto &list : ready_) {
        for (Unit *unit : list)
            unit->state_ = Unit::State::PARKED;
        list.clear();
    }
}

void SteppedExecutor::append_ready(Unit &unit) {
    const std::lock_guard lock(mutex_);
    append_locked(unit);
}

void SteppedExecutor::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto &list : ready_)
        list.clear();
}

} // namespace neuron::chip
