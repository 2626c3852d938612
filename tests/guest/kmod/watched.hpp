// SPDX-License-Identifier: MIT
// What tests do wrong on purpose, or only without the sanitizer, where all devices have it.
#pragma once

#include <string>

namespace kmod {

/// Whether the devices of this guest have the sanitizer, whose reports fail the boot.
bool has_sanitizer();
/// Ends the test as skipped there: rings do not keep the packets that are done.
void needs_old_packets();
/// There, a report of this kind must have come, and none of another kind but those that fail no boot. It is forgotten.
void expect_report(const std::string &kind);

} // namespace kmod
