// SPDX-License-Identifier: MIT
// Buffers, queues and jobs on the in-process chip.
#include <array>
#include <cstdlib>
#include <string>
#include <thread>

#include "hal_sim.hpp"

using namespace hal_test;

namespace {

// ---- device and context ----

void facts_follow_the_options(void **) {
    const Device device = open_sim();
    assert_int_equal(device.info().cores, 2);
    assert_int_equal(device.info().hbm_bytes, 256 << 20);
    assert_int_equal(device.info().hbm_free, 256 << 20);
    assert_int_equal(device.info().spec_version, spec::VERSION);
    assert_string_equal(device.info().backend.c_str(), "sim");
}

void unknown_profile_is_named(void **) {
    neuron::DeviceOptions options{.backend = "sim"};
    options.sim.profile = "abacus";
    must_fail(Device::open(options), ErrorCode::invalid_argument, "abacus");
}

void sim_has_no_nodes(void **) {
    must_fail(Device::open({.backend = "sim", .node = "accel0"}), ErrorCode::invalid_argument, "no node 'accel0'");
}

void contexts_run_out_and_come_back(void **) {
    const Device device = open_sim();
    std::vector<Context> contexts;
    for (std::uint32_t i = 0; i < spec::MAX_CONTEXTS; ++i)
        contexts.push_back(must(Context::create(device)));
    must_fail(Context::create(device), ErrorCode::out_of_memory, "64 contexts");
    contexts.pop_back();
    must(Context::create(device));
}

// ---- buffers ----

void host_buffer_is_zero_and_mapped(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 5000));
    assert_int_equal(buffer.size(), 8192);
    for (const std::byte byte : must(buffer.map()))
        assert_int_equal(static_cast<int>(byte), 0);
}

// More than the staging buffer holds, and odd at both ends.
void hbm_buffer_keeps_what_was_written(void **) {
    Rig rig;
    const Bytes data = pattern((9 << 20) + 13);
    const Buffer buffer = must(Buffer::create(rig.context, data.size() + 7, hbm));
    must(rig.queue.write(buffer, 7, data));
    assert_true(read_back(rig.queue, buffer, data.size(), 7) == data);
    assert_true(read_back(rig.queue, buffer, 7) == Bytes(7));
}

// Reads what nobody wrote, on purpose: not for the sanitizer's eyes.
void reused_hbm_reads_as_zero(void **) {
    const char *const wish = std::getenv("NEURON_SANITIZER");
    const std::string before = wish != nullptr ? wish : "0";
    setenv("NEURON_SANITIZER", "0", 1);
    Rig rig;
    setenv("NEURON_SANITIZER", before.c_str(), 1);
    for (int round = 0; round < 3; ++round) {
        const std::uint64_t all = rig.device.info().hbm_bytes / rig.device.info().hbm_banks;
        const Buffer buffer = must(Buffer::create(rig.context, all, {.placement = Placement::hbm, .bank = 1}));
        assert_true(read_back(rig.queue, buffer, 1 << 20) == Bytes(1 << 20));
        must(rig.queue.write(buffer, 0, pattern(1 << 20)));
    }
    assert_int_equal(must(rig.context.info()).hbm_free, rig.device.info().hbm_bytes);
}

void mappable_hbm_is_shared_with_the_device(void **) {
    Rig rig;
    const Buffer a = must(Buffer::create(rig.context, 4096, {.placement = Placement::hbm, .mappable = true}));
    const Buffer b = must(Buffer::create(rig.context, 4096, hbm));
    const Bytes data = pattern(4096);
    std::ranges::copy(data, must(a.map()).begin());
    must(rig.queue.run(CommandList{}.copy(b.va(), a.va(), 4096), patience));
    assert_true(read_back(rig.queue, b, 4096) == data);
}

void plain_hbm_cannot_be_mapped(void **) {
    Rig rig;
    must_fail(must(Buffer::create(rig.context, 4096, hbm)).map(), ErrorCode::unsupported, "not made mappable");
}

void bad_buffer_options_are_refused(void **) {
    Rig rig;
    must_fail(Buffer::create(rig.context, 0), ErrorCode::invalid_argument, "0 bytes");
    must_fail(Buffer::create(rig.context, 1, {.placement = Placement::hbm, .bank = 99}), ErrorCode::invalid_argument,
              "HBM bank 99");
    must_fail(Buffer::create(rig.context, 1, {.placement = Placement::host, .bank = 0}), ErrorCode::invalid_argument,
              "host buffer");
    must_fail(Buffer::create(rig.context, std::uint64_t{1} << 40, hbm), ErrorCode::out_of_memory, "no room");
}

