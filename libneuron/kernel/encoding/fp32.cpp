// SPDX-License-Identifier: MIT
#include "fp32.hpp"

#include <bit>
#include <charconv>

#include <fmt/format.h>

namespace neuron::encoding {

std::optional<std::uint32_t> fp32_nearest(std::string_view digits) {
    float value = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (status != std::errc() || end != digits.data() + digits.size())
        return std::nullopt;
    return std::bit_cast<std::uint32_t>(value);
}

std::optional<std::uint32_t> fp32_exact(std::int64_t value) {
    const auto rounded = static_cast<float>(value);
    constexpr float limit = 0x1p63F; // the first that does not fit the integer again
    if (rounded >= limit || static_cast<std::int64_t>(rounded) != value)
        return std::nullopt;
    return std::bit_cast<std::uint32_t>(rounded);
}

std::string fp32_text(std::uint32_t bits) {
    const std::uint32_t magnitude = bits & ~fp32_sign;
    if (bits == fp32_nan)
        return "nan";
    if (magnitude > fp32_infinity)
        return fmt::format("f32:{:#x}", bits);
    if (magnitude == fp32_infinity)
        return bits == magnitude ? "inf" : "-inf";
    if (bits == fp32_sign)
        return "-0.0"; // -0 is the integer 0
    std::string out = fmt::format("{}", std::bit_cast<float>(bits));
    // The shortest digits of a large number name another whole number, which fp32 may not have.
    constexpr std::uint32_t first_with_gaps = 0x4b80'0000; // 2^24
    if (magnitude > first_with_gaps && out.find_first_of(".e") == std::string::npos)
        out += ".0";
    return out;
}

} // namespace neuron::encoding
