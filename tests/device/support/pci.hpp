// SPDX-License-Identifier: MIT
// One PCI function of a test machine, through the configuration ports and the memory-mapped configuration space.
#pragma once

#include "machine.hpp"

#include <cstdint>
#include <memory>

namespace neuron::test {

class PciFunction {
public:
    PciFunction(std::shared_ptr<Machine> machine, std::uint8_t bus, std::uint8_t slot, std::uint8_t function = 0)
        : machine_(std::move(machine)), bus_(bus), slot_(slot), function_(function) {}

    /// The one at the same place of another machine.
    PciFunction(std::shared_ptr<Machine> machine, const PciFunction &other)
        : PciFunction(std::move(machine), other.bus_, other.slot_, other.function_) {}

    /// Naturally aligned, in the first 256 bytes.
    std::uint8_t read8(std::uint16_t offset) const;
    std::uint16_t read16(std::uint16_t offset) const;
    std::uint32_t read32(std::uint16_t offset) const;
    void write8(std::uint16_t offset, std::uint8_t value) const;
    void write16(std::uint16_t offset, std::uint16_t value) const;
    void write32(std::uint16_t offset, std::uint32_t value) const;
    /// Anywhere in the 4 KiB of a PCIe function.
    std::uint32_t read_extended(std::uint16_t offset) const;
    void write_extended(std::uint16_t offset, std::uint32_t value) const;

    /// Offset of a capability (PCI_CAP_ID_…), 0 if there is none.
    std::uint16_t find_capability(std::uint8_t id) const;
    /// Offset of an extended capability (PCI_EXT_CAP_ID_…), 0 if there is none.
    std::uint16_t find_extended_capability(std::uint16_t id) const;

    /// Size of a BAR. Leaves it unassigned.
    std::uint64_t bar_size(unsigned bar) const;
    /// Assign a 64-bit BAR.
    void assign_bar(unsigned bar, std::uint64_t addr) const;
    /// Set and clear bits of the command register.
    void command(std::uint16_t set, std::uint16_t clear = 0) const;

    Machine &machine() const { return *machine_; }
    std::uint8_t slot() const { return slot_; }

private:
    void select(std::uint16_t offset) const;
    /// Where `offset` lies in the memory-mapped configuration space, which is switched on.
    std::uint64_t mapped(std::uint16_t offset) const;

    std::shared_ptr<Machine> machine_;
    std::uint8_t bus_;
    std::uint8_t slot_;
    std::uint8_t function_;
};

} // namespace neuron::test