void transfers_outside_a_buffer_are_refused(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 4096, hbm));
    must_fail(rig.queue.write(buffer, 4090, Bytes(7)), ErrorCode::invalid_argument, "of a buffer of 4096");
    must_fail(rig.queue.write(buffer, UINT64_MAX, Bytes(7)), ErrorCode::invalid_argument, "of a buffer of 4096");
    const Context other = must(Context::create(rig.device));
    must_fail(rig.queue.write(must(Buffer::create(other, 4096)), 0, Bytes(7)), ErrorCode::invalid_argument,
              "another context");
}

// ---- jobs ----

void fill_and_fence_arrive(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    must(rig.queue.run(CommandList{}.fill(buffer.va(), 24, 0x1122334455667788).fence(buffer.va() + 32, 42), patience));
    assert_int_equal(word_at(buffer, 16), 0x1122334455667788);
    assert_int_equal(word_at(buffer, 24), 0);
    assert_int_equal(word_at(buffer, 32), 42);
}

void strided_copy_moves_rows(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    const Bytes data = pattern(64);
    must(rig.queue.write(buffer, 0, data));
    spec::PacketCopyStrided packet{};
    packet.row_bytes = 4;
    packet.src = buffer.va();
    packet.dst = buffer.va() + 1024;
    packet.count = {4, 1, 1};
    packet.src_stride = {16, 0, 0};
    packet.dst_stride = {4, 0, 0};
    must(rig.queue.run(CommandList{}.add(packet), patience));
    const Bytes got = read_back(rig.queue, buffer, 16, 1024);
    for (std::size_t i = 0; i < 16; ++i)
        assert_true(got[i] == data[i / 4 * 16 + i % 4]);
}

void jobs_the_library_can_judge_are_refused(void **) {
    Rig rig;
    must_fail(rig.queue.submit(CommandList{}), ErrorCode::invalid_argument, "without packets");
    must_fail(rig.queue.submit_batch({}), ErrorCode::invalid_argument, "without jobs");
    CommandList many;
    for (std::uint32_t i = 0; i <= rig.queue.ring_packets() / 2; ++i)
        many.nop();
    must_fail(rig.queue.submit(many), ErrorCode::invalid_argument, "half the ring");
    spec::PacketNop flagged{};
    flagged.flags = spec::raw(spec::PacketFlag::IRQ);
    must_fail(rig.queue.submit(CommandList{}.nop().add(flagged)), ErrorCode::invalid_argument, "packet 1: flags");
    must_fail(rig.queue.wait(Job{1}), ErrorCode::invalid_argument, "job 1: the queue has had 0");
    must_fail(Queue::create(rig.context, {.ring_log2 = 30}), ErrorCode::invalid_argument, "2^30");
    must(rig.queue.wait_idle());
}

// Many times what the ring holds: submits wait for room, and every job is counted once.
void many_jobs_in_flight_all_end(void **) {
    Rig rig;
    Queue queue = must(Queue::create(rig.context, {.ring_log2 = spec::RING_LOG2_MIN}));
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    std::vector<CommandList> jobs(1000);
    for (std::size_t i = 0; i < jobs.size(); ++i)
        jobs[i].nop().fence(buffer.va(), i + 1);
    const Job last = must(queue.submit_batch(jobs));
    assert_int_equal(last.number, jobs.size());
    must(queue.wait_idle(patience));
    assert_int_equal(word_at(buffer), jobs.size());
    assert_true(must(queue.done(Job{500})));
    const auto stats = rig.context.stats();
    assert_int_equal(stats.jobs, jobs.size());
    assert_int_equal(stats.packets, 2 * jobs.size());
    assert_int_equal(stats.submit_calls, 1);
}

void queues_of_a_context_run_side_by_side(void **) {
    Rig rig;
    const Program endless = must(Program::load(rig.context, rig.queue, endless_kernel()));
    Queue busy = must(Queue::create(rig.context));
    must(endless.launch(busy, {}));
    must(rig.queue.run(CommandList{}.nop(), patience));
}

// ---- faults ----

void fault_names_job_packet_and_address(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    must(rig.queue.run(CommandList{}.nop(), patience));
    const auto result = rig.queue.run(CommandList{}.nop().copy(buffer.va(), 0x123000, 64), patience);
    const auto error = must_fail(result, ErrorCode::device_fault, "job 2, packet 1 (COPY): PAGE_NOT_MAPPED: ");
    assert_true(error.message.find("reading address 0x123000 (") != std::string::npos);
    assert_true(error.fault.has_value());
    assert_true(error.fault->code == spec::Fault::PAGE_NOT_MAPPED);
    assert_true(error.fault->unit == spec::Unit::QUEUE);
    assert_int_equal(error.fault->job, 2);
    assert_int_equal(error.fault->packet, 1);
    assert_int_equal(error.fault->va, 0x123000);
    assert_false(error.fault->write);
}

