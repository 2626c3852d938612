// SPDX-License-Identifier: MIT
#include "ranges.hpp"

#include <fmt/format.h>

namespace neuron::encoding {

std::string broken_rule(const spec::RangeDesc &range, std::int64_t value) {
    const std::string also = range.also == range.min ? std::string() : fmt::format(", or {}", range.also);
    if (range.min == range.max)
        return fmt::format("only {}", range.min);
    if (value < range.min)
        return fmt::format("at least {}{}", range.min, also);
    if (value > range.max)
        return fmt::format("at most {}{}", range.max, also);
    return (range.multiple != 1 ? fmt::format("a multiple of {}", range.multiple) : "a power of two") + also;
}

bool in_range(std::int64_t value, const spec::RangeDesc &range, std::string_view what, Position at,
              Diagnostics &diagnostics) {
    if (range.holds(value))
        return true;
    diagnostics.error(at, fmt::format("{} is {}: {}", what, value, broken_rule(range, value)));
    return false;
}

} // namespace neuron::encoding
