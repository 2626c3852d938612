// SPDX-License-Identifier: MIT
/**
 * @file
 * Times of a thing that was done several times.
 */
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "report.hpp"

namespace neuronctl {

using Times = std::vector<std::chrono::nanoseconds>;

struct Spread {
    std::uint64_t least = 0;
    std::uint64_t median = 0;
    std::uint64_t p99 = 0;
    std::uint64_t most = 0;
};

inline Spread spread_of(Times times) {
    if (times.empty())
        return {};
    std::ranges::sort(times);
    const auto at = [&](std::size_t i) { return static_cast<std::uint64_t>(times[i].count()); };
    return {at(0), at(times.size() / 2), at(std::min(times.size() - 1, times.size() * 99 / 100)), at(times.size() - 1)};
}

/** Members that every list of times has. */
inline Json times_json(const Times &times) {
    const Spread spread = spread_of(times);
    return {{"count", times.size()},
            {"min_ns", spread.least},
            {"median_ns", spread.median},
            {"p99_ns", spread.p99},
            {"max_ns", spread.most}};
}

/** Bytes per second, 0 if it took no time. */
inline double rate_of(std::uint64_t bytes, std::uint64_t ns) {
    return ns == 0 ? 0 : static_cast<double>(bytes) * 1e9 / static_cast<double>(ns);
}

} // namespace neuronctl
