// SPDX-License-Identifier: MIT
/**
 * @file
 * What the device's sanitizer has reported: the driver's text of it, and what is said.
 */
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "rules.hpp"

namespace neuronctl::explain {

/** A line of the driver's file; nothing if it is no report. */
std::optional<Report> report_of(std::string_view line);
std::vector<Report> reports_of(std::string_view text);

std::vector<Finding> sanitizer_findings(const State &state);

} // namespace neuronctl::explain
