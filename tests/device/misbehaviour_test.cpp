// SPDX-License-Identifier: MIT
// Properties that are set while the machine runs: errors of HBM, and a device that does not do as it should.
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <nlohmann/json.hpp>

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr std::uint64_t HOST = Context::HOST_VA;
constexpr std::uint64_t HBM = Context::HBM_VA; ///< HBM from offset 0 for context 0

void set(const Neuron &device, const char *property, const nlohmann::json &value) {
    device.machine().set_property("n0", property, value);
}

std::string refused(const Neuron &device, const char *property, const nlohmann::json &value) {
    return device.machine().qmp_error("qom-set",
                                      {{"path", "/machine/peripheral/n0"}, {"property", property}, {"value", value}});
}

bool get(const Neuron &device, const char *property) {
    return device.machine().qmp("qom-get", {{"path", "/machine/peripheral/n0"}, {"property", property}}).get<bool>();
}

void an_error_of_hbm_is_reported(void **) {
    Neuron device = Neuron::boot();
    device.enable_events();
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(0, 0xecc);
    set(device, "ecc-corrected", 0x1000);
    std::optional<spec::EventRecord> event;
    assert_eventually((event = device.next_event()).has_value());
    assert_int_equal(event->kind, spec::Event::ECC);
    assert_int_equal(event->code, spec::Fault::NONE);
    assert_int_equal(event->info, 0x1000);
    assert_eventually(device.machine().readl(word) == 0xecc);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_HBM_CORRECTED), 1);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_HBM_UNCORRECTED), 0);
}

void spoilt_bytes_fault_until_they_are_scrubbed(void **) {
    Neuron device = Neuron::boot();
    device.enable_events();
    const Context memory(device);
    set(device, "ecc-uncorrected", memory.hbm + 0x2345);
    std::optional<spec::EventRecord> event;
    assert_eventually((event = device.next_event()).has_value());
    assert_int_equal(event->code, spec::Fault::HBM_ECC);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_HBM_UNCORRECTED), 1);
    {
        Queue queue(device);
        queue.push(spec::PacketCopy{.src = HBM, .dst = HOST, .bytes = 0x4000});
        queue.ring();
        assert_eventually(queue.state() == spec::QueueState::FAULTED);
        assert_int_equal(queue.fault(), spec::Fault::HBM_ECC);
        assert_eventually((event = device.next_event()).has_value());
        assert_int_equal(event->info, memory.hbm + 0x2340);
        assert_int_equal(event->va, HBM + 0x2340);
        queue.disable();
        assert_eventually(!queue.busy());
    }
    device.set64(spec::reg::GLOBAL_SCRUB_ADDR, memory.hbm + 0x2000);
    device.set64(spec::reg::GLOBAL_SCRUB_BYTES, 0x1000);
    device.set32(spec::reg::GLOBAL_SCRUB_CTRL, 1);
    assert_eventually(device.reg32(spec::reg::GLOBAL_SCRUB_CTRL) == 0);
    Queue queue(device);
    queue.push(spec::PacketCopy{.src = HBM, .dst = HOST, .bytes = 0x4000});
    queue.ring();
    assert_eventually(queue.done());
}

void errors_outside_hbm_are_refused_with_a_reason(void **) {
    const Neuron device = Neuron::boot(); // 256 MiB
    for (const char *property : {"ecc-corrected", "ecc-uncorrected"}) {
        const std::string why = refused(device, property, 256 << 20);
        assert_true(why.find(property) != std::string::npos);
        assert_true(why.find("outside HBM") != std::string::npos);
        assert_true(refused(device, property, -1).find(property) != std::string::npos);
        assert_true(refused(device, property, "here").find(property) != std::string::npos);
    }
    set(device, "ecc-corrected", (256 << 20) - 1);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_HBM_CORRECTED), 1);
}

void errors_during_a_reset_are_refused(void **) {
    const Neuron device = Neuron::boot();
    set(device, "stuck", true);
    device.set32(spec::reg::GLOBAL_CTRL, spec::field::GLOBAL_CTRL_RESET.set(1));
    assert_true(refused(device, "ecc-corrected", 0).find("reset") != std::string::npos);
}

void a_stuck_device_does_not_get_ready(void **) {
    Neuron device = Neuron::boot();
    assert_false(get(device, "stuck"));
    set(device, "stuck", true);
    assert_true(get(device, "stuck"));
    assert_true(device.ready());
    device.set32(spec::reg::GLOBAL_CTRL, spec::field::GLOBAL_CTRL_RESET.set(1));
    assert_throughout(!device.ready());
    // The machine's own resets are no help either.
    device.function_level_reset();
    device.pci().assign_bar(spec::BAR_REGS, device.place().regs);
    device.pci().command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_throughout(!device.ready() && device.reg32(spec::reg::GLOBAL_MAGIC) == spec::GLOBAL_MAGIC_RESET);
    set(device, "stuck", false);
    device.bring_up();
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.done());
}

void a_device_may_be_stuck_from_the_start(void **) {
    const auto machine = Machine::start({"-device", "neuron,id=n0,hbm=256M,stuck=on,addr=4"});
    const PciFunction pci(machine, 0, Neuron::SLOT);
    const Place place;
    pci.assign_bar(spec::BAR_REGS, place.regs);
    pci.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    const auto status = [&] { return machine->readl(place.regs + spec::reg::GLOBAL_STATUS); };
    assert_int_equal(machine->readl(place.regs), spec::GLOBAL_MAGIC_RESET);
    assert_throughout(status() == 0);
    machine->set_property("n0", "stuck", false);
    assert_eventually(status() == spec::field::GLOBAL_STATUS_READY.mask);
}

