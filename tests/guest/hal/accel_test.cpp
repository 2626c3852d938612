// SPDX-License-Identifier: MIT
// The accel backend against the real driver, every case once through io_uring and once through ioctls.
#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include <neuron/neuron.hpp>

#include "hal_check.hpp"

using namespace hal_test;
using neuron::Buffer;
using neuron::BufferOptions;
using neuron::CommandList;
using neuron::Context;
using neuron::Device;
using neuron::ErrorCode;
using neuron::Event;
using neuron::Job;
using neuron::Placement;
using neuron::Queue;
using neuron::QueueOptions;
using neuron::SubmitPath;

namespace {

constexpr BufferOptions hbm{.placement = Placement::hbm};
constexpr std::chrono::seconds patience(30);

struct Rig {
    SubmitPath path;
    Device device = must(Device::open());
    Context context = must(Context::create(device));
    Queue queue = make_queue();

    explicit Rig(void **state) : path(*static_cast<const SubmitPath *>(*state)) {}
    Queue make_queue(std::uint32_t ring_log2 = 0) const {
        QueueOptions options;
        options.path = path;
        options.ring_log2 = ring_log2;
        return must(Queue::create(context, options));
    }
};

std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    std::uint32_t state = 1;
    for (std::byte &byte : bytes)
        byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
}

std::uint64_t word_at(const Buffer &buffer) {
    std::uint64_t word = 0;
    std::memcpy(&word, must(buffer.map()).data(), sizeof(word));
    return word;
}

void path_is_the_one_asked_for(void **state) {
    const Rig rig(state);
    assert_string_equal(std::string(rig.queue.path()).c_str(), rig.path == SubmitPath::uring ? "uring" : "ioctl");
    assert_string_equal(rig.device.info().backend.c_str(), "accel");
    assert_true(rig.device.info().cores > 0);
}

void device_is_listed_as_usable(void **) {
    const auto nodes = must(Device::list());
    assert_int_equal(nodes.size(), 1);
    assert_string_equal(nodes[0].problem.c_str(), "");
    must(Device::open({.backend = "accel", .node = nodes[0].name}));
    must(Device::open({.backend = "accel", .node = nodes[0].address}));
}

void hbm_buffer_keeps_what_was_written(void **state) {
    Rig rig(state);
    const auto data = pattern((5 << 20) + 13);
    const Buffer buffer = must(Buffer::create(rig.context, data.size() + 7, hbm));
    must(rig.queue.write(buffer, 7, data));
    std::vector<std::byte> back(data.size());
    must(rig.queue.read(buffer, 7, back));
    assert_true(back == data);
}

void mappable_hbm_is_shared_with_the_device(void **state) {
    Rig rig(state);
    const Buffer a = must(Buffer::create(rig.context, 4096, {.placement = Placement::hbm, .mappable = true}));
    const Buffer b = must(Buffer::create(rig.context, 4096));
    const auto data = pattern(4096);
    std::memcpy(must(a.map()).data(), data.data(), data.size());
    must(rig.queue.run(CommandList{}.copy(b.va(), a.va(), 4096), patience));
    assert_memory_equal(must(b.map()).data(), data.data(), data.size());
}

// Many times what the ring holds: submits wait for room, and no job is lost, doubled or overtaken. Jobs of one packet and
// of more take different ways into the driver.
void many_jobs_in_flight_all_end(void **state) {
    Rig rig(state);
    Queue queue = rig.make_queue(neuron::spec::RING_LOG2_MIN);
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    std::vector<CommandList> jobs(1000);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (i % 3 == 0)
            jobs[i].nop();
        jobs[i].fence(buffer.va(), i + 1);
    }
    assert_int_equal(must(queue.submit_batch(jobs)).number, jobs.size());
    must(queue.wait_idle(patience));
    assert_int_equal(word_at(buffer), jobs.size());
    assert_true(must(queue.done(Job{500})));
}

void batch_enters_the_kernel_once(void **state) {
    Rig rig(state);
    const std::vector<CommandList> jobs(100, CommandList{}.nop());
    must(rig.queue.submit_batch(jobs));
    must(rig.queue.wait_idle(patience));
    assert_int_equal(rig.context.stats().submit_calls, 1);
    assert_int_equal(rig.context.stats().jobs, 100);
}

void fault_names_job_packet_and_address(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    must(rig.queue.run(CommandList{}.nop(), patience));
    const auto result = rig.queue.run(CommandList{}.nop().copy(buffer.va(), 0x123000, 64), patience);
    const auto error = must_fail(result, ErrorCode::device_fault, "job 2, packet 1 (COPY): PAGE_NOT_MAPPED: ");
    assert_true(error.message.ends_with("reading address 0x123000"));
    must_fail(rig.queue.submit(CommandList{}.nop()), ErrorCode::canceled,
              "takes no more jobs, because it stopped: job 2");
    Queue fresh = rig.make_queue();
    must(fresh.run(CommandList{}.nop(), patience));
}

void jobs_after_a_fault_are_canceled(void **state) {
    Rig rig(state);
    const Buffer big = must(Buffer::create(rig.context, 32 << 20, hbm));
    // The first job is long, so that all are in flight when the second one faults.
    const std::array<CommandList, 4> jobs{CommandList{}.fill(big.va(), big.size(), 1), CommandList{}.fence(8, 1),
                                          CommandList{}.nop().nop(), CommandList{}.nop()};
    must(rig.queue.submit_batch(jobs));
    must_fail(rig.queue.wait(Job{4}, patience), ErrorCode::canceled, "job 4: canceled");
    must_fail(rig.queue.wait_idle(patience), ErrorCode::device_fault, "job 2, packet 0 (FENCE)");
    must(rig.queue.wait(Job{1}, patience));
}

