// SPDX-License-Identifier: MIT
// The device under test, seen as its driver sees it: registers, doorbells, aperture, vectors, events.
#pragma once

#include "pci.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <neuron/spec.hpp>

namespace neuron::test {

/// Where a device's BARs go. Two devices of a machine need two places; behind a root port the port's windows decide.
struct Place {
    std::uint64_t regs = 0xe0000000;
    std::uint64_t doorbells = 0xe0100000;
    std::uint64_t aperture = 0x8000000000;

    /// Room for the n-th device of a machine.
    static Place number(unsigned n);
};

class Neuron {
public:
    /// The slot on bus 0 that machine() uses.
    static constexpr std::uint8_t SLOT = 4;

    /// Map the BARs, allow DMA and wait until the device is READY.
    Neuron(std::shared_ptr<Machine> machine, std::uint8_t bus, std::uint8_t slot, Place place = {});

    /// The device of a machine that was restored, as it was: at the same place, and nothing of it is touched.
    Neuron(std::shared_ptr<Machine> machine, const Neuron &before);

    /// A machine with one device at SLOT, `properties` like "stepped=on,seed=3". Small HBM, so that a test is quick.
    static Neuron boot(const std::string &properties = "", std::vector<std::string> more_args = {});
    /// The same device again after its config space was lost (FLR): map the BARs, allow DMA, wait until READY.
    void bring_up();

    std::uint32_t reg32(std::uint32_t offset) const { return machine().readl(place_.regs + offset); }
    std::uint64_t reg64(std::uint32_t offset) const { return machine().readq(place_.regs + offset); }
    void set32(std::uint32_t offset, std::uint32_t value) const { machine().writel(place_.regs + offset, value); }
    void set64(std::uint32_t offset, std::uint64_t value) const { machine().writeq(place_.regs + offset, value); }
    void ring(std::uint32_t ctx, std::uint32_t slot, std::uint32_t tail) const;

    bool ready() const { return spec::field::GLOBAL_STATUS_READY.get(reg32(spec::reg::GLOBAL_STATUS)); }

    /// Enable MSI-X; vector `v` writes `data` to guest RAM, so that an interrupt is a word to look at.
    void enable_msix() const;
    /// Give vector `v` a message. Returns the address of the word that it writes (0 so far).
    std::uint64_t arm_vector(unsigned v, std::uint32_t data, bool masked = false) const;
    void mask_vector(unsigned v, bool masked) const;
    bool vector_pending(unsigned v) const;

    /// Set up the event ring.
    void enable_events(unsigned log2 = 6);
    /// The next event record, without waiting.
    std::optional<spec::EventRecord> next_event();

    /// Enable context `ctx` with that root table (bus address).
    void enable_context(std::uint32_t ctx, std::uint64_t root) const;

    void function_level_reset() const;
    void set_power_state(unsigned d_state) const;

    const PciFunction &pci() const { return pci_; }
    Machine &machine() const { return pci_.machine(); }
    const Place &place() const { return place_; }
    std::shared_ptr<Machine> shared_machine() const { return machine_; }

private:
    std::shared_ptr<Machine> machine_;
    PciFunction pci_;
    Place place_;
    std::uint64_t event_ring_ = 0;
    unsigned event_log2_ = 0;
    std::uint32_t event_head_ = 0;
};

} // namespace neuron::test
