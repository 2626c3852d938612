// SPDX-License-Identifier: MIT
/**
 * @file
 * One verified transfer: what dma copy, fill and test consist of.
 */
#pragma once

#include <chrono>

#include "dma_pattern.hpp"
#include "dma_place.hpp"
#include "session.hpp"

namespace neuronctl {

struct Transfer {
    std::uint64_t from_offset = 0;
    std::uint64_t to_offset = 0;
    std::uint64_t bytes = 0;
    Pattern pattern = Pattern::random;
    std::uint64_t seed = 0;
};

/** Bytes beside a transfer that are watched, where the buffer has them. */
inline constexpr std::uint64_t guard_bytes = 256;

/** Copies, looks at every byte, and at those beside them. @return how long the device's part took */
Outcome<std::chrono::nanoseconds> copy_verified(Session &session, const Arena &from, const Arena &to,
                                                const Transfer &transfer);

/** The same for FILL: an 8-byte value from to_offset on. */
Outcome<std::chrono::nanoseconds> fill_verified(Session &session, const Arena &to, std::uint64_t offset,
                                                std::uint64_t bytes, std::uint64_t value);

/** How many bytes a buffer must have for a transfer at an offset. */
constexpr std::uint64_t room_for(std::uint64_t offset, std::uint64_t bytes) { return offset + bytes + guard_bytes; }

} // namespace neuronctl
