// SPDX-License-Identifier: MIT
/**
 * @file
 * What launches run, from the processes that have loaded it.
 */
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules.hpp"

namespace neuronctl::explain {

/** Lines of /proc/PID/maps that are memory of a name, as files below map_files: "7f0000-7f1000". */
std::vector<std::string> mapped_memory(std::string_view maps, std::string_view name);

/**
 * By hardware queue, for those that are at a launch whose process is there and has the program from libneuron. Only root
 * may look into others' processes; without that, and without memory of that kind, there is none.
 */
Programs loaded_programs(const State &state);

} // namespace neuronctl::explain
