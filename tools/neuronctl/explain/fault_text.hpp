// SPDX-License-Identifier: MIT
/**
 * @file
 * A fault as text, with the buffer that its address is about.
 */
#pragma once

#include "state.hpp"

namespace neuronctl::explain {

std::string fault_text(const Fault &fault, const State &state, std::uint64_t ctx);

} // namespace neuronctl::explain
