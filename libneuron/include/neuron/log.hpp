// SPDX-License-Identifier: MIT
/**
 * @file
 * What the library wants to say besides results: it never writes to stdout or stderr itself.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace neuron {

enum class LogLevel : std::uint8_t { error, warning, info, debug };

/**
 * Receives one line of text without a newline. Called from any thread, the chip model's worker threads included, and
 * with locks of the library held: it must not call the library.
 */
using LogCallback = std::function<void(LogLevel level, std::string_view message)>;

} // namespace neuron
