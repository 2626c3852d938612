// SPDX-License-Identifier: MIT
/**
 * @file
 * How long ago something was, for people.
 */
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

namespace neuronctl::explain {

/** "250 ms", "12 s", "5 min", "3 h". */
inline std::string ago_text(std::uint64_t milliseconds) {
    const std::uint64_t seconds = milliseconds / 1000;
    if (seconds == 0)
        return fmt::format("{} ms", milliseconds);
    if (seconds < 120)
        return fmt::format("{} s", seconds);
    return seconds < 7200 ? fmt::format("{} min", seconds / 60) : fmt::format("{} h", seconds / 3600);
}

} // namespace neuronctl::explain
