// SPDX-License-Identifier: MIT
// Packets from doorbell to seqno, and the two ways to HBM: the aperture and DMA.
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <cstring>

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr std::uint64_t HOST = Context::HOST_VA;
constexpr std::uint64_t HBM = Context::HBM_VA;

void assert_bytes(const std::vector<std::byte> &actual, const std::vector<std::byte> &expected) {
    assert_int_equal(actual.size(), expected.size());
    assert_memory_equal(actual.data(), expected.data(), expected.size());
}

void aperture_keeps_what_is_written(void **) {
    const Neuron device = Neuron::boot();
    const auto data = pattern(100000);
    device.machine().write(device.place().aperture + 12345, data);
    assert_bytes(device.machine().read(device.place().aperture + 12345, data.size()), data);
    const std::uint64_t last = device.place().aperture + device.reg64(spec::reg::GLOBAL_APERTURE_BYTES) - 8;
    device.machine().writeq(last, 0x1122334455667788);
    assert_int_equal(device.machine().readq(last), 0x1122334455667788);
}

void a_copy_sees_what_the_aperture_wrote(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    const auto data = pattern(70001);
    device.machine().write(device.place().aperture + memory.hbm + 5, data);
    queue.push(spec::PacketCopy{.src = HBM + 5, .dst = HOST + 3, .bytes = data.size()});
    queue.ring();
    assert_eventually(queue.done());
    assert_bytes(device.machine().read(memory.host + 3, data.size()), data);
}

void the_aperture_sees_what_a_copy_wrote(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    const auto data = pattern(4096 * 3 + 17);
    device.machine().write(memory.host + 1, data);
    queue.push(spec::PacketCopy{.src = HOST + 1, .dst = HBM + 4090, .bytes = data.size()});
    queue.ring();
    assert_eventually(queue.done());
    assert_bytes(device.machine().read(device.place().aperture + memory.hbm + 4090, data.size()), data);
}

void a_fill_repeats_its_pattern_and_stops_in_the_middle(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketFill{.dst = HOST, .bytes = 20, .pattern = 0x0807060504030201});
    queue.ring();
    assert_eventually(queue.done());
    assert_int_equal(device.machine().readq(memory.host), 0x0807060504030201);
    assert_int_equal(device.machine().readq(memory.host + 8), 0x0807060504030201);
    assert_int_equal(device.machine().readq(memory.host + 16), 0x04030201);
}

void a_strided_copy_moves_its_rows(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    const auto data = pattern(64);
    device.machine().write(memory.host, data);
    // Four rows of 8 bytes, 16 apart, become dense and in reverse order.
    queue.push(spec::PacketCopyStrided{.row_bytes = 8,
                                       .src = HOST,
                                       .dst = HOST + 4096 + 24,
                                       .count = {4, 1, 1},
                                       .src_stride = {16, 0, 0},
                                       .dst_stride = {-8, 0, 0}});
    queue.ring();
    assert_eventually(queue.done());
    const auto out = device.machine().read(memory.host + 4096, 32);
    for (std::size_t row = 0; row < 4; row++)
        assert_memory_equal(&out[(3 - row) * 8], &data[row * 16], 8);
}

void a_nop_retires_and_the_seqno_counts_packets(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    assert_int_equal(queue.state(), spec::QueueState::IDLE);
    for (int i = 0; i < 5; i++)
        queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.seqno() == 5);
    assert_int_equal(queue.head(), 5);
    assert_eventually(queue.state() == spec::QueueState::IDLE);
}

void a_fence_is_written_after_the_packets_before_it(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    constexpr std::uint64_t BYTES = 1 << 20;
    const std::uint64_t fence = memory.host + Context::HOST_BYTES - 8;
    queue.push(spec::PacketFill{.dst = HOST, .bytes = BYTES, .pattern = 0x5555555555555555});
    queue.push(spec::PacketFence{.addr = HOST + Context::HOST_BYTES - 8, .value = 0xfeedfacecafebeef});
    queue.ring();
    assert_eventually(device.machine().readq(fence) == 0xfeedfacecafebeef);
    assert_int_equal(device.machine().readq(memory.host + BYTES - 8), 0x5555555555555555);
}

void a_ring_wraps_around_many_times(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    for (std::uint64_t round = 0; round < 40; round++) {
        for (std::uint64_t i = 0; i < 11; i++)
            queue.push(spec::PacketFence{.addr = HOST + 8 * i, .value = round * 100 + i});
        queue.ring();
        assert_eventually(queue.done());
        for (std::uint64_t i = 0; i < 11; i++)
            assert_int_equal(device.machine().readq(memory.host + 8 * i), round * 100 + i);
    }
}

