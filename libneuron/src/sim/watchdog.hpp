// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "../backend.hpp"

namespace neuron::sim {

/**
 * The driver's watchdog, run by whoever waits: only the time in which somebody does counts, since a stepped chip stands still
 * otherwise. Not thread-safe.
 */
class Watchdog {
public:
    using Clock = detail::Clock;

    /** What the chip says of the queue. */
    struct Reading {
        std::uint64_t job = 0; ///< The oldest that has not ended.
        std::uint64_t progress = 0;
        bool waits_for_cores = false;
    };

    explicit Watchdog(std::chrono::nanoseconds timeout) : timeout_(timeout) {}

    /** @param since When the caller began to wait. @return whether the job is to be ended */
    bool hangs(const Reading &now, Clock::time_point since) {
        const Clock::time_point time = Clock::now();
        const std::chrono::nanoseconds spent = std::min<std::chrono::nanoseconds>(time - std::max(looked_, since), gap);
        looked_ = time;
        if (now.job != last_.job)
            stalled_ = taken_ = std::chrono::nanoseconds(0);
        else if (now.progress != last_.progress || now.waits_for_cores)
            stalled_ = std::chrono::nanoseconds(0);
        else
            stalled_ += spent;
        taken_ += now.job == last_.job ? spent : std::chrono::nanoseconds(0);
        last_ = now;
        return stalled_ >= timeout_ || taken_ >= job_timeouts * timeout_;
    }

private:
    /** A program that loops for ever makes progress, too; as the driver's job_timeouts is at first. */
    static constexpr int job_timeouts = 32;
    /** Between two looks: whatever is longer, the process was stopped, e.g. by a debugger. */
    static constexpr std::chrono::seconds gap{1};

    const std::chrono::nanoseconds timeout_;
    Reading last_;
    Clock::time_point looked_{};
    std::chrono::nanoseconds stalled_{0};
    std::chrono::nanoseconds taken_{0};
};

} // namespace neuron::sim
