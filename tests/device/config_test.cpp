// SPDX-License-Identifier: MIT
// Config space and registers as software finds them before it has done anything.
#include "support/root_port.hpp"
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

std::uint16_t plus(std::uint16_t capability, unsigned offset) {
    return static_cast<std::uint16_t>(capability + offset);
}

void ids_and_class_are_those_of_the_spec(void **) {
    const Neuron device = Neuron::boot();
    assert_int_equal(device.pci().read16(PCI_VENDOR_ID), spec::PCI_VENDOR);
    assert_int_equal(device.pci().read16(PCI_DEVICE_ID), spec::PCI_DEVICE);
    assert_int_equal(device.pci().read16(PCI_CLASS_DEVICE), spec::PCI_CLASS);
    assert_int_equal(device.pci().read8(PCI_REVISION_ID), spec::PCI_REVISION);
    assert_int_equal(device.pci().read8(PCI_HEADER_TYPE), PCI_HEADER_TYPE_NORMAL);
    // No legacy interrupt.
    assert_int_equal(device.pci().read8(PCI_INTERRUPT_PIN), 0);
}

void pcie_capability_offers_function_level_reset(void **) {
    const Neuron device = Neuron::boot();
    const std::uint16_t cap = device.pci().find_capability(PCI_CAP_ID_EXP);
    assert_int_not_equal(cap, 0);
    assert_int_equal(device.pci().read16(plus(cap, PCI_EXP_FLAGS)) >> 4 & 0xf, PCI_EXP_TYPE_RC_END);
    assert_true(device.pci().read32(plus(cap, PCI_EXP_DEVCAP)) & PCI_EXP_DEVCAP_FLR);
}

void behind_a_root_port_it_is_an_endpoint(void **) {
    auto args = RootPort::arguments();
    args.insert(args.end(), {"-device", "neuron,id=n0,bus=rp0,hbm=256M,aperture=64M"});
    const RootPort port(Machine::start(args));
    const Neuron device = port.device();
    const std::uint16_t cap = device.pci().find_capability(PCI_CAP_ID_EXP);
    assert_int_equal(device.pci().read16(plus(cap, PCI_EXP_FLAGS)) >> 4 & 0xf, PCI_EXP_TYPE_ENDPOINT);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_MAGIC), spec::GLOBAL_MAGIC_RESET);
}

void msix_capability_places_table_and_pending_bits(void **) {
    const Neuron device = Neuron::boot();
    const std::uint16_t cap = device.pci().find_capability(PCI_CAP_ID_MSIX);
    assert_int_not_equal(cap, 0);
    assert_int_equal((device.pci().read16(plus(cap, PCI_MSIX_FLAGS)) & PCI_MSIX_FLAGS_QSIZE) + 1, spec::MSIX_VECTORS);
    assert_int_equal(device.pci().read32(plus(cap, PCI_MSIX_TABLE)), spec::MSIX_TABLE_OFFSET | spec::BAR_REGS);
    assert_int_equal(device.pci().read32(plus(cap, PCI_MSIX_PBA)), spec::MSIX_PBA_OFFSET | spec::BAR_REGS);
}

void advanced_error_reporting_is_offered_and_enabled_by_devctl(void **) {
    const Neuron device = Neuron::boot();
    assert_int_not_equal(device.pci().find_extended_capability(PCI_EXT_CAP_ID_ERR), 0);
    // Without these bits an injected error would be masked silently.
    const std::uint16_t control = plus(device.pci().find_capability(PCI_CAP_ID_EXP), PCI_EXP_DEVCTL);
    constexpr std::uint16_t REPORT = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE;
    device.pci().write16(control, REPORT);
    assert_int_equal(device.pci().read16(control) & REPORT, REPORT);
}

void an_injected_error_is_logged_in_the_aer_capability(void **) {
    const Neuron device = Neuron::boot();
    device.pci().write16(plus(device.pci().find_capability(PCI_CAP_ID_EXP), PCI_EXP_DEVCTL), PCI_EXP_DEVCTL_CERE);
    device.machine().monitor("pcie_aer_inject_error n0 BAD_TLP");
    const std::uint16_t aer = device.pci().find_extended_capability(PCI_EXT_CAP_ID_ERR);
    assert_true(device.pci().read_extended(plus(aer, PCI_ERR_COR_STATUS)) & PCI_ERR_COR_BAD_TLP);
}

void power_management_capability_has_d3hot_and_keeps_state(void **) {
    const Neuron device = Neuron::boot();
    const std::uint16_t cap = device.pci().find_capability(PCI_CAP_ID_PM);
    assert_int_not_equal(cap, 0);
    assert_int_equal(device.pci().read16(plus(cap, PCI_PM_CTRL)) & PCI_PM_CTRL_STATE_MASK, 0);
    assert_true(device.pci().read16(plus(cap, PCI_PM_CTRL)) & PCI_PM_CTRL_NO_SOFT_RESET);
}