void a_zero_length_copy_retires_and_touches_nothing(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketCopy{.src = 0xdead000, .dst = 0xbeef000, .bytes = 0});
    queue.ring();
    assert_eventually(queue.done());
    assert_int_equal(queue.fault(), spec::Fault::NONE);
}

void contexts_do_not_see_each_other(void **) {
    Neuron device = Neuron::boot();
    const Context first(device, 0), second(device, 1);
    Queue a(device, {.queue = 0, .ctx = 0}), b(device, {.queue = 1, .ctx = 1, .vector = 2});
    a.push(spec::PacketFill{.dst = HBM, .bytes = 64, .pattern = 0xaaaa});
    b.push(spec::PacketFill{.dst = HBM, .bytes = 64, .pattern = 0xbbbb});
    a.ring();
    b.ring();
    assert_eventually(a.done() && b.done());
    assert_int_equal(device.machine().readq(device.place().aperture + first.hbm), 0xaaaa);
    assert_int_equal(device.machine().readq(device.place().aperture + second.hbm), 0xbbbb);
}

void two_devices_of_a_machine_are_independent(void **) {
    const auto machine = Machine::start(
        {"-device", "neuron,id=a,addr=4,hbm=256M,aperture=64M", "-device", "neuron,id=b,addr=5,hbm=256M,aperture=64M"});
    Neuron first(machine, 0, 4, Place::number(0)), second(machine, 0, 5, Place::number(1));
    const Context first_memory(first), second_memory(second);
    Queue a(first), b(second);
    a.push(spec::PacketFill{.dst = HBM, .bytes = 4096, .pattern = 1});
    b.push(spec::PacketFill{.dst = HBM, .bytes = 4096, .pattern = 2});
    b.push(spec::PacketNop{});
    a.ring();
    b.ring();
    assert_eventually(a.done() && b.done());
    assert_int_equal(machine->readq(first.place().aperture), 1);
    assert_int_equal(machine->readq(second.place().aperture), 2);
    first.function_level_reset();
    assert_int_equal(b.head(), 2);
    assert_int_equal(machine->readq(second.place().aperture), 2);
}

void stepped_mode_gives_the_same_results(void **) {
    std::vector<std::byte> results[2];
    for (int stepped = 0; stepped < 2; stepped++) {
        Neuron device = Neuron::boot(stepped ? "stepped=on,seed=42" : "");
        const Context memory(device);
        Queue queue(device);
        device.machine().write(memory.host, pattern(50000, 9));
        queue.push(spec::PacketCopy{.src = HOST, .dst = HBM + 100, .bytes = 50000});
        queue.push(spec::PacketFill{.dst = HBM + 30000, .bytes = 5001, .pattern = 0x1234567});
        queue.push(spec::PacketCopy{.src = HBM + 99, .dst = HOST + 100003, .bytes = 50001});
        queue.ring();
        assert_eventually(queue.done());
        results[stepped] = device.machine().read(memory.host, 200000);
        Machine::stop_all();
    }
    assert_bytes(results[1], results[0]);
}

void a_stopped_machine_stands_still_in_stepped_mode(void **) {
    Neuron device = Neuron::boot("stepped=on");
    const Context memory(device);
    Queue queue(device);
    device.machine().qmp("stop");
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_throughout(queue.seqno() == 0);
    device.machine().qmp("cont");
    assert_eventually(queue.done());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(aperture_keeps_what_is_written),
        device_test(a_copy_sees_what_the_aperture_wrote),
        device_test(the_aperture_sees_what_a_copy_wrote),
        device_test(a_fill_repeats_its_pattern_and_stops_in_the_middle),
        device_test(a_strided_copy_moves_its_rows),
        device_test(a_nop_retires_and_the_seqno_counts_packets),
        device_test(a_fence_is_written_after_the_packets_before_it),
        device_test(a_ring_wraps_around_many_times),
        device_test(a_zero_length_copy_retires_and_touches_nothing),
        device_test(contexts_do_not_see_each_other),
        device_test(two_devices_of_a_machine_are_independent),
        device_test(stepped_mode_gives_the_same_results),
        device_test(a_stopped_machine_stands_still_in_stepped_mode),
    };
    return run_suite("device queues", tests);
}
