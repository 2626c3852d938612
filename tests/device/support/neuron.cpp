// SPDX-License-Identifier: MIT
#include "neuron.hpp"

#include "check.hpp"

#include <array>

#include <linux/pci_regs.h>

namespace neuron::test {

namespace {

std::uint64_t msix_entry(const Place &place, unsigned v) {
    return place.regs + spec::MSIX_TABLE_OFFSET + std::uint64_t{PCI_MSIX_ENTRY_SIZE} * v;
}

std::uint16_t at(std::uint16_t capability, unsigned offset) { return static_cast<std::uint16_t>(capability + offset); }

} // namespace

Place Place::number(unsigned n) {
    const Place first;
    return {first.regs + n * 0x1000000ull, first.doorbells + n * 0x1000000ull,
            first.aperture + (std::uint64_t{n} << 36)};
}

Neuron::Neuron(std::shared_ptr<Machine> machine, std::uint8_t bus, std::uint8_t slot, Place place)
    : machine_(machine), pci_(std::move(machine), bus, slot), place_(place) {
    bring_up();
}

Neuron::Neuron(std::shared_ptr<Machine> machine, const Neuron &before)
    : machine_(machine),
      pci_(std::move(machine), before.pci_),
      place_(before.place_),
      event_ring_(before.event_ring_),
      event_log2_(before.event_log2_),
      event_head_(before.event_head_) {
    machine_->continue_from(before.machine());
}

Neuron Neuron::boot(const std::string &properties, std::vector<std::string> more_args) {
    std::string device = "neuron,id=n0,addr=" + std::to_string(SLOT);
    if (properties.find("hbm=") == std::string::npos)
        device += ",hbm=256M,aperture=64M";
    if (!properties.empty())
        device += "," + properties;
    more_args.push_back("-device");
    more_args.push_back(device);
    return Neuron(Machine::start(more_args), 0, SLOT);
}

void Neuron::bring_up() {
    pci_.assign_bar(spec::BAR_REGS, place_.regs);
    pci_.assign_bar(spec::BAR_DOORBELLS, place_.doorbells);
    pci_.assign_bar(spec::BAR_APERTURE, place_.aperture);
    pci_.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_eventually(ready());
}

void Neuron::ring(std::uint32_t ctx, std::uint32_t slot, std::uint32_t tail) const {
    machine().writel(place_.doorbells + spec::doorbell(ctx, slot), tail);
}

void Neuron::enable_msix() const {
    const std::uint16_t cap = pci_.find_capability(PCI_CAP_ID_MSIX);
    assert_int_not_equal(cap, 0);
    pci_.write16(at(cap, PCI_MSIX_FLAGS), PCI_MSIX_FLAGS_ENABLE);
}

std::uint64_t Neuron::arm_vector(unsigned v, std::uint32_t data, bool masked) const {
    const std::uint64_t word = machine().allocate(4, 4);
    machine().writeq(msix_entry(place_, v) + PCI_MSIX_ENTRY_LOWER_ADDR, word);
    machine().writel(msix_entry(place_, v) + PCI_MSIX_ENTRY_DATA, data);
    mask_vector(v, masked);
    return word;
}

void Neuron::mask_vector(unsigned v, bool masked) const {
    machine().writel(msix_entry(place_, v) + PCI_MSIX_ENTRY_VECTOR_CTRL, masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

bool Neuron::vector_pending(unsigned v) const { return reg64(spec::MSIX_PBA_OFFSET + v / 64 * 8) >> (v % 64) & 1; }

void Neuron::enable_events(unsigned log2) {
    event_ring_ = machine().allocate(std::uint64_t{spec::EventRecord::BYTES} << log2);
    event_log2_ = log2;
    event_head_ = 0;
    set32(spec::reg::GLOBAL_EVENT_RING_LOG2, log2);
    set64(spec::reg::GLOBAL_EVENT_RING_BASE, event_ring_);
}

std::optional<spec::EventRecord> Neuron::next_event() {
    if (reg32(spec::reg::GLOBAL_EVENT_TAIL) == event_head_)
        return std::nullopt;
    const std::uint64_t slot = event_head_ & ((1u << event_log2_) - 1);
    const auto raw = machine().read(event_ring_ + slot * spec::EventRecord::BYTES, spec::EventRecord::BYTES);
    set32(spec::reg::GLOBAL_EVENT_HEAD, ++event_head_);
    return spec::unpack<spec::EventRecord>(std::span(raw).first<spec::EventRecord::BYTES>());
}

void Neuron::enable_context(std::uint32_t ctx, std::uint64_t root) const {
    set64(spec::reg::CTX_PT_ROOT(ctx), root);
    set32(spec::reg::CTX_CTRL(ctx), spec::field::CTX_CTRL_ENABLE.set(1));
    assert_int_equal(spec::field::CTX_STATUS_ENABLED.get(reg32(spec::reg::CTX_STATUS(ctx))), 1);
}

void Neuron::function_level_reset() const {
    const std::uint16_t cap = pci_.find_capability(PCI_CAP_ID_EXP);
    pci_.write16(at(cap, PCI_EXP_DEVCTL), PCI_EXP_DEVCTL_BCR_FLR);
}

void Neuron::set_power_state(unsigned d_state) const {
    const std::uint16_t cap = pci_.find_capability(PCI_CAP_ID_PM);
    pci_.write16(at(cap, PCI_PM_CTRL), static_cast<std::uint16_t>(d_state));
}

} // namespace neuron::test
