// SPDX-License-Identifier: MIT
/**
 * @file
 * Registers as people name them.
 */
#pragma once

#include <string>

#include <neuron/spec.hpp>

#include "report.hpp"

namespace neuronctl {

/** "QUEUE[3].STATUS", "GLOBAL.STATUS". */
std::string register_name(const neuron::spec::RegisterRef &where);

/** From such a name in any case, one without the block if only one block has it, or an offset in BAR REGS. */
Outcome<neuron::spec::RegisterRef> register_by_name(const std::string &text);

} // namespace neuronctl
