// SPDX-License-Identifier: MIT
#pragma once

#include "exec/executor.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace neuron::chip {

/// The device clock: nanoseconds since reset. In stepped mode it counts steps, so that a run can be repeated exactly.
class DeviceClock {
public:
    explicit DeviceClock(const Executor &executor) : executor_(executor), start_(raw()) {}
    std::uint64_t now_ns() const { return raw() - start_.load(std::memory_order_relaxed); }
    void reset() { start_.store(raw(), std::memory_order_relaxed); }

private:
    static constexpr std::uint64_t STEP_NS = 100;

    std::uint64_t raw() const {
        if (executor_.stepped())
            return executor_.steps() * STEP_NS;
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    }

    const Executor &executor_;
    std::atomic<std::uint64_t> start_;
};

} // namespace neuron::chip
