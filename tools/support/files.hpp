// SPDX-License-Identifier: MIT
/**
 * @file
 * Whole files, with errors that name them.
 */
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include <neuron/error.hpp>

namespace neuron::support {

/** The bytes of a file. @return not_found, permission_denied or io. */
Result<std::vector<std::byte>> read_file(const std::filesystem::path &path);

/**
 * Writes a file so that no reader ever sees half of it: the bytes go to a temporary file beside it, which then takes its
 * name. Symbolic links are followed; what is not a regular file (a pipe, /dev/null) is written in place.
 * @return not_found if the directory does not exist, permission_denied, or io. Nothing is left behind on errors.
 */
Result<void> write_file(const std::filesystem::path &path, std::span<const std::byte> bytes);

/** Whether write_file() has a directory to write to; for checks before long work. */
Result<void> check_writable(const std::filesystem::path &path);

} // namespace neuron::support
