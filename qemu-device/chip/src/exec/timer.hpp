// SPDX-License-Identifier: MIT
#pragma once

#include "unit.hpp"

#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <thread>

namespace neuron::chip {

class Executor;

/// Wakes a unit at a time of the executor's clock, by a thread of its own that begins with the first use and otherwise
/// sleeps.
class Timer {
public:
    static constexpr std::uint64_t NEVER = std::numeric_limits<std::uint64_t>::max();

    explicit Timer(Executor &executor) : executor_(executor) {}
    ~Timer() { stop(); }
    Timer(const Timer &) = delete;
    Timer &operator=(const Timer &) = delete;

    /// Forgets the time set before. False: the host has no thread to spare, nothing will happen.
    bool set(Unit &unit, std::uint64_t at_ns);
    /// The executor's clock runs again.
    void clock_changed();
    /// No call of set() may follow.
    void stop();

private:
    void run();

    Executor &executor_;
    std::mutex mutex_; ///< guards all below
    std::condition_variable changed_;
    Unit *unit_ = nullptr;
    std::uint64_t at_ns_ = NEVER;
    std::uint64_t asleep_until_ns_ = NEVER; ///< when the thread looks again by itself
    bool stopping_ = false;
    std::thread thread_;
};

} // namespace neuron::chip
