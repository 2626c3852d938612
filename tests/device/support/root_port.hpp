// SPDX-License-Identifier: MIT
// A PCIe root port with one device behind it, and its hot-plug slot as a guest's driver handles it.
#pragma once

#include "neuron.hpp"

#include <memory>
#include <string>
#include <vector>

namespace neuron::test {

class RootPort {
public:
    static constexpr std::uint8_t SLOT = 3;
    static constexpr std::uint8_t BUS = 1;

    /// Arguments that put a port "rp0" with native hot-plug at SLOT.
    static std::vector<std::string> arguments();

    /// Give the port its bus number and its windows.
    explicit RootPort(std::shared_ptr<Machine> machine);

    /// Where the device behind the port goes.
    static Place place();
    /// The device behind the port, brought up.
    Neuron device() const { return Neuron(machine_, BUS, 0, place()); }

    const PciFunction &pci() const { return port_; }
    /// Resets the bus behind the port.
    void reset_bus() const;

    /// Unplug: ask QEMU to remove device `id`, and do the guest's part, which is to switch the slot off.
    void unplug(const std::string &id) const;
    /// Plug a new device in and switch the slot on.
    void plug(const std::string &id) const;

private:
    void set_slot_power(bool on) const;

    std::shared_ptr<Machine> machine_;
    PciFunction port_;
};

} // namespace neuron::test
