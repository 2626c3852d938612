// SPDX-License-Identifier: MIT
// QEMU's intel-iommu, programmed far enough to translate the DMA of a few functions.
#pragma once

#include "machine.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace neuron::test {

class Iommu {
public:
    static std::vector<std::string> arguments() { return {"-device", "intel-iommu,intremap=off,aw-bits=48"}; }

    /// Tables that translate nothing; nothing is enabled yet.
    explicit Iommu(Machine &machine);

    /// Give function `devfn` of `bus` the translations of this object.
    void attach(std::uint8_t bus, std::uint8_t devfn);
    /// Translate IO addresses, 2 MiB pages; all arguments are multiples of 2 MiB below 1 TiB.
    void map(std::uint64_t io, std::uint64_t physical, std::uint64_t bytes);
    /// IO addresses of RAM are its physical addresses.
    void map_ram() { map(0, 0, Machine::RAM_BYTES); }
    /// Switch translation on, with an interrupt for each fault.
    void enable();
    /// Whether a fault has been recorded.
    bool faulted();

private:
    std::uint64_t next_table(std::uint64_t table, unsigned index);

    Machine &machine_;
    std::uint64_t root_;
    std::uint64_t top_;
};

} // namespace neuron::test
