// SPDX-License-Identifier: MIT
// Fault plans of the in-process chip.
#include <cstdlib>
#include <string>

#include "hal_sim.hpp"

using namespace hal_test;

namespace {

neuron::Result<Device> open(const std::string &plan, bool explore = false) {
    neuron::DeviceOptions options{.backend = "sim"};
    options.sim.hbm_bytes = 256 << 20;
    options.sim.cores = 2;
    options.sim.explore = explore;
    options.sim.seed = 5;
    options.sim.fault_plan = plan;
    return Device::open(options);
}

void a_plan_is_made_and_reported(void **) {
    Rig rig(must(open("packet nth=2: drop; transfer: hang")));
    const Buffer buffer = must(Buffer::create(rig.context, 64, hbm));
    must(rig.queue.run(CommandList().fill(buffer.va(), 64, 1)));
    must(rig.queue.run(CommandList().fill(buffer.va(), 64, 2)));
    std::uint64_t word = 0;
    must(rig.queue.read(buffer, 0, std::as_writable_bytes(std::span(&word, 1))));
    assert_int_equal(word, 1);
    const std::string report = rig.device.fault_report();
    assert_true(report.find("1: matched=") != std::string::npos);
    assert_true(report.find(" made=1 at=2@0x0 rule=packet nth=2: drop\n") != std::string::npos);
    assert_true(report.find("2: matched=0 made=0 at=- rule=transfer: hang\n") != std::string::npos);
}

void without_a_plan_there_is_no_report(void **) {
    assert_string_equal(must(open("")).fault_report().c_str(), "");
    assert_string_equal(must(open("", true)).fault_report().c_str(), ""); // exploring is no fault
    assert_string_equal(must(Device::open({.backend = "null"})).fault_report().c_str(), "");
}

void what_is_no_plan_is_named(void **) {
    must_fail(open("bell: drop"), ErrorCode::invalid_argument, "fault plan: rule 1: 'bell': is no event");
    must_fail(open("packet: aer_fatal"), ErrorCode::invalid_argument, "there is no PCIe function here");
    must_fail(open("packet: ecc_corrected at=0x100000000"), ErrorCode::invalid_argument, "is outside HBM");
    must_fail(open("explore seed=1"), ErrorCode::invalid_argument, "is not in stepped mode");
    must_fail(open(std::string("irq: drop\0", 10)), ErrorCode::invalid_argument, "byte 0");
}

void a_chip_may_explore_with_a_plan(void **) {
    Rig rig(must(open("packet nth=1: delay us=1 # a comment", true)));
    must(rig.queue.run(CommandList().nop()));
    const std::string report = rig.device.fault_report();
    assert_true(report.find("1: matched=1 made=1 ") != std::string::npos);
    assert_true(report.find("explore seed=5 order doorbells packets interrupts resets: steps=") == 0);
}

void the_environment_has_one_for_chips_without(void **) {
    assert_int_equal(setenv("NEURON_FAULT_PLAN", "irq vector=7: drop", 1), 0);
    assert_true(must(open("")).fault_report().find("rule=irq vector=7: drop") != std::string::npos);
    assert_true(must(open("reset: hang")).fault_report().find("irq") == std::string::npos);
    assert_int_equal(setenv("NEURON_FAULT_PLAN", "", 1), 0);
    assert_string_equal(must(open("")).fault_report().c_str(), "");
    assert_int_equal(setenv("NEURON_FAULT_PLAN", "nothing", 1), 0);
    must_fail(open(""), ErrorCode::invalid_argument, "'nothing': is no event");
    assert_int_equal(unsetenv("NEURON_FAULT_PLAN"), 0);
}

} // namespace

int main() {
    unsetenv("NEURON_FAULT_PLAN"); // the cases want what they find
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_made_and_reported),
        cmocka_unit_test(without_a_plan_there_is_no_report),
        cmocka_unit_test(what_is_no_plan_is_named),
        cmocka_unit_test(a_chip_may_explore_with_a_plan),
        cmocka_unit_test(the_environment_has_one_for_chips_without),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_plan", tests, nullptr, nullptr);
}