void read_only_buffer_cannot_be_written_by_the_device(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 4096, {.read_only = true}));
    must_fail(rig.queue.run(CommandList{}.fence(buffer.va(), 1), patience), ErrorCode::device_fault,
              "(FENCE): PAGE_READ_ONLY");
    assert_int_equal(word_at(buffer), 0);
}

void unknown_packet_is_named(void **) {
    Rig rig;
    neuron::Packet packet{};
    packet[0] = std::byte{0x7f};
    must_fail(rig.queue.run(CommandList{}.add(packet), patience), ErrorCode::device_fault,
              "packet 0 (opcode 0x7f): ILLEGAL_PACKET");
}

void overrun_of_a_buffer_faults(void **) {
    Rig rig;
    const Buffer a = must(Buffer::create(rig.context, 4096));
    const Buffer b = must(Buffer::create(rig.context, 4096));
    must_fail(rig.queue.run(CommandList{}.fill(a.va(), 4097, ~0ull), patience), ErrorCode::device_fault,
              "PAGE_NOT_MAPPED");
    assert_int_equal(word_at(b), 0);
}

void jobs_after_a_fault_are_canceled_and_a_new_queue_works(void **) {
    Rig rig;
    const std::array<CommandList, 4> jobs{CommandList{}.nop(), CommandList{}.fence(8, 1), CommandList{}.nop(),
                                          CommandList{}.nop()};
    must(rig.queue.submit_batch(jobs));
    must_fail(rig.queue.wait(Job{4}, patience), ErrorCode::canceled,
              "job 4: canceled, because the queue stopped: job 2, packet 0 (FENCE)");
    must_fail(rig.queue.wait(Job{2}, patience), ErrorCode::device_fault, "job 2");
    must(rig.queue.wait(Job{1}, patience));
    must_fail(rig.queue.wait_idle(patience), ErrorCode::device_fault, "job 2");
    must_fail(rig.queue.submit(CommandList{}.nop()), ErrorCode::canceled,
              "takes no more jobs, because it stopped: job 2");
    Queue fresh = must(Queue::create(rig.context));
    must(fresh.run(CommandList{}.nop(), patience));
}

void fault_stops_the_other_queues_of_its_context(void **) {
    Rig rig;
    const Program endless = must(Program::load(rig.context, rig.queue, endless_kernel()));
    Queue other = must(Queue::create(rig.context));
    const Job job = must(endless.launch(other, {}));
    must_fail(rig.queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
    must_fail(other.wait(job, patience), ErrorCode::canceled,
              "another queue of the context stopped: job 2, packet 0: PAGE_NOT_MAPPED");
}

void contexts_cannot_reach_each_other(void **) {
    Rig rig;
    const Context other = must(Context::create(rig.device));
    Queue queue = must(Queue::create(other));
    const Buffer secret = must(Buffer::create(rig.context, 4096));
    must(rig.queue.write(secret, 0, pattern(4096)));
    // The same address is another buffer in the other context.
    const Buffer mine = must(Buffer::create(other, 4096));
    assert_int_equal(mine.va(), secret.va());
    const Buffer target = must(Buffer::create(other, 4096));
    must(queue.run(CommandList{}.copy(target.va(), mine.va(), 4096), patience));
    assert_true(read_back(queue, target, 4096) == Bytes(4096));
    must_fail(queue.run(CommandList{}.fence(rig.device.info().va_end - 4096, 1), patience), ErrorCode::device_fault,
              "PAGE_NOT_MAPPED");
    must(rig.queue.run(CommandList{}.nop(), patience));
    assert_true(read_back(rig.queue, secret, 4096) == pattern(4096));
}

void freed_buffer_is_out_of_reach(void **) {
    Rig rig;
    std::uint64_t va = 0;
    {
        const Buffer buffer = must(Buffer::create(rig.context, 4096));
        va = buffer.va();
        must(rig.queue.run(CommandList{}.fence(va, 1), patience));
    }
    must_fail(rig.queue.run(CommandList{}.fence(va, 1), patience), ErrorCode::device_fault, "PAGE_NOT_MAPPED");
}

// ---- waiting ----

void wait_that_runs_out_can_be_repeated(void **) {
    Rig rig;
    const Program endless = must(Program::load(rig.context, rig.queue, endless_kernel()));
    Queue queue = must(Queue::create(rig.context)); // goes before the program that runs on it
    const Job job = must(endless.launch(queue, {}));
    for (int i = 0; i < 2; ++i)
        must_fail(queue.wait(job, std::chrono::milliseconds(20)), ErrorCode::timeout, "not done in time");
    assert_false(must(queue.done(job)));
}

// Every rig above that leaves an endless job behind relies on this.
void queue_with_jobs_in_flight_can_be_destroyed(void **) {
    Rig rig;
    const Program endless = must(Program::load(rig.context, rig.queue, endless_kernel()));
    std::optional<Event> event;
    {
        Queue queue = must(Queue::create(rig.context));
        const Job job = must(endless.launch(queue, {}));
        event = must(queue.event(job));
    }
    must_fail(event->wait(patience), ErrorCode::canceled, "canceled");
    must(rig.queue.run(CommandList{}.nop(), patience));
}

void event_wakes_another_thread(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 64 << 20));
    const Job job = must(rig.queue.submit(CommandList{}.fill(buffer.va(), buffer.size(), 7)));
    const Event event = must(rig.queue.event(job));
    bool good = false;
    std::thread waiter([&] { good = event.wait(patience).has_value(); });
    waiter.join();
    assert_true(good);
    assert_int_equal(word_at(buffer, buffer.size() - 8), 7);
}

