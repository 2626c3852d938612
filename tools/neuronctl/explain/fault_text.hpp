// SPDX-License-Identifier: MIT
/**
 * @file
 * A fault as text, with the buffer that its address is about.
 */
#pragma once

#include <neuron/error.hpp>

#include "state.hpp"

namespace neuronctl::explain {

/** As the library describes it. */
neuron::FaultInfo fault_info(const Fault &fault);

std::string fault_text(const Fault &fault, const State &state, std::uint64_t ctx);

} // namespace neuronctl::explain
