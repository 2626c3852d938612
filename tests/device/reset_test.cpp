// SPDX-License-Identifier: MIT
// Function level reset, the reset register, D3hot and a machine reset, idle and with work in flight.
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr std::uint64_t HOST = Context::HOST_VA;
constexpr std::uint64_t HBM = Context::HBM_VA;

/// Everything of a device is back at its beginning; `q` was in use before.
void assert_pristine(const Neuron &device, std::uint32_t q = 0) {
    assert_int_equal(device.reg32(spec::reg::QUEUE_CTRL(q)), 0);
    assert_int_equal(device.reg32(spec::reg::QUEUE_STATUS(q)), 0);
    assert_int_equal(device.reg64(spec::reg::QUEUE_RING_BASE(q)), 0);
    assert_int_equal(device.reg64(spec::reg::QUEUE_HEAD(q)), 0);
    assert_int_equal(device.reg32(spec::reg::CTX_STATUS(0)), 0);
    assert_int_equal(device.reg64(spec::reg::CTX_PT_ROOT(0)), 0);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_EVENT_RING_BASE), 0);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_BAD_REGISTER), 0);
}

void assert_works(Neuron &device) {
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketFill{.dst = HBM, .bytes = 4096, .pattern = 0x42});
    queue.push(spec::PacketCopy{.src = HBM, .dst = HOST, .bytes = 4096});
    queue.ring();
    assert_eventually(queue.done());
    assert_int_equal(device.machine().readq(memory.host + 4088), 0x42);
}

void function_level_reset_brings_back_the_first_state(void **) {
    Neuron device = Neuron::boot();
    assert_works(device);
    device.machine().writeq(device.place().aperture + 0x3fffff8, 0x1234);
    device.function_level_reset();
    assert_int_equal(device.pci().read16(PCI_COMMAND) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), 0);
    device.bring_up();
    assert_pristine(device);
    assert_int_equal(device.machine().readq(device.place().aperture), 0);
    assert_int_equal(device.machine().readq(device.place().aperture + 0x3fffff8), 0);
    assert_works(device);
}

void a_reset_ends_work_in_flight(Work work) {
    Neuron device = Neuron::boot();
    Context memory(device);
    {
        Queue queue(device);
        start_long_work(queue, work);
        device.function_level_reset();
    }
    device.bring_up();
    assert_pristine(device);
    // Nothing of the old work writes any more, to either memory.
    device.machine().write(memory.host, pattern(4096, 5));
    const auto before = device.machine().read(memory.host, 4096);
    assert_throughout(device.machine().read(memory.host, 4096) == before &&
                      device.machine().readq(device.place().aperture) == 0);
    assert_works(device);
}

void function_level_reset_ends_copies_within_hbm(void **) { a_reset_ends_work_in_flight(Work::HBM); }
void function_level_reset_ends_copies_to_the_host(void **) { a_reset_ends_work_in_flight(Work::HOST); }

void function_level_reset_forgets_interrupts(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(1, 0xbad, true);
    Queue queue(device);
    queue.push(spec::PacketNop{}, true);
    queue.ring();
    assert_eventually(device.vector_pending(1));
    device.function_level_reset();
    device.bring_up();
    assert_false(device.vector_pending(1));
    device.enable_msix();
    device.mask_vector(1, false);
    assert_throughout(device.machine().readl(word) == 0);
}

void many_resets_in_a_row_end_ready(void **) {
    Neuron device = Neuron::boot();
    for (int i = 0; i < 10; i++) {
        const Context memory(device);
        Queue queue(device);
        start_long_work(queue);
        device.function_level_reset();
        device.function_level_reset();
        device.bring_up();
    }
    assert_works(device);
}

void the_reset_register_keeps_config_space(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    device.set32(spec::reg::GLOBAL_CTRL, spec::field::GLOBAL_CTRL_RESET.set(1));
    assert_int_equal(device.pci().read16(PCI_COMMAND) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
                     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_eventually(device.ready());
    assert_pristine(device);
    assert_works(device);
}

void a_machine_reset_with_work_in_flight_ends_ready(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    device.machine().reset();
    device.bring_up();
    assert_pristine(device);
    assert_works(device);
}

void stepped_mode_resets_with_work_in_flight(void **) {
    Neuron device = Neuron::boot("stepped=on");
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    device.function_level_reset();
    device.bring_up();
    assert_pristine(device);
    assert_works(device);
}

void in_d3hot_the_bars_are_gone_and_state_survives(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.done());
    device.set_power_state(3);
    assert_int_not_equal(device.reg32(spec::reg::GLOBAL_MAGIC), spec::GLOBAL_MAGIC_RESET);
    device.set_power_state(0);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_MAGIC), spec::GLOBAL_MAGIC_RESET);
    assert_int_equal(queue.head(), 1);
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.done());
}

void in_d3hot_there_is_no_dma(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    device.set_power_state(3);
    const std::uint64_t seqno = queue.seqno();
    assert_throughout(queue.seqno() == seqno);
    device.set_power_state(0);
    assert_eventually(queue.state() == spec::QueueState::FAULTED);
    // The refused access was one to data, or to a page table on the way there.
    assert_true(queue.fault() == spec::Fault::HOST_BUS || queue.fault() == spec::Fault::PAGE_TABLE);
}

void reset_in_d3hot_leads_to_d0(void **) {
    Neuron device = Neuron::boot();
    device.set_power_state(3);
    device.function_level_reset();
    device.bring_up();
    assert_works(device);
}

void an_undefined_power_state_is_not_entered(void **) {
    Neuron device = Neuron::boot();
    device.set_power_state(1);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_MAGIC), spec::GLOBAL_MAGIC_RESET);
    assert_works(device);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(function_level_reset_brings_back_the_first_state),
        device_test(function_level_reset_ends_copies_within_hbm),
        device_test(function_level_reset_ends_copies_to_the_host),
        device_test(function_level_reset_forgets_interrupts),
        device_test(many_resets_in_a_row_end_ready),
        device_test(the_reset_register_keeps_config_space),
        device_test(a_machine_reset_with_work_in_flight_ends_ready),
        device_test(stepped_mode_resets_with_work_in_flight),
        device_test(in_d3hot_the_bars_are_gone_and_state_survives),
        device_test(in_d3hot_there_is_no_dma),
        device_test(reset_in_d3hot_leads_to_d0),
        device_test(an_undefined_power_state_is_not_entered),
    };
    return run_suite("device reset", tests);
}
