// SPDX-License-Identifier: MIT
// DMA through a vIOMMU: translated, refused, and with the device leaving in the middle of it.
#include "support/iommu.hpp"
#include "support/root_port.hpp"
#include "support/suite.hpp"
#include "support/workload.hpp"

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr std::uint64_t HOST = Context::HOST_VA;
constexpr std::uint64_t HBM = Context::HBM_VA;
constexpr std::uint8_t DEVFN = Neuron::SLOT << 3;

void without_translation_it_works_as_ever(void **) {
    Neuron device = Neuron::boot("", Iommu::arguments());
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(1, 0x77);
    Queue queue(device);
    queue.push(spec::PacketFill{.dst = HOST, .bytes = Context::HOST_BYTES, .pattern = 0x11}, true);
    queue.ring();
    assert_eventually(queue.done());
    assert_eventually(device.machine().readl(word) == 0x77);
    assert_int_equal(device.machine().readq(memory.host + Context::HOST_BYTES - 8), 0x11);
}

void dma_goes_where_the_tables_say(void **) {
    Neuron device = Neuron::boot("", Iommu::arguments());
    Iommu iommu(device.machine());
    const std::uint64_t target = device.machine().allocate(4 << 20, 2 << 20);
    iommu.map_ram();
    iommu.map(0x4000000000, target, 4 << 20);
    iommu.attach(0, DEVFN);
    iommu.enable();
    Context memory(device);
    memory.table.map_host(0x50000000, 0x4000000000, 4 << 20);
    Queue queue(device);
    const auto data = pattern(300000);
    device.machine().write(memory.host, data);
    queue.push(spec::PacketCopy{.src = HOST, .dst = 0x50000000 + 0x1ff123, .bytes = data.size()});
    queue.ring();
    assert_eventually(queue.done());
    const auto out = device.machine().read(target + 0x1ff123, data.size());
    assert_memory_equal(out.data(), data.data(), data.size());
    assert_false(iommu.faulted());
}

void an_interrupt_goes_through_translation_too(void **) {
    Neuron device = Neuron::boot("", Iommu::arguments());
    Iommu iommu(device.machine());
    iommu.map_ram();
    iommu.attach(0, DEVFN);
    iommu.enable();
    const Context memory(device);
    device.enable_msix();
    const std::uint64_t word = device.arm_vector(1, 0x78);
    Queue queue(device);
    queue.push(spec::PacketNop{}, true);
    queue.ring();
    assert_eventually(device.machine().readl(word) == 0x78);
}

void a_refused_access_faults_the_queue_and_not_qemu(const std::string &properties,
                                                    const std::vector<std::string> &more_args = {}) {
    auto args = Iommu::arguments();
    args.insert(args.end(), more_args.begin(), more_args.end());
    Neuron device = Neuron::boot(properties, args);
    Iommu iommu(device.machine());
    iommu.attach(0, DEVFN);
    iommu.enable();
    device.enable_context(0, device.machine().allocate(4096));
    for (int round = 0; round < 20; round++) {
        Queue queue(device);
        queue.push(spec::PacketNop{});
        queue.ring();
        assert_eventually(queue.state() == spec::QueueState::FAULTED);
        assert_int_equal(queue.fault(), spec::Fault::HOST_BUS);
        queue.disable();
        assert_eventually(!queue.busy());
    }
    assert_true(iommu.faulted());
}

void a_refused_access_faults_the_queue(void **) { a_refused_access_faults_the_queue_and_not_qemu(""); }
void a_refused_access_faults_the_queue_in_stepped_mode(void **) {
    a_refused_access_faults_the_queue_and_not_qemu("stepped=on");
}

/// The IOMMU raises its own interrupt from the thread that made the access. TCG, other than qtest's dummy processor,
/// aborts if that thread does not hold the BQL.
void a_refused_access_interrupts_the_cpu_under_the_bql(void **) {
    a_refused_access_faults_the_queue_and_not_qemu("", {"-accel", "tcg", "-S"});
}

void an_access_that_leaves_the_mapping_faults(void **) {
    Neuron device = Neuron::boot("", Iommu::arguments());
    Iommu iommu(device.machine());
    iommu.map_ram();
    iommu.attach(0, DEVFN);
    iommu.enable();
    Context memory(device);
    memory.table.map_host(0x50000000, Machine::RAM_BYTES - 4096, 8192);
    Queue queue(device);
    queue.push(spec::PacketFill{.dst = 0x50000000, .bytes = 8192, .pattern = 1});
    queue.ring();
    assert_eventually(queue.state() == spec::QueueState::FAULTED);
    assert_int_equal(queue.fault(), spec::Fault::HOST_BUS);
    assert_true(iommu.faulted());
}

void the_order_on_the_command_line_does_not_matter(void **) {
    std::vector<std::string> args{"-device", "neuron,addr=4,hbm=256M,aperture=64M"};
    for (const std::string &arg : Iommu::arguments())
        args.push_back(arg);
    Neuron device(Machine::start(args), 0, 4);
    Iommu iommu(device.machine());
    iommu.attach(0, DEVFN);
    iommu.enable();
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.state() == spec::QueueState::FAULTED);
    assert_true(iommu.faulted());
}

/// Several threads of the chip in DMA, so that some of them wait for the BQL at any time.
struct Crowd {
    static constexpr const char *THREADS = "threads=4";

    explicit Crowd(Neuron &device)
        : contexts{Context(device, 0), Context(device, 1), Context(device, 2)},
          queues{Queue(device, {.queue = 0, .ctx = 0}), Queue(device, {.queue = 1, .ctx = 1}),
                 Queue(device, {.queue = 2, .ctx = 2})} {
        for (Queue &queue : queues)
            start_long_work(queue);
    }

    Context contexts[3];
    Queue queues[3];
};

/// The chip's threads wait for the BQL while the thread that holds it waits for them: unplug must let go of it.
void unplug_with_translated_dma_in_flight(void **) {
    auto args = Iommu::arguments();
    for (const std::string &arg : RootPort::arguments())
        args.push_back(arg);
    args.insert(args.end(), {"-device", std::string("neuron,id=n0,bus=rp0,hbm=256M,aperture=64M,") + Crowd::THREADS});
    const auto machine = Machine::start(args);
    const RootPort port(machine);
    Iommu iommu(*machine);
    iommu.map_ram();
    iommu.attach(RootPort::BUS, 0);
    iommu.enable();
    Neuron device = port.device();
    const Crowd crowd(device);
    port.unplug("n0");
    assert_true(machine->alive());
}

void quit_with_translated_dma_in_flight(void **) {
    Neuron device = Neuron::boot(Crowd::THREADS, Iommu::arguments());
    Iommu iommu(device.machine());
    iommu.map_ram();
    iommu.attach(0, DEVFN);
    iommu.enable();
    const Crowd crowd(device);
    assert_int_equal(device.machine().quit(), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(without_translation_it_works_as_ever),
        device_test(dma_goes_where_the_tables_say),
        device_test(an_interrupt_goes_through_translation_too),
        device_test(a_refused_access_faults_the_queue),
        device_test(a_refused_access_faults_the_queue_in_stepped_mode),
        device_test(a_refused_access_interrupts_the_cpu_under_the_bql),
        device_test(an_access_that_leaves_the_mapping_faults),
        device_test(the_order_on_the_command_line_does_not_matter),
        device_test(unplug_with_translated_dma_in_flight),
        device_test(quit_with_translated_dma_in_flight),
    };
    return run_suite("device IOMMU", tests);
}
