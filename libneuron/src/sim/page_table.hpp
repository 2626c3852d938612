// SPDX-License-Identifier: MIT
// A context's page table, as spec/mmu.toml describes it, in host memory.
#pragma once

#include <array>
#include <memory>

#include "host_memory.hpp"

namespace neuron::sim {

/** Where a range of pages is. */
struct PageTarget {
    std::uint64_t address; ///< bus address, or offset in HBM
    bool hbm;
    bool write; ///< the device may write
};

/** Not thread-safe; the chip may read while entries change. Who unmaps flushes the TLB afterwards. */
class PageTable {
public:
    static Result<PageTable> create(HostMemory &memory);

    /** Value of the context's PT_ROOT register. */
    std::uint64_t root() const noexcept;

    /** Maps pages that are not mapped. Undone if it runs out of memory. */
    Result<void> map(std::uint64_t va, std::uint64_t bytes, const PageTarget &target);
    void unmap(std::uint64_t va, std::uint64_t bytes);

private:
    static constexpr std::size_t entries = std::size_t{1} << spec::MMU_INDEX_BITS;

    struct Table {
        HostMemory::Block memory;
        std::array<std::unique_ptr<Table>, entries> children{};
    };

    explicit PageTable(HostMemory &memory) : memory_(&memory) {}
    Result<std::unique_ptr<Table>> make_table();
    Result<Table *> child(Table &table, std::size_t index);

    HostMemory *memory_;
    std::unique_ptr<Table> root_;
};

} // namespace neuron::sim
