// SPDX-License-Identifier: MIT
#pragma once

#include <neuron/spec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// Cached page table entries of one context: leaves of both sizes, and pointers to last-level tables. Direct-mapped;
/// holds only entries that passed every check but the one for WRITE. Not thread-safe: AddressSpace locks.
class Tlb {
public:
    struct Leaf {
        std::uint64_t pte;
        std::uint64_t page_bytes;
    };

    /// The leaf that covers `va`; pte 0 when it is not cached.
    Leaf find(std::uint64_t va) const {
        const std::uint64_t page = va >> spec::MMU_PAGE_SHIFT;
        if (const Entry &entry = pages_[page % pages_.size()]; entry.tag == page)
            return {entry.value, 1ULL << spec::MMU_PAGE_SHIFT};
        const std::uint64_t large = va >> spec::MMU_LARGE_PAGE_SHIFT;
        if (const Entry &entry = large_pages_[large % large_pages_.size()]; entry.tag == large)
            return {entry.value, 1ULL << spec::MMU_LARGE_PAGE_SHIFT};
        return {0, 0};
    }

    /// The entry that points to the last-level table for `va`, 0 when it is not cached.
    std::uint64_t find_table(std::uint64_t va) const {
        const std::uint64_t large = va >> spec::MMU_LARGE_PAGE_SHIFT;
        const Entry &entry = tables_[large % tables_.size()];
        return entry.tag == large ? entry.value : 0;
    }

    void insert_page(std::uint64_t va, std::uint64_t pte) { insert(pages_, va >> spec::MMU_PAGE_SHIFT, pte); }
    void insert_large(std::uint64_t va, std::uint64_t pte) {
        insert(large_pages_, va >> spec::MMU_LARGE_PAGE_SHIFT, pte);
    }
    void insert_table(std::uint64_t va, std::uint64_t pte) { insert(tables_, va >> spec::MMU_LARGE_PAGE_SHIFT, pte); }

    void clear() {
        pages_.fill({});
        large_pages_.fill({});
        tables_.fill({});
    }

private:
    struct Entry {
        std::uint64_t tag = ~0ULL; ///< no page has this number
        std::uint64_t value = 0;
    };

    template<std::size_t N>
    static void insert(std::array<Entry, N> &set, std::uint64_t tag, std::uint64_t value) {
        set[tag % N] = {tag, value};
    }

    std::array<Entry, 1024> pages_;
    std::array<Entry, 64> large_pages_;
    std::array<Entry, 64> tables_;
};

} // namespace neuron::chip
