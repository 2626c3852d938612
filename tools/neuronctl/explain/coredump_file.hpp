// SPDX-License-Identifier: MIT
/**
 * @file
 * Where coredumps are: in files, or in the kernel.
 */
#pragma once

#include <string>

#include "../report.hpp"

namespace neuronctl::explain {

struct DumpText {
    std::string name; ///< Of the file.
    std::string text;
};

/** The coredump of a device that the kernel holds. `otherwise` ends the hint that is given where there is none. */
Outcome<DumpText> kernel_coredump(const std::string &otherwise = "");

/** That file, or if it is empty the coredump of a device that the kernel holds. */
Outcome<DumpText> find_coredump(const std::string &file);

} // namespace neuronctl::explain
