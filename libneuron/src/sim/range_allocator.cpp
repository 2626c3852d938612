// SPDX-License-Identifier: MIT
#include "range_allocator.hpp"

#include <algorithm>
#include <iterator>

namespace neuron::sim {

RangeAllocator::RangeAllocator(std::uint64_t begin, std::uint64_t end) : free_bytes_(end - begin) {
    if (begin < end)
        free_.emplace(begin, end);
}

std::optional<std::uint64_t> RangeAllocator::allocate(std::uint64_t size, std::uint64_t align, std::uint64_t limit) {
    for (auto at = free_.begin(); at != free_.end(); ++at) {
        const auto [begin, end] = *at;
        const std::uint64_t start = (begin + align - 1) & ~(align - 1);
        const std::uint64_t top = std::min(end, limit);
        if (start < begin || start >= top || size > top - start)
            continue;
        free_.erase(at);
        if (begin < start)
            free_.emplace(begin, start);
        if (start + size < end)
            free_.emplace(start + size, end);
        free_bytes_ -= size;
        return start;
    }
    return std::nullopt;
}

void RangeAllocator::free(std::uint64_t start, std::uint64_t size) {
    std::uint64_t end = start + size;
    free_bytes_ += size;
    auto next = free_.upper_bound(start);
    if (next != free_.end() && next->first == end) {
        end = next->second;
        next = free_.erase(next);
    }
    if (next != free_.begin()) {
        if (const auto before = std::prev(next); before->second == start) {
            before->second = end;
            return;
        }
    }
    free_.emplace(start, end);
}

} // namespace neuron::sim
