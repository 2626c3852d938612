// SPDX-License-Identifier: MIT
/**
 * @file
 * fp32 numbers between text and bits. Independent of the locale.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace neuron::encoding {

constexpr std::uint32_t fp32_sign = 0x8000'0000;
constexpr std::uint32_t fp32_infinity = 0x7f80'0000;
constexpr std::uint32_t fp32_nan = 0x7fc0'0000; ///< What `nan` means.

/** The nearest fp32 to a decimal number without sign; empty if it overflows, or
 * is not zero and would become zero. */
std::optional<std::uint32_t> fp32_nearest(std::string_view digits);

/** The fp32 that is this whole number; empty if there is none. */
std::optional<std::uint32_t> fp32_exact(std::int64_t value);

/** The shortest text that reads as these bits; `f32:0x…` for a NaN other than
 * `nan`. */
std::string fp32_text(std::uint32_t bits);

} // namespace neuron::encoding
