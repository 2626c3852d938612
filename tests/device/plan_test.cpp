// SPDX-License-Identifier: MIT
// The fault plan of the device: its properties, and what a plan does to the PCIe function.
#include "support/root_port.hpp"
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <nlohmann/json.hpp>

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

nlohmann::json plan_of(const std::string &text) {
    return {{"path", "/machine/peripheral/n0"}, {"property", "fault-plan"}, {"value", text}};
}

std::string report(Machine &machine) {
    return machine.qmp("qom-get", {{"path", "/machine/peripheral/n0"}, {"property", "fault-report"}})
        .get<std::string>();
}

void nop(Queue &queue) {
    queue.push(spec::PacketNop{});
    queue.ring();
}

void a_plan_may_be_there_from_the_start(void **) {
    // A comma would end the property; QEMU takes two for one.
    Neuron device = Neuron::boot("fault-plan=packet nth=2: ecc_corrected at=64 # and,, no more");
    assert_string_equal(report(device.machine()).c_str(),
                        "seed 0\n1: matched=0 made=0 at=- rule=packet nth=2: ecc_corrected at=64\n");
    const Context memory(device);
    Queue queue(device);
    nop(queue);
    nop(queue);
    assert_eventually(device.reg32(spec::reg::GLOBAL_HBM_CORRECTED) == 1);
    assert_string_equal(report(device.machine()).c_str(),
                        "seed 0\n1: matched=2 made=1 at=2@0x0 rule=packet nth=2: ecc_corrected at=64\n");
}

void what_is_no_plan_stops_qemu(void **) {
    for (const auto &[plan, why] :
         {std::pair{"irq: explode", "rule 1: 'explode': irq takes drop, duplicate, reorder, spurious"},
          std::pair{"packet: ecc_corrected at=0xffffffffffff",
                    "'packet: ecc_corrected at=0xffffffffffff': byte 0xffffffffffff is outside HBM"}}) {
        Process qemu({"-M", "q35", "-accel", "qtest", "-display", "none", "-nodefaults", "-device",
                      std::string("neuron,hbm=256M,fault-plan=") + plan});
        assert_int_equal(qemu.wait(), 1);
        const std::string errors = qemu.errors();
        if (errors.find(std::string("property 'fault-plan' of neuron: ") + why + "\n") == std::string::npos)
            fail_msg("%s", errors.c_str());
    }
}

void a_plan_is_replaced_while_the_machine_runs(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    assert_string_equal(report(device.machine()).c_str(), "");
    device.machine().qmp("qom-set", plan_of("packet: hang"));
    nop(queue);
    assert_throughout(!queue.done());
    const std::string why = device.machine().qmp_error("qom-set", plan_of("seed 1; bell: drop"));
    assert_true(why.find("property 'fault-plan' of neuron: rule 1: 'bell': is no event; there are ") !=
                std::string::npos);
    assert_throughout(!queue.done());
    device.machine().qmp("qom-set", plan_of(""));
    assert_eventually(queue.done());
    assert_string_equal(report(device.machine()).c_str(), "");
}

// The machine's own resets come first.
void a_reset_of_any_kind_may_hang(void **) {
    Neuron device = Neuron::boot();
    device.machine().qmp("qom-set", plan_of("reset: hang"));
    device.function_level_reset();
    device.pci().assign_bar(spec::BAR_REGS, device.place().regs);
    device.pci().command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_throughout(!device.ready());
    device.machine().qmp("qom-set", plan_of(""));
    device.bring_up();
}

void a_link_that_goes_down_comes_up_again(void **) {
    Neuron device = Neuron::boot();
    device.machine().qmp("qom-set", plan_of("packet: link_down us=1000"));
    {
        const Context memory(device);
        Queue queue(device);
        nop(queue);
        assert_eventually(device.reg32(spec::reg::GLOBAL_MAGIC) == 0xffffffff);
        assert_int_equal(device.pci().read32(PCI_VENDOR_ID), 0xffffffff);
    }
    device.machine().clock_step(999'000);
    assert_int_equal(device.pci().read32(PCI_VENDOR_ID), 0xffffffff);
    device.machine().clock_step(10'000);
    assert_int_not_equal(device.pci().read32(PCI_VENDOR_ID), 0xffffffff);
    device.machine().qmp("qom-set", plan_of(""));
    device.bring_up();
}

void a_function_falls_asleep(void **) {
    Neuron device = Neuron::boot();
    device.machine().qmp("qom-set", plan_of("packet nth=1: sleep"));
    const Context memory(device);
    Queue queue(device);
    nop(queue);
    const std::uint16_t pm = device.pci().find_capability(PCI_CAP_ID_PM);
    assert_eventually((device.pci().read16(static_cast<std::uint16_t>(pm + PCI_PM_CTRL)) & PCI_PM_CTRL_STATE_MASK) ==
                      3);
}

struct Error {
    const char *action;
    unsigned status; ///< register of the device that shows it
    std::uint32_t bit;
    std::uint32_t root; ///< what the root port has heard
};

void errors_of_the_link_reach_the_root_port(void **) {
    constexpr Error errors[] = {
        {"aer_corrected", PCI_ERR_COR_STATUS, PCI_ERR_COR_BAD_TLP, PCI_ERR_ROOT_COR_RCV},
        {"aer_nonfatal", PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_COMP_TIME, PCI_ERR_ROOT_NONFATAL_RCV},
        {"aer_fatal", PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_MALF_TLP, PCI_ERR_ROOT_FATAL_RCV},
    };
    for (const Error &error : errors) {
        auto args = RootPort::arguments();
        args.insert(args.end(), {"-device", "neuron,id=n0,bus=rp0,hbm=256M,aperture=64M"});
        const auto machine = Machine::start(args);
        const RootPort port(machine);
        Neuron device = port.device();
        port.pci().write16(PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_SERR);
        for (const PciFunction *pci : {&port.pci(), &device.pci()})
            pci->write16(static_cast<std::uint16_t>(pci->find_capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL),
                         PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE);
        const auto root = port.pci().find_extended_capability(PCI_EXT_CAP_ID_ERR);
        const auto own = device.pci().find_extended_capability(PCI_EXT_CAP_ID_ERR);
        const auto read = [](const PciFunction &pci, unsigned base, unsigned offset) {
            return pci.read_extended(static_cast<std::uint16_t>(base + offset));
        };
        machine->qmp("qom-set", plan_of(std::string("packet nth=1: ") + error.action));
        const Context memory(device);
        Queue queue(device);
        nop(queue);
        assert_eventually((read(device.pci(), own, error.status) & error.bit) != 0);
        assert_int_equal(read(port.pci(), root, PCI_ERR_ROOT_STATUS) &
                             (PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_NONFATAL_RCV | PCI_ERR_ROOT_FATAL_RCV),
                         error.root);
        Machine::stop_all();
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(a_plan_may_be_there_from_the_start),        device_test(what_is_no_plan_stops_qemu),
        device_test(a_plan_is_replaced_while_the_machine_runs), device_test(a_reset_of_any_kind_may_hang),
        device_test(a_link_that_goes_down_comes_up_again),      device_test(a_function_falls_asleep),
        device_test(errors_of_the_link_reach_the_root_port),
    };
    return run_suite("device fault plan", tests);
}
