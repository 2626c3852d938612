// SPDX-License-Identifier: MIT
#include "page_walk.hpp"

#include <cstring>
#include <endian.h>

namespace neuron::chip {

namespace {

using spec::Fault;
namespace field = spec::field;

constexpr std::uint64_t ENTRY_BYTES = 8;
constexpr std::uint64_t PTE_BITS =
    field::PTE_VALID.mask | field::PTE_WRITE.mask | field::PTE_HBM.mask | field::PTE_LARGE.mask | field::PTE_ADDR.mask;
constexpr unsigned LARGE_LEVEL = 1;

std::uint64_t index_of(std::uint64_t va, unsigned level) {
    return va >> (spec::MMU_PAGE_SHIFT + level * spec::MMU_INDEX_BITS) & ((1U << spec::MMU_INDEX_BITS) - 1);
}

std::uint64_t address_of(std::uint64_t pte) { return pte & field::PTE_ADDR.mask; }

/// Checks the bits of a valid entry that do not depend on HBM.
bool well_formed(std::uint64_t pte, unsigned level) {
    if ((pte & ~PTE_BITS) != 0)
        return false;
    if ((pte & field::PTE_LARGE.mask) == 0)
        return true;
    return level == LARGE_LEVEL && address_of(pte) % (1ULL << spec::MMU_LARGE_PAGE_SHIFT) == 0;
}

MemoryFault table_fault(std::uint64_t va, std::uint64_t table, std::uint64_t index, Fault code = Fault::PAGE_TABLE) {
    return {code, va, address_of(table) + index * ENTRY_BYTES, false};
}

} // namespace

bool PageWalker::read_table(std::uint64_t table, std::uint64_t offset, std::span<std::byte> out) const {
    const std::uint64_t at = address_of(table) + offset;
    if ((table & field::PTE_HBM.mask) == 0)
        return host_.read(at, out);
    if (!hbm_.contains(at, out.size()))
        return false;
    hbm_.errors().about_to_read(at, out.size());
    std::memcpy(out.data(), hbm_.data() + at, out.size());
    return true;
}

bool PageWalker::spoilt(std::uint64_t table, std::uint64_t index) const {
    if (hbm_.errors().none() || (table & field::PTE_HBM.mask) == 0)
        return false;
    return hbm_.errors().first(address_of(table) + index * ENTRY_BYTES, ENTRY_BYTES).has_value();
}

Fault PageWalker::check_leaf(std::uint64_t pte, std::uint64_t bytes) const {
    const bool hbm = (pte & field::PTE_HBM.mask) != 0;
    return hbm && !hbm_.contains(address_of(pte), bytes) ? Fault::HBM_RANGE : Fault::NONE;
}

MemoryResult<std::uint64_t> PageWalker::read_entry(std::uint64_t table, std::uint64_t va, unsigned level) const {
    const std::uint64_t index = index_of(va, level);
    std::uint64_t raw = 0;
    if (!read_table(table, index * ENTRY_BYTES, std::as_writable_bytes(std::span(&raw, 1))))
        return tl::unexpected(table_fault(va, table, index));
    if (spoilt(table, index))
        return tl::unexpected(table_fault(va, table, index, Fault::HBM_ECC));
    const std::uint64_t pte = le64toh(raw);
    if ((pte & field::PTE_VALID.mask) == 0)
        return tl::unexpected(MemoryFault{Fault::PAGE_NOT_MAPPED, va});
    if (!well_formed(pte, level))
        return tl::unexpected(table_fault(va, table, index));
    return pte;
}

MemoryResult<WalkResult> PageWalker::walk(std::uint64_t root, std::uint64_t table, std::uint64_t va) const {
    if (table != 0)
        return finish(table, va);
    if ((root & ~(field::PTE_ADDR.mask | field::PTE_HBM.mask)) != 0)
        return tl::unexpected(MemoryFault{Fault::PAGE_TABLE, va, root, false});
    table = root;
    // The depth is fixed, so tables that point to themselves cost nothing.
    for (unsigned level = spec::MMU_LEVELS - 1; level >= LARGE_LEVEL; --level) {
        const auto pte = read_entry(table, va, level);
        if (!pte)
            return tl::unexpected(pte.error());
        if ((*pte & field::PTE_LARGE.mask) != 0) {
            const std::uint64_t bytes = 1ULL << spec::MMU_LARGE_PAGE_SHIFT;
            if (const Fault fault = check_leaf(*pte, bytes); fault != Fault::NONE)
                return tl::unexpected(MemoryFault{fault, va, address_of(*pte) + va % bytes, false});
            return WalkResult{.leaf = *pte, .page_bytes = bytes};
        }
        table = *pte;
    }
    return finish(table, va);
}

MemoryResult<WalkResult> PageWalker::finish(std::uint64_t table, std::uint64_t va) const {
    const std::uint64_t bytes = 1ULL << spec::MMU_PAGE_SHIFT;
    const std::uint64_t index = index_of(va, 0);
    const std::uint64_t first = index / WalkResult::BLOCK * WalkResult::BLOCK;
    WalkResult result{.page_bytes = bytes, .table = table, .block_va = (va / bytes - (index - first)) * bytes};
    if (!read_table(table, first * ENTRY_BYTES, std::as_writable_bytes(std::span(result.block))))
        return tl::unexpected(table_fault(va, table, index));
    if (spoilt(table, index))
        return tl::unexpected(table_fault(va, table, index, Fault::HBM_ECC));
    const std::uint64_t wanted = le64toh(result.block[index - first]);
    if ((wanted & field::PTE_VALID.mask) == 0)
        return tl::unexpected(MemoryFault{Fault::PAGE_NOT_MAPPED, va});
    if (!well_formed(wanted, 0))
        return tl::unexpected(table_fault(va, table, index));
    if (const Fault fault = check_leaf(wanted, bytes); fault != Fault::NONE)
        return tl::unexpected(MemoryFault{fault, va, address_of(wanted) + va % bytes, false});
    for (std::uint64_t i = first; std::uint64_t & entry : result.block) {
        entry = le64toh(entry);
        const bool usable = (entry & field::PTE_VALID.mask) != 0 && well_formed(entry, 0) &&
                            check_leaf(entry, bytes) == Fault::NONE && !spoilt(table, i);
        ++i;
        if (!usable)
            entry = 0;
    }
    result.leaf = wanted;
    return result;
}

} // namespace neuron::chip
