// SPDX-License-Identifier: MIT
#include "pci.hpp"

#include <linux/pci_regs.h>

namespace neuron::test {

namespace {

constexpr std::uint16_t CONFIG_ADDRESS = 0xcf8;
constexpr std::uint16_t CONFIG_DATA = 0xcfc;

/// q35's host bridge: where the memory-mapped configuration space begins, bit 0 enables it.
constexpr std::uint16_t PCIEXBAR = 0x60;
constexpr std::uint64_t ECAM = 0xb0000000;

} // namespace

void PciFunction::select(std::uint16_t offset) const {
    machine_->outl(CONFIG_ADDRESS, 1u << 31 | static_cast<std::uint32_t>(bus_) << 16 |
                                       static_cast<std::uint32_t>(slot_) << 11 |
                                       static_cast<std::uint32_t>(function_) << 8 | (offset & 0xfcu));
}

std::uint32_t PciFunction::read32(std::uint16_t offset) const {
    select(offset);
    return machine_->inl(CONFIG_DATA);
}

std::uint16_t PciFunction::read16(std::uint16_t offset) const {
    return static_cast<std::uint16_t>(read32(offset & 0xfc) >> (offset & 2) * 8);
}

std::uint8_t PciFunction::read8(std::uint16_t offset) const {
    return static_cast<std::uint8_t>(read32(offset & 0xfc) >> (offset & 3) * 8);
}

void PciFunction::write32(std::uint16_t offset, std::uint32_t value) const {
    select(offset);
    machine_->outl(CONFIG_DATA, value);
}

void PciFunction::write16(std::uint16_t offset, std::uint16_t value) const {
    select(offset);
    machine_->outw(static_cast<std::uint16_t>(CONFIG_DATA + (offset & 2)), value);
}

void PciFunction::write8(std::uint16_t offset, std::uint8_t value) const {
    select(offset);
    machine_->outb(static_cast<std::uint16_t>(CONFIG_DATA + (offset & 3)), value);
}

std::uint64_t PciFunction::mapped(std::uint16_t offset) const {
    const PciFunction host_bridge(machine_, 0, 0);
    host_bridge.write32(PCIEXBAR, static_cast<std::uint32_t>(ECAM) | 1);
    return ECAM + (static_cast<std::uint64_t>(bus_) << 20) + (static_cast<std::uint64_t>(slot_) << 15) +
           (static_cast<std::uint64_t>(function_) << 12) + offset;
}

std::uint32_t PciFunction::read_extended(std::uint16_t offset) const { return machine_->readl(mapped(offset)); }

void PciFunction::write_extended(std::uint16_t offset, std::uint32_t value) const {
    machine_->writel(mapped(offset), value);
}

std::uint16_t PciFunction::find_capability(std::uint8_t id) const {
    std::uint16_t at = read8(PCI_CAPABILITY_LIST);
    for (int limit = 48; at != 0 && limit > 0; limit--) {
        if (read8(at + PCI_CAP_LIST_ID) == id)
            return at;
        at = read8(at + PCI_CAP_LIST_NEXT);
    }
    return 0;
}

std::uint16_t PciFunction::find_extended_capability(std::uint16_t id) const {
    std::uint16_t at = PCI_CFG_SPACE_SIZE;
    for (int limit = 64; at != 0 && limit > 0; limit--) {
        const std::uint32_t header = read_extended(at);
        if (PCI_EXT_CAP_ID(header) == id)
            return at;
        at = static_cast<std::uint16_t>(PCI_EXT_CAP_NEXT(header));
    }
    return 0;
}

std::uint64_t PciFunction::bar_size(unsigned bar) const {
    assign_bar(bar, ~0ull);
    const auto low = static_cast<std::uint16_t>(PCI_BASE_ADDRESS_0 + 4 * bar);
    const std::uint64_t mask =
        static_cast<std::uint64_t>(read32(static_cast<std::uint16_t>(low + 4))) << 32 | (read32(low) & ~0xfu);
    assign_bar(bar, 0);
    return ~mask + 1;
}

void PciFunction::assign_bar(unsigned bar, std::uint64_t addr) const {
    const auto low = static_cast<std::uint16_t>(PCI_BASE_ADDRESS_0 + 4 * bar);
    write32(low, static_cast<std::uint32_t>(addr));
    write32(static_cast<std::uint16_t>(low + 4), static_cast<std::uint32_t>(addr >> 32));
}

void PciFunction::command(std::uint16_t set, std::uint16_t clear) const {
    write16(PCI_COMMAND, static_cast<std::uint16_t>((read16(PCI_COMMAND) & ~clear) | set));
}

} // namespace neuron::test
