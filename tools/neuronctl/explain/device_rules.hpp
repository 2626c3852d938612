// SPDX-License-Identifier: MIT
/**
 * @file
 * What is wrong with the device as a whole.
 */
#pragma once

#include "rules.hpp"

namespace neuronctl::explain {

std::vector<Finding> device_findings(const State &state);

} // namespace neuronctl::explain