void bars_have_their_sizes_and_kinds(void **) {
    const Neuron device = Neuron::boot("hbm=256M,aperture=32M");
    assert_int_equal(device.pci().bar_size(spec::BAR_REGS), spec::BAR_REGS_SIZE);
    assert_int_equal(device.pci().bar_size(spec::BAR_DOORBELLS), spec::BAR_DOORBELLS_SIZE);
    assert_int_equal(device.pci().bar_size(spec::BAR_APERTURE), 32 << 20);
    for (unsigned bar : {spec::BAR_REGS, spec::BAR_DOORBELLS, spec::BAR_APERTURE}) {
        const std::uint32_t low = device.pci().read32(plus(PCI_BASE_ADDRESS_0, 4 * bar));
        assert_int_equal(low & PCI_BASE_ADDRESS_MEM_TYPE_MASK, PCI_BASE_ADDRESS_MEM_TYPE_64);
        assert_int_equal(!!(low & PCI_BASE_ADDRESS_MEM_PREFETCH), bar == spec::BAR_APERTURE);
    }
}

void identity_registers_describe_the_default_chip(void **) {
    const Neuron device(Machine::start({"-device", "neuron,addr=" + std::to_string(Neuron::SLOT)}), 0, Neuron::SLOT);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_MAGIC), spec::GLOBAL_MAGIC_RESET);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_VERSION), spec::VERSION);
    const auto profile = static_cast<spec::Profile>(device.reg32(spec::reg::GLOBAL_PROFILE));
    assert_int_equal(profile, spec::Profile::TRN2);
    const auto *chip = spec::find_profile(profile);
    assert_non_null(chip);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_CORES), chip->cores);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_HBM_BYTES), chip->hbm_bytes);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_HBM_BANKS), chip->hbm_banks);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_APERTURE_BYTES), 256 << 20);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_CONTEXTS), spec::MAX_CONTEXTS);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_QUEUES), spec::MAX_QUEUES);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_BAD_REGISTER), 0);
}

void a_64_bit_register_reads_whole_and_in_halves(void **) {
    const Neuron device = Neuron::boot();
    device.set64(spec::reg::GLOBAL_SCRUB_ADDR, 0x123456789000);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_SCRUB_ADDR), 0x123456789000);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_SCRUB_ADDR), 0x56789000);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_SCRUB_ADDR + 4), 0x1234);
    device.set32(spec::reg::GLOBAL_SCRUB_ADDR, 0xabcd0000);
    device.set32(spec::reg::GLOBAL_SCRUB_ADDR + 4, 0x77);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_SCRUB_ADDR), 0x77abcd0000);
}

void accesses_outside_the_map_read_zero_and_are_counted(void **) {
    const Neuron device = Neuron::boot();
    constexpr std::uint32_t BEFORE_MSIX = spec::MSIX_TABLE_OFFSET - 8;
    constexpr std::uint32_t LAST = spec::BAR_REGS_SIZE - 4;
    assert_int_equal(device.reg32(BEFORE_MSIX), 0);
    assert_int_equal(device.reg32(LAST), 0);
    device.set32(LAST, 0xffffffff);
    assert_int_equal(device.reg32(LAST), 0);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_BAD_REGISTER), 4);
}

void msix_table_is_memory_of_its_own_and_starts_masked(void **) {
    const Neuron device = Neuron::boot();
    for (unsigned v : {0u, spec::MSIX_VECTORS - 1}) {
        const std::uint32_t entry = spec::MSIX_TABLE_OFFSET + PCI_MSIX_ENTRY_SIZE * v;
        assert_int_equal(device.reg32(entry + PCI_MSIX_ENTRY_VECTOR_CTRL), PCI_MSIX_ENTRY_CTRL_MASKBIT);
        device.set32(entry + PCI_MSIX_ENTRY_DATA, 0xabc0 + v);
        assert_int_equal(device.reg32(entry + PCI_MSIX_ENTRY_DATA), 0xabc0 + v);
    }
    assert_int_equal(device.reg32(spec::reg::GLOBAL_BAD_REGISTER), 0);
}

void doorbells_read_zero_and_a_stray_one_is_counted(void **) {
    const Neuron device = Neuron::boot();
    assert_int_equal(device.machine().readl(device.place().doorbells), 0);
    device.ring(spec::MAX_CONTEXTS - 1, spec::DOORBELL_SLOTS - 1, 1);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_BAD_REGISTER), 1);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(ids_and_class_are_those_of_the_spec),
        device_test(pcie_capability_offers_function_level_reset),
        device_test(behind_a_root_port_it_is_an_endpoint),
        device_test(msix_capability_places_table_and_pending_bits),
        device_test(advanced_error_reporting_is_offered_and_enabled_by_devctl),
        device_test(an_injected_error_is_logged_in_the_aer_capability),
        device_test(power_management_capability_has_d3hot_and_keeps_state),
        device_test(bars_have_their_sizes_and_kinds),
        device_test(identity_registers_describe_the_default_chip),
        device_test(a_64_bit_register_reads_whole_and_in_halves),
        device_test(accesses_outside_the_map_read_zero_and_are_counted),
        device_test(msix_table_is_memory_of_its_own_and_starts_masked),
        device_test(doorbells_read_zero_and_a_stray_one_is_counted),
    };
    return run_suite("device config", tests);
}
