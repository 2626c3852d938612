// SPDX-License-Identifier: MIT
#include "dma_map.hpp"

#include <algorithm>

namespace neuron::chip {

namespace {

/// Calls `visit` with the number of each page of a range; false ends it.
template<class Visit>
void for_each_page(std::uint64_t bus, std::uint64_t bytes, Visit &&visit) {
    const std::uint64_t last = (bus + bytes - 1) / spec::PAGE_SIZE;
    for (std::uint64_t page = bus / spec::PAGE_SIZE; page <= last; ++page)
        if (!visit(page))
            return;
}

} // namespace

void DmaMap::forget_withdrawn_locked() {
    std::erase_if(pages_, [](const auto &at) { return at.second.count == 0; });
    full_ = pages_.size() >= MAX_PAGES;
    if (full_)
        pages_.clear();
}

void DmaMap::map(std::uint64_t bus, std::uint64_t bytes, const Label &label) {
    const std::lock_guard lock(mutex_);
    for_each_page(bus, bytes, [&](std::uint64_t number) {
        if (!full_ && pages_.size() == MAX_PAGES)
            forget_withdrawn_locked();
        if (full_)
            return false;
        Page &page = pages_[number];
        ++page.count;
        page.label = label;
        return true;
    });
}

void DmaMap::unmap(std::uint64_t bus, std::uint64_t bytes, std::uint32_t pid, std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    for_each_page(bus, bytes, [&](std::uint64_t number) {
        const auto at = pages_.find(number);
        if (at == pages_.end() || at->second.count == 0)
            return true; // it was never told
        --at->second.count;
        at->second.pid = pid;
        at->second.time_ns = now_ns;
        return true;
    });
}

void DmaMap::clear() {
    const std::lock_guard lock(mutex_);
    pages_.clear();
    full_ = false;
}

std::optional<DmaMap::Withdrawn> DmaMap::find(std::uint64_t bus, std::uint64_t bytes) const {
    const std::lock_guard lock(mutex_);
    std::optional<Withdrawn> found;
    if (pages_.empty())
        return found;
    for_each_page(bus, bytes, [&](std::uint64_t number) {
        const auto at = pages_.find(number);
        if (at == pages_.end() || at->second.count != 0)
            return true;
        const Page &page = at->second;
        found = {std::max(bus, number * spec::PAGE_SIZE), page.time_ns, page.pid, page.label};
        return false;
    });
    return found;
}

} // namespace neuron::chip
