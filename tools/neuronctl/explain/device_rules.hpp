// SPDX-License-Identifier: MIT
/**
 * @file
 * What is wrong with the device as a whole.
 */
#pragma once

#include "rules.hpp"

namespace neuronctl::explain {

std::vector<Finding> device_findings(const State &state);

/** When a queue was lost, as far as the driver's counters tell: "in a reset of the device". */
std::string loss_text(const State &state);

/** What brings a device back that the driver has given up, as a sentence without a full stop. */
std::string remedy_text(const std::string &device, const std::optional<Function> &function);

} // namespace neuronctl::explain
