// SPDX-License-Identifier: MIT
/**
 * @file
 * What the kernel shows in files: sysfs, procfs, debugfs.
 */
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report.hpp"

namespace neuronctl::sys {

/** A path of the system; below $NEURONCTL_ROOT if that is set, which is for tests. */
std::string path(std::string_view absolute);

/** The text of a file without its last newline; empty if it cannot be read. */
std::optional<std::string> read(std::string_view absolute);

/** Names in a folder, sorted; none if there is no such folder. */
std::vector<std::string> list(std::string_view absolute);

bool exists(std::string_view absolute);

/** Where a symbolic link leads to, the last part of it; empty if it is none. */
std::string link_name(std::string_view absolute);

/** Writes a file. @return 0 or errno */
int write(std::string_view absolute, std::string_view text);

std::optional<std::uint64_t> number(std::string_view text);

/** What a file says that answers what was written to it; an errno without an answer. @p path is as of sys::path(). */
struct Answer {
    int error = 0;
    std::string text{};
};
Answer ask(const std::string &path, const std::string &question);

/** The words of a line; blanks in quotation marks, as in label="first layer", do not end one. The marks go. */
std::vector<std::string> words(std::string_view line);

/** "a=1 b=x" as a map. Words without '=' are left out. */
std::map<std::string, std::string> fields(std::string_view line);

std::vector<std::string> lines(std::string_view text);

/** PCI addresses of our devices, bound to a driver or not. */
std::vector<std::string> pci_devices();

/**
 * The PCI address that a --device option names: "accel1", "/dev/accel/accel1", an address, or empty for the only one.
 */
Outcome<std::string> address_of(const std::string &device);

/** A file of the driver's folder in debugfs. Root only: the error says so. */
Outcome<std::string> debugfs(const std::string &address, std::string_view file);

/** The path of it, after the same looks. */
Outcome<std::string> debugfs_path(const std::string &address, std::string_view file);

} // namespace neuronctl::sys
