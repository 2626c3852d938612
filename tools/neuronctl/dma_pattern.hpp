// SPDX-License-Identifier: MIT
/**
 * @file
 * Bytes that tell when they are not where they should be.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace neuronctl {

enum class Pattern {
    random,  ///< From the seed; no two places look alike.
    address, ///< Each 8-byte word is its own number.
    count,   ///< 0, 1, 2, ... 255, 0, ...
    checker, ///< 0x55, 0xaa, ...
    ones,
    zeros,
};

/** "random,address,..." */
std::string pattern_names();
std::optional<Pattern> find_pattern(std::string_view name);
std::string_view name(Pattern pattern);

/** The byte at a place of the pattern. */
std::byte byte_at(Pattern pattern, std::uint64_t seed, std::uint64_t place);
void write_pattern(Pattern pattern, std::uint64_t seed, std::span<std::byte> bytes);

/** What lies around a transfer: anything else there has been overwritten. */
inline constexpr std::byte guard_byte{0xa5};

/** The first byte that is not what it should be. */
struct BadByte {
    std::int64_t place = 0; ///< Of the transfer; negative or beyond its length: beside it.
    std::byte got{};
    std::byte want{};
    std::uint64_t count = 0; ///< Bytes that differ, those beside the transfer included.
};

/**
 * Looks at a destination: `size` bytes of the pattern from `offset` on, and the guard before and after them.
 */
std::optional<BadByte> verify_pattern(std::span<const std::byte> memory, std::uint64_t offset, std::uint64_t size,
                                      Pattern pattern, std::uint64_t seed);

/** "byte 17 is 0x00 and should be 0x5a; 3 bytes differ". */
std::string describe(const BadByte &bad, std::uint64_t size);

} // namespace neuronctl
