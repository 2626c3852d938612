// SPDX-License-Identifier: MIT
/**
 * @file
 * Lines of source for what programs have told a device about their code, as long as they run.
 */
#pragma once

#include <cstdint>
#include <string>

namespace neuronctl::explain {

/** "foo.cc:88 (program+0x1234)" of "program+0x1234"; as it is without debug information, or if that process has ended. */
std::string with_line(std::uint64_t pid, const std::string &place);

/** The same for each "by pid 412 at program+0x1234" in a text of a device. */
std::string with_lines(const std::string &text);

} // namespace neuronctl::explain
