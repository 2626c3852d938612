// SPDX-License-Identifier: MIT
#include "clocks.hpp"

#include <chrono>

namespace neuronctl::trace {

Outcome<ClockPair> read_clocks(const neuron::Context &context) {
    constexpr int questions = 64;
    const auto now = [] {
        return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    };
    ClockPair best;
    for (int i = 0; i < questions; ++i) {
        const std::int64_t before = now();
        const auto info = context.info();
        const std::int64_t after = now();
        if (!info)
            return tl::unexpected(device_error(info.error()));
        const std::int64_t error = (after - before + 1) / 2;
        if (i == 0 || error < best.error_ns)
            best = {before + (after - before) / 2, static_cast<std::int64_t>(info->clock_ns), error};
    }
    return best;
}

std::int64_t ClockMap::host_of(std::uint64_t device_ns) const {
    const auto since = static_cast<double>(static_cast<std::int64_t>(device_ns) - first_.device_ns);
    const double rate =
        static_cast<double>(last_.host_ns - first_.host_ns) / static_cast<double>(last_.device_ns - first_.device_ns);
    return first_.host_ns + static_cast<std::int64_t>(since * rate);
}

} // namespace neuronctl::trace
