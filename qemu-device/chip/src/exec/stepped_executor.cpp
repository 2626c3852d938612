// SPDX-License-Identifier: MIT
#include "executor.hpp"

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
    ready_.reserve(max_units); // wake() must not allocate
}

void SteppedExecutor::wake(Unit &unit) {
    bool kick = false;
    {
        const std::lock_guard lock(mutex_);
        if (unit.state_ == Unit::State::RUNNING)
            unit.state_ = Unit::State::RUNNING_WOKEN;
        if (unit.state_ != Unit::State::PARKED || stopped_)
            return;
        kick = ready_.empty() && !in_run_;
        unit.state_ = Unit::State::READY;
        ready_.push_back(&unit);
    }
    if (kick)
        host_.kick();
}

Unit *SteppedExecutor::pick_locked() {
    if (ready_.empty())
        return nullptr;
    const std::size_t index = next_random(random_) % ready_.size();
    Unit *unit = ready_[index];
    ready_[index] = ready_.back();
    ready_.pop_back();
    return unit;
}

std::uint64_t SteppedExecutor::run(std::uint64_t max_steps) {
    std::unique_lock lock(mutex_);
    std::uint64_t done = 0;
    in_run_ = true;
    for (; done < max_steps && !stopped_; ++done) {
        Unit *unit = pick_locked();
        if (unit == nullptr)
            break;
        unit->state_ = Unit::State::RUNNING;
        count_step();
        lock.unlock();
        const Step result = guarded_step(*unit);
        lock.lock();
        if (result == Step::MORE || unit->state_ == Unit::State::RUNNING_WOKEN) {
            unit->state_ = Unit::State::READY;
            ready_.push_back(unit);
        } else {
            unit->state_ = Unit::State::PARKED;
        }
    }
    in_run_ = false;
    return done;
}

void SteppedExecutor::wait_idle() {
    constexpr std::uint64_t BATCH = 4096;
    while (run(BATCH) == BATCH) {
    }
}

void SteppedExecutor::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    ready_.clear();
}

} // namespace neuron::chip
