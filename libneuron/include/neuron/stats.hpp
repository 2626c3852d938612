// SPDX-License-Identifier: MIT
/**
 * @file
 * What a context has done so far.
 */
#pragma once

#include <chrono>
#include <cstdint>

namespace neuron {

/** Counters of a context since its creation. Times are wall time of the calling threads, and add up over threads. */
struct Stats {
    std::uint64_t bytes_written = 0;       ///< Bytes that Queue::write() moved to buffers.
    std::uint64_t bytes_read = 0;          ///< Bytes that Queue::read() moved from buffers.
    std::uint64_t jobs = 0;                ///< Jobs accepted.
    std::uint64_t packets = 0;             ///< Packets in these jobs.
    std::uint64_t submit_calls = 0;        ///< Times the backend was entered to submit; a batch counts once.
    std::uint64_t wait_calls = 0;          ///< Times the backend was entered to wait.
    std::uint64_t faults = 0;              ///< Jobs that ended in an error.
    std::chrono::nanoseconds write_time{}; ///< In Queue::write(), its submits and waits included.
    std::chrono::nanoseconds read_time{};  ///< In Queue::read(), its submits and waits included.
    std::chrono::nanoseconds submit_time{};
    std::chrono::nanoseconds wait_time{};
    std::chrono::nanoseconds map_time{}; ///< Making, mapping and destroying buffers.
};

} // namespace neuron
