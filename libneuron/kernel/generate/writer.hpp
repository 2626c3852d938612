// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace neuron::generate {

/** neuron/builder/tables.hpp */
std::string tables();
/** neuron/builder/instructions.hpp */
std::string instructions();
/** docs/reference/builder-calls.md */
std::string calls();

} // namespace neuron::generate
