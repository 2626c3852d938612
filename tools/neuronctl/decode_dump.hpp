// SPDX-License-Identifier: MIT
/**
 * @file
 * Whole coredumps by the contract's names.
 */
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "report.hpp"

namespace neuronctl {

/** A coredump, decoded: for people and for programs. */
struct DecodedDump {
    std::string text;
    Json json; ///< "header", "sections", "complete".
};

/** @return nothing if the text is no coredump of the driver. */
std::optional<DecodedDump> decode_dump(std::string_view text);

} // namespace neuronctl
