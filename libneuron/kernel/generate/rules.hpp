// SPDX-License-Identifier: MIT
/**
 * @file
 * The contract's tables as checks of the compiler.
 */
#pragma once

#include "call.hpp"

namespace neuron::generate {

/** The struct that checks an operand by itself. */
std::string operand_rules(const Call &call, const OperandDesc &operand);
/** Statements that check the engine, and the operands of the function against each other. */
std::string call_rules(const Call &call);

} // namespace neuron::generate
