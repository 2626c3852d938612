// SPDX-License-Identifier: MIT
#pragma once

#include "../hbm.hpp"
#include "../host.hpp"
#include "memory_fault.hpp"

#include <array>
#include <cstdint>

namespace neuron::chip {

/// What one walk of a context's page table found: the leaf, and the entries around it that came with the same read.
struct WalkResult {
    /// Entries read at once from a last-level table: a streaming copy walks once per 128 KiB instead of once per page.
    static constexpr unsigned BLOCK = 32;

    std::uint64_t leaf = 0;
    std::uint64_t page_bytes = 0;
    std::uint64_t table = 0;                  ///< entry of the last-level table; 0 for a large page
    std::uint64_t block_va = 0;               ///< address that block[0] translates
    std::array<std::uint64_t, BLOCK> block{}; ///< entries fit to be cached; 0: not
};

/// Walks page tables in HBM and host memory. Stateless; any thread. Calls the host: hold no lock.
class PageWalker {
public:
    PageWalker(const Hbm &hbm, const Host &host) : hbm_(hbm), host_(host) {}

    /// Walks for `va` (below 2^48) from `root` (register PT_ROOT), or from the last-level table `table` if it is not 0.
    MemoryResult<WalkResult> walk(std::uint64_t root, std::uint64_t table, std::uint64_t va) const;

private:
    MemoryResult<std::uint64_t> read_entry(std::uint64_t table, std::uint64_t va, unsigned level) const;
    MemoryResult<WalkResult> finish(std::uint64_t table, std::uint64_t va) const;
    bool read_table(std::uint64_t table, std::uint64_t offset, std::span<std::byte> out) const;
    /// Whether entry `index` of the table lies in a spoilt line of HBM.
    bool spoilt(std::uint64_t table, std::uint64_t index) const;
    /// NONE when the leaf entry may be used for a page of `bytes`.
    spec::Fault check_leaf(std::uint64_t pte, std::uint64_t bytes) const;

    const Hbm &hbm_;
    const Host &host_;
};

} // namespace neuron::chip
