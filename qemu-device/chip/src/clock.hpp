// SPDX-License-Identifier: MIT
#pragma once

#include "exec/executor.hpp"

#include <atomic>
#include <cstdint>

namespace neuron::chip {

/// The device clock: nanoseconds since reset.
class DeviceClock {
public:
    explicit DeviceClock(const Executor &executor) : executor_(executor), start_(executor.now_ns()) {}
    std::uint64_t now_ns() const { return executor_.now_ns() - start_.load(std::memory_order_relaxed); }
    void serialize(Archive &archive) { archive.number("clock start", start_); }
    void reset() { start_.store(executor_.now_ns(), std::memory_order_relaxed); }

private:
    const Executor &executor_;
    std::atomic<std::uint64_t> start_;
};

} // namespace neuron::chip
