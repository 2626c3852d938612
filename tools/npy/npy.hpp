// SPDX-License-Identifier: MIT
/**
 * @file
 * NumPy's array files, versions 1.0 and 2.0, strictly: dense little-endian arrays in C order of the element types that
 * the device knows.
 *
 * bf16 is a two-byte void ("<V2"), as ml_dtypes writes it. uint16 would let a tensor of integers pass for floats.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/error.hpp>

namespace neuron::npy {

struct Array {
    spec::Dtype dtype{};
    std::vector<std::uint64_t> shape; ///< Outermost first; empty for a single value.
    std::vector<std::byte> file;      ///< The whole file.
    std::size_t data_offset = 0;      ///< Of the first element.

    std::span<const std::byte> data() const noexcept { return std::span(file).subspan(data_offset); }
};

/**
 * Reads an array file.
 * @return What support::read_file() returns; invalid_argument, with the path, for anything that is not as described above.
 */
Result<Array> read(const std::filesystem::path &path);

/** The same from memory. @p name stands for the path in messages. */
Result<Array> parse(std::vector<std::byte> file, std::string_view name);

/** The bytes of an array file, version 1.0. @p data must have as many bytes as shape and type say. */
std::vector<std::byte> format(spec::Dtype dtype, std::span<const std::uint64_t> shape, std::span<const std::byte> data);

/** format() into a file, atomically; see support::write_file(). */
Result<void> write(const std::filesystem::path &path, spec::Dtype dtype, std::span<const std::uint64_t> shape,
                   std::span<const std::byte> data);

} // namespace neuron::npy
