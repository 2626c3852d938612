// SPDX-License-Identifier: MIT
// A context's page table in guest RAM.
#pragma once

#include "machine.hpp"

#include <cstdint>

namespace neuron::test {

class PageTable {
public:
    explicit PageTable(Machine &machine) : machine_(machine), root_(machine.allocate(4096)) {}

    /// Bus address of the root table.
    std::uint64_t root() const { return root_; }

    /// Map guest memory, 4 KiB pages; `va`, `bus` and `bytes` are multiples of 4 KiB.
    void map_host(std::uint64_t va, std::uint64_t bus, std::uint64_t bytes, bool writable = true);
    /// Map HBM, 2 MiB pages; all arguments are multiples of 2 MiB.
    void map_hbm(std::uint64_t va, std::uint64_t offset, std::uint64_t bytes, bool writable = true);
    /// Write one entry as it is; `level` 0 is the last. For malformed tables.
    void set_entry(std::uint64_t va, unsigned level, std::uint64_t entry);

private:
    std::uint64_t table(std::uint64_t va, unsigned level);

    Machine &machine_;
    std::uint64_t root_;
};

} // namespace neuron::test
