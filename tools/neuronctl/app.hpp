// SPDX-License-Identifier: MIT
/**
 * @file
 * The whole command line, as data: the program parses with it, and manual pages and completions are made from it.
 */
#pragma once

#include "commands.hpp"

namespace neuronctl {

/** Adds all commands and the options before them. `global` and `action` must outlive the parser. */
void build_app(CLI::App &app, Global &global, Action &action);

/** "neuronctl 0.1.0 (hardware contract 1.2)". */
std::string version_line();

} // namespace neuronctl
