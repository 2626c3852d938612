// SPDX-License-Identifier: MIT
/**
 * @file
 * What happens to a device and the queues of a context.
 */
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <neuron/spec.hpp>

namespace neuron {

struct DeviceEvent {
    enum class Kind : std::uint8_t {
        fault, ///< A fault or the watchdog has stopped a queue of the context. Comes before its jobs end.
        reset, ///< The device was reset: HBM is zero, all queues are lost.
        ras,   ///< HBM has met an error.
    };
    Kind kind = Kind::fault;
    std::uint32_t queue = 0; ///< fault: QueueStatus::id.
    std::uint64_t job = 0;   ///< fault: its job; with SubmitPath::doorbell the number of its packet, from 1.
    spec::Fault code = spec::Fault::NONE; ///< fault: NONE for the watchdog. ras: NONE if the error was corrected.
    std::optional<std::uint64_t>
        address{};          ///< fault: in the context. ras: byte of HBM, if it lies in a buffer of the context.
    std::uint64_t info = 0; ///< fault: more, by code. reset: how many there have been.
    std::chrono::nanoseconds time{0}; ///< CLOCK_MONOTONIC when it became known.
    std::uint32_t dropped = 0;        ///< Events before this one that nobody had read in time.
};

} // namespace neuron