void a_queue_that_does_not_stop_needs_a_reset(void **) {
    Neuron device = Neuron::boot();
    {
        const Context memory(device);
        set(device, "hang-stop", true);
        Queue queue(device);
        start_long_work(queue);
        queue.disable();
        assert_throughout(queue.busy());
        assert_int_equal(queue.state(), spec::QueueState::DISABLED);
        device.set32(spec::reg::GLOBAL_CTRL, spec::field::GLOBAL_CTRL_RESET.set(1));
        assert_eventually(device.ready());
        assert_false(queue.busy());
    }
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    queue.disable();
    assert_throughout(queue.busy());
    set(device, "hang-stop", false);
    assert_eventually(!queue.busy());
}

void assert_absent(const Neuron &device) {
    assert_int_equal(device.reg32(spec::reg::GLOBAL_MAGIC), 0xffffffff);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_CLOCK_NS), ~0ULL);
    assert_int_equal(device.reg32(spec::MSIX_TABLE_OFFSET), 0xffffffff);
    assert_int_equal(device.machine().readl(device.place().doorbells), 0xffffffff);
    assert_int_equal(device.pci().read32(PCI_VENDOR_ID), 0xffffffff);
    assert_int_equal(device.pci().read_extended(PCI_CFG_SPACE_SIZE), 0xffffffff);
}

void a_device_that_is_gone_answers_with_all_ones(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(1, 0xbad);
    {
        Queue queue(device);
        start_long_work(queue);
        queue.push(spec::PacketNop{}, true);
        queue.ring();
        device.machine().writeq(device.place().aperture, 1);
        set(device, "gone", true);
        assert_true(get(device, "gone"));
        assert_absent(device);
        assert_int_equal(device.machine().readq(device.place().aperture), 0);
        // Nobody hears what is said to it, and nothing comes from it.
        device.set32(spec::reg::GLOBAL_CTRL, spec::field::GLOBAL_CTRL_RESET.mask);
        device.ring(0, 0, 5);
        device.pci().write32(PCI_BASE_ADDRESS_0, 0);
        // All that the work wrote to: no piece of a copy that it was at arrives late.
        const auto before = pattern(Context::HOST_BYTES, 5);
        device.machine().write(memory.host, before);
        const std::uint64_t seqno = queue.seqno();
        assert_throughout(queue.seqno() == seqno && device.machine().readl(word) == 0);
        assert_true(device.machine().read(memory.host, before.size()) == before);
    }
    assert_absent(device);
    assert_true(device.machine().alive());
}

void what_is_no_bus_master_any_more_writes_nothing(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue);
    device.pci().command(0, PCI_COMMAND_MASTER);
    const auto before = pattern(Context::HOST_BYTES, 6);
    device.machine().write(memory.host, before);
    assert_eventually(queue.state() == spec::QueueState::FAULTED);
    assert_true(device.machine().read(memory.host, before.size()) == before);
}

void a_device_that_comes_back_is_as_new(void **) {
    Neuron device = Neuron::boot();
    {
        const Context memory(device);
        Queue queue(device);
        start_long_work(queue);
        set(device, "gone", true);
        set(device, "gone", true);
        assert_absent(device);
    }
    set(device, "gone", false);
    assert_int_equal(device.pci().read16(PCI_VENDOR_ID), spec::PCI_VENDOR);
    assert_int_equal(device.pci().read32(PCI_BASE_ADDRESS_0) & ~0xfU, 0);
    device.bring_up();
    assert_int_equal(device.reg32(spec::reg::CTX_CTRL(0)), 0);
    assert_int_equal(device.machine().readq(device.place().aperture), 0);
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketFill{.dst = HBM, .bytes = 4096, .pattern = 0x42});
    queue.push(spec::PacketCopy{.src = HBM, .dst = HOST, .bytes = 4096});
    queue.ring();
    assert_eventually(queue.done());
    assert_int_equal(device.machine().readq(memory.host + 4088), 0x42);
    assert_int_equal(device.machine().readq(device.place().aperture + memory.hbm), 0x42);
}

void while_it_is_gone_a_machine_reset_changes_nothing(void **) {
    Neuron device = Neuron::boot();
    set(device, "gone", true);
    device.machine().reset();
    assert_int_equal(device.pci().read32(PCI_VENDOR_ID), 0xffffffff);
    set(device, "gone", false);
    device.bring_up();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(an_error_of_hbm_is_reported),
        device_test(spoilt_bytes_fault_until_they_are_scrubbed),
        device_test(errors_outside_hbm_are_refused_with_a_reason),
        device_test(errors_during_a_reset_are_refused),
        device_test(a_stuck_device_does_not_get_ready),
        device_test(a_device_may_be_stuck_from_the_start),
        device_test(a_queue_that_does_not_stop_needs_a_reset),
        device_test(a_device_that_is_gone_answers_with_all_ones),
        device_test(what_is_no_bus_master_any_more_writes_nothing),
        device_test(a_device_that_comes_back_is_as_new),
        device_test(while_it_is_gone_a_machine_reset_changes_nothing),
    };
    return run_suite("device misbehaviour", tests);
}
