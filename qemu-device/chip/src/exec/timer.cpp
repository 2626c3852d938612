// SPDX-License-Identifier: MIT
#include "timer.hpp"

#include "blocked_signals.hpp"
#include "executor.hpp"

#include <chrono>
#include <system_error>

namespace neuron::chip {

bool Timer::set(Unit &unit, std::uint64_t at_ns) {
    const std::lock_guard lock(mutex_);
    if (at_ns != NEVER && !thread_.joinable()) {
        const BlockedSignals blocked;
        try {
            thread_ = std::thread([this] { run(); });
        } catch (const std::system_error &) {
            return false;
        }
    }
    unit_ = &unit;
    at_ns_ = at_ns;
    // Times that are set often are mostly put off again before they come: the thread learns of that when it looks.
    if (at_ns < asleep_until_ns_)
        changed_.notify_one();
    return true;
}

void Timer::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (executor_.now_ns() >= at_ns_) {
            at_ns_ = NEVER;
            executor_.wake(*unit_);
            continue;
        }
        asleep_until_ns_ = at_ns_;
        const auto until = at_ns_ == NEVER ? std::nullopt : executor_.steady_time(at_ns_);
        if (until)
            changed_.wait_until(lock, *until);
        else
            changed_.wait(lock);
    }
}

void Timer::clock_changed() {
    const std::lock_guard lock(mutex_);
    changed_.notify_one();
}

void Timer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable())
        thread_.join();
}

} // namespace neuron::chip
