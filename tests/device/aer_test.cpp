// SPDX-License-Identifier: MIT
// Errors of the link that an operator injects: what a guest's root port hears of them, and that a reset of the bus behind
// it, which ends a fatal one, resets the chip.
#include "support/root_port.hpp"
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr std::uint32_t COR_ENABLE = PCI_ERR_ROOT_CMD_COR_EN;
constexpr std::uint32_t ALL_ENABLES = COR_ENABLE | PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN;
constexpr std::uint16_t REPORTING =
    PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE;
constexpr std::uint16_t DEVICE_ID = RootPort::BUS << 8;

std::uint16_t at(std::uint16_t capability, unsigned offset) { return static_cast<std::uint16_t>(capability + offset); }

/// A device behind a port, both set up as a guest with an AER service does it.
struct Bench {
    Bench()
        : machine(start()),
          port(machine),
          device(port.device()),
          port_aer(port.pci().find_extended_capability(PCI_EXT_CAP_ID_ERR)),
          device_aer(device.pci().find_extended_capability(PCI_EXT_CAP_ID_ERR)) {
        assert_int_not_equal(port_aer, 0);
        assert_int_not_equal(device_aer, 0);
        port.pci().write16(PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_SERR);
        for (const PciFunction *pci : {&port.pci(), &device.pci()}) {
            const std::uint16_t cap = pci->find_capability(PCI_CAP_ID_EXP);
            pci->write16(at(cap, PCI_EXP_DEVCTL), REPORTING);
        }
        port.pci().write_extended(at(port_aer, PCI_ERR_ROOT_COMMAND), ALL_ENABLES);
    }
    static std::shared_ptr<Machine> start() {
        auto args = RootPort::arguments();
        args.insert(args.end(), {"-device", "neuron,id=n0,bus=rp0,hbm=256M,aperture=64M"});
        return Machine::start(args);
    }
    void inject(const std::string &error) { machine->monitor("pcie_aer_inject_error " + error); }
    std::uint32_t root_status() const { return port.pci().read_extended(at(port_aer, PCI_ERR_ROOT_STATUS)); }
    std::uint32_t source() const { return port.pci().read_extended(at(port_aer, PCI_ERR_ROOT_ERR_SRC)); }
    std::uint32_t device_error(unsigned offset) const { return device.pci().read_extended(at(device_aer, offset)); }

    std::shared_ptr<Machine> machine;
    RootPort port;
    Neuron device;
    std::uint16_t port_aer;
    std::uint16_t device_aer;
};

void a_corrected_error_reaches_the_root_port(void **) {
    Bench bench;
    bench.inject("n0 BAD_TLP");
    assert_int_equal(bench.device_error(PCI_ERR_COR_STATUS), PCI_ERR_COR_BAD_TLP);
    assert_int_equal(bench.root_status() & PCI_ERR_ROOT_COR_RCV, PCI_ERR_ROOT_COR_RCV);
    assert_int_equal(bench.root_status() & PCI_ERR_ROOT_UNCOR_RCV, 0);
    assert_int_equal(bench.source() & 0xffff, DEVICE_ID);
}

void an_error_that_is_not_fatal_says_so(void **) {
    Bench bench;
    bench.inject("n0 COMP_TIME");
    assert_int_equal(bench.device_error(PCI_ERR_UNCOR_STATUS), PCI_ERR_UNC_COMP_TIME);
    const std::uint32_t expected = PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV;
    assert_int_equal(bench.root_status() & (expected | PCI_ERR_ROOT_FATAL_RCV), expected);
    assert_int_equal(bench.source() >> 16, DEVICE_ID);
}

void a_fatal_error_says_so(void **) {
    Bench bench;
    bench.inject("n0 MALF_TLP");
    assert_int_equal(bench.device_error(PCI_ERR_UNCOR_STATUS), PCI_ERR_UNC_MALF_TLP);
    const std::uint32_t expected = PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_FATAL_RCV;
    assert_int_equal(bench.root_status() & (expected | PCI_ERR_ROOT_NONFATAL_RCV), expected);
    assert_int_equal(bench.source() >> 16, DEVICE_ID);
}

void the_guest_decides_what_is_fatal(void **) {
    Bench bench;
    bench.device.pci().write_extended(at(bench.device_aer, PCI_ERR_UNCOR_SEVER), PCI_ERR_UNC_COMP_TIME);
    bench.inject("n0 COMP_TIME");
    assert_int_equal(bench.root_status() & PCI_ERR_ROOT_FATAL_RCV, PCI_ERR_ROOT_FATAL_RCV);
}

void a_masked_error_is_logged_and_goes_nowhere(void **) {
    Bench bench;
    bench.device.pci().write_extended(at(bench.device_aer, PCI_ERR_COR_MASK), PCI_ERR_COR_BAD_TLP);
    bench.inject("n0 BAD_TLP");
    assert_int_equal(bench.device_error(PCI_ERR_COR_STATUS), PCI_ERR_COR_BAD_TLP);
    assert_int_equal(bench.root_status() & PCI_ERR_ROOT_COR_RCV, 0);
}

void a_bus_reset_after_a_fatal_error_resets_the_chip(void **) {
    Bench bench;
    {
        const Context memory(bench.device);
        Queue queue(bench.device);
        start_long_work(queue);
        const std::uint16_t lnkcap = at(bench.device.pci().find_capability(PCI_CAP_ID_EXP), PCI_EXP_LNKCAP);
        const std::uint32_t link = bench.device.pci().read32(lnkcap);
        bench.inject("n0 DLP");
        assert_int_equal(bench.root_status() & PCI_ERR_ROOT_FATAL_RCV, PCI_ERR_ROOT_FATAL_RCV);
        bench.machine->writeq(bench.device.place().aperture + 0x3fffff8, 0x1234);
        bench.port.reset_bus();
        assert_int_equal(bench.device.pci().read32(lnkcap), link);
    }
    assert_int_equal(bench.device.pci().read16(PCI_COMMAND) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), 0);
    bench.device.bring_up();
    assert_int_equal(bench.device.reg32(spec::reg::QUEUE_CTRL(0)), 0);
    assert_int_equal(bench.device.reg32(spec::reg::CTX_STATUS(0)), 0);
    assert_int_equal(bench.machine->readq(bench.device.place().aperture + 0x3fffff8), 0);
    const Context memory(bench.device);
    Queue queue(bench.device);
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.done());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(a_corrected_error_reaches_the_root_port),
        device_test(an_error_that_is_not_fatal_says_so),
        device_test(a_fatal_error_says_so),
        device_test(the_guest_decides_what_is_fatal),
        device_test(a_masked_error_is_logged_and_goes_nowhere),
        device_test(a_bus_reset_after_a_fatal_error_resets_the_chip),
    };
    return run_suite("device AER", tests);
}
