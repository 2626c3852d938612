// SPDX-License-Identifier: MIT
#include "root_port.hpp"

#include "check.hpp"

#include <nlohmann/json.hpp>

#include <linux/pci_regs.h>

namespace neuron::test {

namespace {

constexpr std::uint64_t WINDOW_BYTES = 0x1000000;
constexpr std::uint64_t PREFETCH_BYTES = 1ull << 32;

/// A bridge's 16-bit base or limit: address bits 31..20 in bits 15..4.
std::uint16_t window(std::uint64_t addr) { return static_cast<std::uint16_t>(addr >> 16 & 0xfff0); }

} // namespace

std::vector<std::string> RootPort::arguments() {
    return {"-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-device",
            "pcie-root-port,id=rp0,slot=1,chassis=1,addr=" + std::to_string(SLOT)};
}

Place RootPort::place() { return Place::number(1); }

RootPort::RootPort(std::shared_ptr<Machine> machine) : machine_(machine), port_(std::move(machine), 0, SLOT) {
    const Place at = place();
    port_.write8(PCI_SECONDARY_BUS, BUS);
    port_.write8(PCI_SUBORDINATE_BUS, BUS);
    port_.write16(PCI_MEMORY_BASE, window(at.regs));
    port_.write16(PCI_MEMORY_LIMIT, window(at.regs + WINDOW_BYTES - 1));
    port_.write16(PCI_PREF_MEMORY_BASE, window(at.aperture));
    port_.write16(PCI_PREF_MEMORY_LIMIT, window(at.aperture + PREFETCH_BYTES - 1));
    port_.write32(PCI_PREF_BASE_UPPER32, static_cast<std::uint32_t>(at.aperture >> 32));
    port_.write32(PCI_PREF_LIMIT_UPPER32, static_cast<std::uint32_t>((at.aperture + PREFETCH_BYTES - 1) >> 32));
    port_.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void RootPort::reset_bus() const {
    const std::uint16_t control = port_.read16(PCI_BRIDGE_CONTROL);
    port_.write16(PCI_BRIDGE_CONTROL, control | PCI_BRIDGE_CTL_BUS_RESET);
    port_.write16(PCI_BRIDGE_CONTROL, control);
}

void RootPort::set_slot_power(bool on) const {
    const std::uint16_t cap = port_.find_capability(PCI_CAP_ID_EXP);
    const auto control = static_cast<std::uint16_t>(cap + PCI_EXP_SLTCTL);
    port_.write16(control, on ? PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_PWR_ON
                              : PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PWR_OFF);
}

void RootPort::unplug(const std::string &id) const {
    machine_->qmp("device_del", {{"id", id}});
    set_slot_power(false);
    const nlohmann::json gone = machine_->wait_event("DEVICE_DELETED");
    assert_string_equal(gone.value("device", "").c_str(), id.c_str());
}

void RootPort::plug(const std::string &id) const {
    machine_->qmp("device_add",
                  {{"driver", "neuron"}, {"id", id}, {"bus", "rp0"}, {"hbm", 256 << 20}, {"aperture", 64 << 20}});
    set_slot_power(true);
}

} // namespace neuron::test
