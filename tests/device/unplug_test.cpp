// SPDX-License-Identifier: MIT
// The device comes and goes while the machine runs, and QEMU ends with work in flight.
#include "support/root_port.hpp"
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr const char *DEVICE = "neuron,id=n0,bus=rp0,hbm=256M,aperture=64M";

std::shared_ptr<Machine> machine_with_port(const std::string &device) {
    auto args = RootPort::arguments();
    if (!device.empty())
        args.insert(args.end(), {"-device", device});
    return Machine::start(args);
}

void work_then_unplug(const std::shared_ptr<Machine> &machine, const RootPort &port, const std::string &id) {
    Neuron device = port.device();
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    port.unplug(id);
    assert_true(machine->alive());
    assert_int_not_equal(machine->readl(RootPort::place().regs), spec::GLOBAL_MAGIC_RESET);
}

void unplug_with_work_in_flight(void **) {
    const auto machine = machine_with_port(DEVICE);
    const RootPort port(machine);
    work_then_unplug(machine, port, "n0");
}

void unplug_in_stepped_mode_with_work_in_flight(void **) {
    const auto machine = machine_with_port(std::string(DEVICE) + ",stepped=on");
    const RootPort port(machine);
    work_then_unplug(machine, port, "n0");
}

void plugged_and_unplugged_over_and_over(void **) {
    const auto machine = machine_with_port("");
    const RootPort port(machine);
    for (int i = 0; i < 5; i++) {
        const std::string id = "hot" + std::to_string(i);
        port.plug(id);
        work_then_unplug(machine, port, id);
    }
    port.plug("last");
    Neuron device = port.device();
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.done());
}

void quit_with_work_in_flight(const std::string &properties) {
    Neuron device = Neuron::boot(properties);
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    assert_int_equal(device.machine().quit(), 0);
    assert_string_equal(device.machine().process().errors().c_str(), "");
}

void quit_with_work_in_flight_ends_well(void **) { quit_with_work_in_flight(""); }
void quit_in_stepped_mode_ends_well(void **) { quit_with_work_in_flight("stepped=on"); }

void quit_of_an_idle_machine_ends_well(void **) {
    const Neuron device = Neuron::boot();
    assert_int_equal(device.machine().quit(), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(unplug_with_work_in_flight),          device_test(unplug_in_stepped_mode_with_work_in_flight),
        device_test(plugged_and_unplugged_over_and_over), device_test(quit_with_work_in_flight_ends_well),
        device_test(quit_in_stepped_mode_ends_well),      device_test(quit_of_an_idle_machine_ends_well),
    };
    return run_suite("device unplug", tests);
}
