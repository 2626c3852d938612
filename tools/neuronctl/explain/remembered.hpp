// SPDX-License-Identifier: MIT
/**
 * @file
 * What device, driver and kernel remember of a device, when those whom it was about may be gone.
 */
#pragma once

#include <string>
#include <string_view>

#include "state.hpp"

namespace neuronctl::explain {

/**
 * Adds what the driver has counted and the kernel's log says of it, and what only the device knows: reports of the sanitizer, and
 * what failed last. One that sleeps is woken.
 */
void read_remembered(State &state);

/**
 * Adds to @p losses what a record of the kernel's log says, as /dev/kmsg has it.
 * @param now_us When the log was read, on its clock.
 */
void note_log_record(Losses &losses, const std::string &address, std::string_view record, std::uint64_t now_us);

} // namespace neuronctl::explain
