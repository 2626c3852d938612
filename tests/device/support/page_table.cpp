// SPDX-License-Identifier: MIT
#include "page_table.hpp"

#include <neuron/spec.hpp>

namespace neuron::test {

namespace {

unsigned index(std::uint64_t va, unsigned level) {
    return static_cast<unsigned>(va >> (spec::MMU_PAGE_SHIFT + spec::MMU_INDEX_BITS * level)) &
           ((1u << spec::MMU_INDEX_BITS) - 1);
}

std::uint64_t leaf(std::uint64_t addr, bool writable, bool hbm, bool large) {
    return spec::field::PTE_VALID.set(1) | spec::field::PTE_WRITE.set(writable) | spec::field::PTE_HBM.set(hbm) |
           spec::field::PTE_LARGE.set(large) | addr;
}

} // namespace

std::uint64_t PageTable::table(std::uint64_t va, unsigned level) {
    std::uint64_t at = root_;
    for (unsigned above = spec::MMU_LEVELS - 1; above > level; above--) {
        const std::uint64_t slot = at + 8ull * index(va, above);
        std::uint64_t entry = machine_.readq(slot);
        if (!spec::field::PTE_VALID.get(entry)) {
            entry = machine_.allocate(4096) | spec::field::PTE_VALID.set(1);
            machine_.writeq(slot, entry);
        }
        at = entry & spec::field::PTE_ADDR.mask;
    }
    return at;
}

void PageTable::set_entry(std::uint64_t va, unsigned level, std::uint64_t entry) {
    machine_.writeq(table(va, level) + 8ull * index(va, level), entry);
}

void PageTable::map_host(std::uint64_t va, std::uint64_t bus, std::uint64_t bytes, bool writable) {
    for (std::uint64_t at = 0; at < bytes; at += 1ull << spec::MMU_PAGE_SHIFT)
        set_entry(va + at, 0, leaf(bus + at, writable, false, false));
}

void PageTable::map_hbm(std::uint64_t va, std::uint64_t offset, std::uint64_t bytes, bool writable) {
    for (std::uint64_t at = 0; at < bytes; at += 1ull << spec::MMU_LARGE_PAGE_SHIFT)
        set_entry(va + at, 1, leaf(offset + at, writable, true, true));
}

} // namespace neuron::test
