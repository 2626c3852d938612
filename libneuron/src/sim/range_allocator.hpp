// SPDX-License-Identifier: MIT
// Address ranges, first fit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace neuron::sim {

/** Hands out ranges of [begin, end). Not thread-safe. */
class RangeAllocator {
public:
    RangeAllocator(std::uint64_t begin, std::uint64_t end);

    /** The lowest free range of that size whose start is a multiple of `align` (a power of two) and that ends at or below `limit`. */
    std::optional<std::uint64_t> allocate(std::uint64_t size, std::uint64_t align, std::uint64_t limit = UINT64_MAX);
    /** Gives back what allocate() returned. */
    void free(std::uint64_t start, std::uint64_t size);
    std::uint64_t free_bytes() const noexcept { return free_bytes_; }

private:
    std::map<std::uint64_t, std::uint64_t> free_; // start -> end, neither empty nor adjacent
    std::uint64_t free_bytes_;
};

} // namespace neuron::sim
