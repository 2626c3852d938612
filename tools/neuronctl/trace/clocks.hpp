// SPDX-License-Identifier: MIT
/**
 * @file
 * How the device's clock stands to CLOCK_MONOTONIC, which the kernel's trace and the library go by.
 */
#pragma once

#include <cstdint>

#include <neuron/context.hpp>

#include "../report.hpp"

namespace neuronctl::trace {

/** Both clocks at one moment, as nearly as could be found out. */
struct ClockPair {
    std::int64_t host_ns = 0;
    std::int64_t device_ns = 0;
    std::int64_t error_ns = 0; ///< The device's may have been read so much before or after.
};

/** The best of some questions to the driver. */
Outcome<ClockPair> read_clocks(const neuron::Context &context);

/** A straight line through two moments. */
class ClockMap {
public:
    ClockMap(const ClockPair &first, const ClockPair &last) : first_(first), last_(last) {}
    std::int64_t host_of(std::uint64_t device_ns) const;
    /** By how much host_of() may be wrong. */
    std::int64_t error_ns() const { return std::max(first_.error_ns, last_.error_ns); }
    /** Whether the device's clock went on, as it does not over a reset. */
    bool usable() const { return last_.device_ns > first_.device_ns && last_.host_ns > first_.host_ns; }

private:
    ClockPair first_;
    ClockPair last_;
};

} // namespace neuronctl::trace
