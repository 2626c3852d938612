// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "report.hpp"

namespace neuronctl {

/**
 * The fault plan that an argument means: its text, "@FILE", or "-" for standard input.
 * @return a usage error that names the file
 */
Outcome<std::string> plan_text(const std::string &argument);

} // namespace neuronctl
