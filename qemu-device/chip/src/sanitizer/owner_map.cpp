// SPDX-License-Identifier: MIT
#include "owner_map.hpp"

#include "zero_words.hpp"

#include <neuron/spec.hpp>

#include <algorithm>
#include <atomic>
#include <sys/mman.h>

namespace neuron::chip {

namespace {

std::uint64_t page_of(std::uint64_t offset) { return offset / spec::PAGE_SIZE; }

/// Behind the last page of a range that is not empty.
std::uint64_t end_of(std::uint64_t offset, std::uint64_t bytes) { return page_of(offset + bytes - 1) + 1; }

std::atomic_ref<std::uint32_t> at(std::uint32_t *pages, std::uint64_t page) { return std::atomic_ref(pages[page]); }

} // namespace

std::unique_ptr<OwnerMap> OwnerMap::create(std::uint64_t hbm_bytes) {
    const std::size_t bytes = (page_of(hbm_bytes) + 1) * sizeof(std::uint32_t);
    void *pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return nullptr;
    madvise(pages, bytes, MADV_DONTDUMP);
    return std::unique_ptr<OwnerMap>(new OwnerMap(static_cast<std::uint32_t *>(pages), bytes));
}

OwnerMap::~OwnerMap() { munmap(pages_, map_bytes_); }

void OwnerMap::written(std::uint64_t offset, std::uint64_t bytes, std::uint64_t buffer) {
    if (bytes == 0)
        return;
    const auto number = static_cast<std::uint32_t>(buffer);
    for (std::uint64_t page = page_of(offset); page < end_of(offset, bytes); ++page)
        if (at(pages_, page).load(std::memory_order_relaxed) != number)
            at(pages_, page).store(number, std::memory_order_relaxed);
}

void OwnerMap::forget(std::uint64_t offset, std::uint64_t bytes) {
    zero_words(pages_, page_of(offset), page_of(offset + bytes));
}

std::optional<OwnerMap::Foreign> OwnerMap::first_foreign(std::uint64_t offset, std::uint64_t bytes,
                                                         std::uint64_t buffer) const {
    if (bytes == 0)
        return std::nullopt;
    for (std::uint64_t page = page_of(offset); page < end_of(offset, bytes); ++page) {
        const std::uint32_t owner = at(pages_, page).load(std::memory_order_relaxed);
        if (owner != 0 && owner != static_cast<std::uint32_t>(buffer))
            return Foreign{std::max(offset, page * spec::PAGE_SIZE), owner};
    }
    return std::nullopt;
}

} // namespace neuron::chip
