// SPDX-License-Identifier: MIT
// What tests do wrong on purpose, or only without the sanitizer, where all devices have it.
#pragma once

#include <string>

namespace kmod {

/// Whether the devices of this guest have the sanitizer, whose reports fail the boot.
bool has_sanitizer();
/// Ends the test as skipped there: rings do not keep the packets that are done.
void needs_old_packets();
/// There, forgets reports of this kind, and says whether one had come; fails when one of another kind has, but for those that fail no boot.
bool forget_reports(const std::string &kind);
/// The same, and one must have come.
void expect_report(const std::string &kind);

} // namespace kmod
