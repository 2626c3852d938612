// SPDX-License-Identifier: MIT
// Offsets and bits are those of Intel's VT-d specification, chapters 9 and 11.
#include "iommu.hpp"

#include "check.hpp"

namespace neuron::test {

namespace {

constexpr std::uint64_t BASE = 0xfed90000;
constexpr std::uint64_t GLOBAL_COMMAND = BASE + 0x18;
constexpr std::uint64_t GLOBAL_STATUS = BASE + 0x1c;
constexpr std::uint64_t ROOT_TABLE = BASE + 0x20;
constexpr std::uint64_t FAULT_STATUS = BASE + 0x34;
constexpr std::uint64_t FAULT_CONTROL = BASE + 0x38;
constexpr std::uint64_t FAULT_DATA = BASE + 0x3c;
constexpr std::uint64_t FAULT_ADDRESS = BASE + 0x40;

constexpr std::uint32_t SET_ROOT = 1u << 30;
constexpr std::uint32_t TRANSLATE = 1u << 31;
constexpr std::uint32_t FAULT_PENDING = 1u << 1;

constexpr std::uint64_t LOCAL_APIC = 0xfee00000;
/// Delivered as NMI: a processor that no firmware has set up takes nothing else.
constexpr std::uint32_t FAULT_MESSAGE = 4u << 8;

constexpr std::uint64_t PRESENT = 1;
constexpr std::uint64_t READ_WRITE = 3;
constexpr std::uint64_t LARGE = 1 << 7;
constexpr std::uint64_t ADDRESS = ~0xfffull;
constexpr std::uint64_t WIDTH_48 = 2;
constexpr std::uint64_t DOMAIN_1 = 1 << 8;
constexpr std::uint64_t PAGE = 2ull << 20;

} // namespace

Iommu::Iommu(Machine &machine) : machine_(machine), root_(machine.allocate(4096)), top_(machine.allocate(4096)) {}

void Iommu::attach(std::uint8_t bus, std::uint8_t devfn) {
    const std::uint64_t slot = root_ + 16ull * bus;
    std::uint64_t contexts = machine_.readq(slot) & ADDRESS;
    if (contexts == 0) {
        contexts = machine_.allocate(4096);
        machine_.writeq(slot, contexts | PRESENT);
    }
    machine_.writeq(contexts + 16ull * devfn + 8, WIDTH_48 | DOMAIN_1);
    machine_.writeq(contexts + 16ull * devfn, top_ | PRESENT);
}

std::uint64_t Iommu::next_table(std::uint64_t table, unsigned index) {
    const std::uint64_t slot = table + 8ull * index;
    std::uint64_t entry = machine_.readq(slot);
    if (entry == 0) {
        entry = machine_.allocate(4096) | READ_WRITE;
        machine_.writeq(slot, entry);
    }
    return entry & ADDRESS;
}

void Iommu::map(std::uint64_t io, std::uint64_t physical, std::uint64_t bytes) {
    for (std::uint64_t at = 0; at < bytes; at += PAGE) {
        const std::uint64_t va = io + at;
        std::uint64_t table = next_table(top_, static_cast<unsigned>(va >> 39 & 511));
        table = next_table(table, static_cast<unsigned>(va >> 30 & 511));
        machine_.writeq(table + 8 * (va >> 21 & 511), (physical + at) | READ_WRITE | LARGE);
    }
}

void Iommu::enable() {
    machine_.writel(FAULT_DATA, FAULT_MESSAGE);
    machine_.writel(FAULT_ADDRESS, LOCAL_APIC);
    machine_.writel(FAULT_CONTROL, 0);
    machine_.writeq(ROOT_TABLE, root_);
    machine_.writel(GLOBAL_COMMAND, SET_ROOT);
    machine_.writel(GLOBAL_COMMAND, TRANSLATE);
    assert_true(machine_.readl(GLOBAL_STATUS) & TRANSLATE);
}

bool Iommu::faulted() { return machine_.readl(FAULT_STATUS) & FAULT_PENDING; }

} // namespace neuron::test
