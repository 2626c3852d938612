// SPDX-License-Identifier: MIT
// MSI-X: a vector's message goes to guest RAM here, so an interrupt is a word that changes.
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr std::uint32_t MESSAGE = 0xc0ffee;

void retire_a_nop(Queue &queue, bool irq = true) {
    queue.push(spec::PacketNop{}, irq);
    queue.ring();
    assert_eventually(queue.done());
}

void a_completion_sends_the_message_of_its_vector(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(7, MESSAGE), other = device.arm_vector(8, MESSAGE);
    Queue queue(device, {.vector = 7});
    retire_a_nop(queue);
    assert_eventually(device.machine().readl(word) == MESSAGE);
    assert_int_equal(device.machine().readl(other), 0);
    // Once per completion, not for ever.
    device.machine().writel(word, 0);
    assert_throughout(device.machine().readl(word) == 0);
}

void the_last_vector_works(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(spec::MSIX_VECTORS - 1, MESSAGE);
    Queue queue(device, {.vector = spec::MSIX_VECTORS - 1});
    retire_a_nop(queue);
    assert_eventually(device.machine().readl(word) == MESSAGE);
}

void the_seqno_is_in_memory_before_the_message(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(1, MESSAGE);
    Queue queue(device);
    for (std::uint64_t i = 1; i <= 50; i++) {
        device.machine().writel(word, 0);
        queue.push(spec::PacketNop{}, true);
        queue.ring();
        assert_eventually(device.machine().readl(word) == MESSAGE);
        assert_int_equal(queue.seqno(), i);
    }
}

void a_packet_without_the_flag_sends_nothing(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(1, MESSAGE);
    Queue queue(device);
    retire_a_nop(queue, false);
    assert_throughout(device.machine().readl(word) == 0);
}

void a_masked_vector_is_pending_and_fires_at_unmask(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(3, MESSAGE, true);
    Queue queue(device, {.vector = 3});
    retire_a_nop(queue);
    assert_eventually(device.vector_pending(3));
    assert_int_equal(device.machine().readl(word), 0);
    device.mask_vector(3, false);
    assert_int_equal(device.machine().readl(word), MESSAGE);
    assert_false(device.vector_pending(3));
}

void a_masked_function_holds_every_vector(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const auto flags = static_cast<std::uint16_t>(device.pci().find_capability(PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS);
    device.pci().write16(flags, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    const std::uint64_t word = device.arm_vector(1, MESSAGE);
    Queue queue(device);
    retire_a_nop(queue);
    assert_eventually(device.vector_pending(1));
    assert_int_equal(device.machine().readl(word), 0);
    device.pci().write16(flags, PCI_MSIX_FLAGS_ENABLE);
    assert_int_equal(device.machine().readl(word), MESSAGE);
}

void nothing_is_sent_while_msix_is_off(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    const std::uint64_t word = device.arm_vector(1, MESSAGE);
    Queue queue(device);
    retire_a_nop(queue);
    assert_throughout(device.machine().readl(word) == 0 && !device.vector_pending(1));
    // Nor is it remembered: the interrupt was for a driver that did not exist yet.
    device.enable_msix();
    assert_throughout(device.machine().readl(word) == 0);
}

void nothing_is_sent_while_bus_mastering_is_off(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(0, MESSAGE);
    Queue queue(device);
    device.pci().command(0, PCI_COMMAND_MASTER);
    queue.push(spec::PacketNop{}, true);
    queue.ring();
    assert_eventually(queue.state() == spec::QueueState::FAULTED);
    assert_throughout(device.machine().readl(word) == 0);
}

void a_vector_that_does_not_exist_is_harmless(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    Queue queue(device, {.vector = 255});
    queue.push(spec::PacketNop{}, true);
    queue.ring();
    assert_throughout(device.reg32(spec::reg::GLOBAL_MAGIC) == spec::GLOBAL_MAGIC_RESET);
}

void a_message_to_the_device_itself_is_harmless(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t entry = device.place().regs + spec::MSIX_TABLE_OFFSET + PCI_MSIX_ENTRY_SIZE;
    device.machine().writeq(entry, device.place().regs + spec::reg::GLOBAL_CTRL);
    device.machine().writel(entry + PCI_MSIX_ENTRY_DATA, spec::field::GLOBAL_CTRL_RESET.mask);
    device.mask_vector(1, false);
    Queue queue(device);
    retire_a_nop(queue);
    assert_throughout(device.reg32(spec::reg::GLOBAL_MAGIC) == spec::GLOBAL_MAGIC_RESET && queue.head() == 1);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(a_completion_sends_the_message_of_its_vector),
        device_test(the_last_vector_works),
        device_test(the_seqno_is_in_memory_before_the_message),
        device_test(a_packet_without_the_flag_sends_nothing),
        device_test(a_masked_vector_is_pending_and_fires_at_unmask),
        device_test(a_masked_function_holds_every_vector),
        device_test(nothing_is_sent_while_msix_is_off),
        device_test(nothing_is_sent_while_bus_mastering_is_off),
        device_test(a_vector_that_does_not_exist_is_harmless),
        device_test(a_message_to_the_device_itself_is_harmless),
    };
    return run_suite("device interrupts", tests);
}