// The library would refuse these itself: the driver's refusal in the middle of a batch needs a stopped queue.
void refused_batch_leaves_the_queue_usable_for_waiting(void **state) {
    Rig rig(state);
    must_fail(rig.queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "job 1");
    const std::array<CommandList, 3> jobs{CommandList{}.nop(), CommandList{}.nop().nop(), CommandList{}.nop()};
    must_fail(rig.queue.submit_batch(jobs), ErrorCode::canceled, "takes no more jobs");
    must_fail(rig.queue.wait(Job{2}), ErrorCode::invalid_argument, "has had 1 jobs");
    must_fail(rig.queue.wait_idle(patience), ErrorCode::device_fault, "job 1");
}

void wait_that_runs_out_can_be_repeated(void **state) {
    Rig rig(state);
    const Buffer big = must(Buffer::create(rig.context, 256 << 20, hbm));
    const Job job = must(rig.queue.submit(CommandList{}.fill(big.va(), big.size(), 1)));
    must_fail(rig.queue.wait(job, std::chrono::microseconds(1)), ErrorCode::timeout, "not done in time");
    must(rig.queue.wait(job, patience));
}

void queue_with_jobs_in_flight_can_be_destroyed(void **state) {
    Rig rig(state);
    const Buffer big = must(Buffer::create(rig.context, 256 << 20, hbm));
    std::optional<Event> event;
    {
        Queue queue = rig.make_queue();
        for (int i = 0; i < 8; ++i)
            event = must(queue.event(must(queue.submit(CommandList{}.fill(big.va(), big.size(), 1)))));
    }
    must_fail(event->wait(patience), ErrorCode::canceled, "canceled");
    must(rig.queue.run(CommandList{}.nop(), patience));
}

void event_wakes_another_thread(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 16 << 20, hbm));
    const Event event =
        must(rig.queue.event(must(rig.queue.submit(CommandList{}.fill(buffer.va(), buffer.size(), 7)))));
    bool good = false;
    std::thread([&] { good = event.wait(patience).has_value(); }).join();
    assert_true(good);
    must(rig.queue.wait_idle(patience));
}

void idle_queue_moves_between_threads(void **state) {
    Rig rig(state);
    const Job first = must(rig.queue.submit(CommandList{}.nop()));
    must(rig.queue.wait(first, patience));
    neuron::Result<void> there = tl::unexpected(neuron::Error{});
    std::thread([&] { there = rig.queue.run(CommandList{}.nop(), patience); }).join();
    must(std::move(there));
    must(rig.queue.run(CommandList{}.nop(), patience));
    must(rig.queue.wait(first));
}

void contexts_are_isolated(void **state) {
    Rig rig(state);
    Rig other(state);
    must_fail(other.queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
    must(rig.queue.run(CommandList{}.nop(), patience));
}

void device_memory_runs_out_by_name(void **state) {
    const Rig rig(state);
    must_fail(Buffer::create(rig.context, rig.device.info().hbm_bytes + 4096, hbm), ErrorCode::out_of_memory,
              "no room for a buffer");
}

/// The sysctl that forbids io_uring; the test runs as root of a guest of its own.
void forbid_io_uring(bool forbid) { std::ofstream("/proc/sys/kernel/io_uring_disabled") << (forbid ? 2 : 0); }

void without_io_uring_jobs_go_through_ioctls(void **) {
    int said = 0;
    const auto log = [&said](neuron::LogLevel, std::string_view line) {
        said += line.find("no io_uring: it is forbidden here") != std::string_view::npos ? 1 : 0;
    };
    const Device device = must(Device::open({.backend = "accel", .node = {}, .sim = {}, .log = log}));
    const Context context = must(Context::create(device));
    forbid_io_uring(true);
    auto first = Queue::create(context);
    auto second = Queue::create(context);
    const auto forced = Queue::create(context, {.path = SubmitPath::uring});
    forbid_io_uring(false);
    must_fail(forced, ErrorCode::unsupported, "no io_uring: it is forbidden here");
    assert_string_equal(std::string(must(std::move(first)).path()).c_str(), "ioctl");
    must(must(std::move(second)).run(CommandList{}.nop(), patience));
    assert_int_equal(said, 1);
}

SubmitPath uring = SubmitPath::uring;
SubmitPath ioctl_path = SubmitPath::ioctl;

#define BOTH(test)                                                                                                     \
    {#test " (uring)", test, nullptr, nullptr, &uring}, { #test " (ioctl)", test, nullptr, nullptr, &ioctl_path }

} // namespace

int main() {
    const CMUnitTest tests[] = {
        BOTH(path_is_the_one_asked_for),
        cmocka_unit_test(device_is_listed_as_usable),
        BOTH(hbm_buffer_keeps_what_was_written),
        BOTH(mappable_hbm_is_shared_with_the_device),
        BOTH(many_jobs_in_flight_all_end),
        BOTH(batch_enters_the_kernel_once),
        BOTH(fault_names_job_packet_and_address),
        BOTH(jobs_after_a_fault_are_canceled),
        BOTH(refused_batch_leaves_the_queue_usable_for_waiting),
        BOTH(wait_that_runs_out_can_be_repeated),
        BOTH(queue_with_jobs_in_flight_can_be_destroyed),
        BOTH(event_wakes_another_thread),
        BOTH(idle_queue_moves_between_threads),
        BOTH(contexts_are_isolated),
        BOTH(device_memory_runs_out_by_name),
        cmocka_unit_test(without_io_uring_jobs_go_through_ioctls),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_accel", tests, nullptr, nullptr);
}