void queue_moves_between_threads(void **) {
    Rig rig;
    must(rig.queue.run(CommandList{}.nop(), patience));
    bool good = false;
    std::thread other([&] { good = rig.queue.run(CommandList{}.nop(), patience).has_value(); });
    other.join();
    assert_true(good);
}

void handles_die_in_any_order(void **) {
    std::optional<Device> device = open_sim();
    std::optional<Context> context = must(Context::create(*device));
    std::optional<Queue> queue = must(Queue::create(*context));
    std::optional<Buffer> buffer = must(Buffer::create(*context, 4096, hbm));
    device.reset();
    context.reset();
    must(queue->write(*buffer, 0, pattern(100)));
    queue.reset();
    buffer.reset();
}

// ---- stepped ----

void stepped_chip_runs_jobs(void **) {
    Rig rig(true, 7);
    const Bytes data = pattern(100000);
    const Buffer buffer = must(Buffer::create(rig.context, data.size(), hbm));
    must(rig.queue.write(buffer, 0, data));
    assert_true(read_back(rig.queue, buffer, data.size()) == data);
    must_fail(rig.queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(facts_follow_the_options),
        cmocka_unit_test(unknown_profile_is_named),
        cmocka_unit_test(sim_has_no_nodes),
        cmocka_unit_test(contexts_run_out_and_come_back),
        cmocka_unit_test(host_buffer_is_zero_and_mapped),
        cmocka_unit_test(hbm_buffer_keeps_what_was_written),
        cmocka_unit_test(reused_hbm_reads_as_zero),
        cmocka_unit_test(mappable_hbm_is_shared_with_the_device),
        cmocka_unit_test(plain_hbm_cannot_be_mapped),
        cmocka_unit_test(bad_buffer_options_are_refused),
        cmocka_unit_test(transfers_outside_a_buffer_are_refused),
        cmocka_unit_test(fill_and_fence_arrive),
        cmocka_unit_test(strided_copy_moves_rows),
        cmocka_unit_test(jobs_the_library_can_judge_are_refused),
        cmocka_unit_test(many_jobs_in_flight_all_end),
        cmocka_unit_test(queues_of_a_context_run_side_by_side),
        cmocka_unit_test(fault_names_job_packet_and_address),
        cmocka_unit_test(read_only_buffer_cannot_be_written_by_the_device),
        cmocka_unit_test(unknown_packet_is_named),
        cmocka_unit_test(overrun_of_a_buffer_faults),
        cmocka_unit_test(jobs_after_a_fault_are_canceled_and_a_new_queue_works),
        cmocka_unit_test(fault_stops_the_other_queues_of_its_context),
        cmocka_unit_test(contexts_cannot_reach_each_other),
        cmocka_unit_test(freed_buffer_is_out_of_reach),
        cmocka_unit_test(wait_that_runs_out_can_be_repeated),
        cmocka_unit_test(queue_with_jobs_in_flight_can_be_destroyed),
        cmocka_unit_test(event_wakes_another_thread),
        cmocka_unit_test(queue_moves_between_threads),
        cmocka_unit_test(handles_die_in_any_order),
        cmocka_unit_test(stepped_chip_runs_jobs),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_sim", tests, nullptr, nullptr);
}
