// SPDX-License-Identifier: MIT
// Jobs, transfers, waits and faults, by each way into the backend.
#include <array>
#include <fstream>
#include <optional>
#include <thread>

#include "rig.hpp"

using namespace hal_test;

namespace {

void path_is_the_one_asked_for(void **state) {
    const Rig rig(state);
    const std::string path(rig.queue.path());
    assert_true(on_accel() ? rig.way.name.starts_with(path) : path == (on_sim() ? "direct" : backend()));
    assert_string_equal(rig.device.info().backend.c_str(), backend().c_str());
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
    const Bytes data = pattern(4096);
    std::memcpy(must(a.map()).data(), data.data(), data.size());
    must(rig.queue.run(CommandList{}.copy(b.va(), a.va(), 4096), patience));
    assert_memory_equal(must(b.map()).data(), data.data(), data.size());
}

// Many times what the ring holds: submits wait for room, and no job is lost, doubled or overtaken. Jobs of one packet and
// of more take different ways into the driver.
void many_jobs_in_flight_all_end(void **state) {
    Rig rig(state);
    Queue queue = rig.make_queue(spec::RING_LOG2_MIN);
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
    assert_true(error.message.find("reading address 0x123000 (") != std::string::npos);
    assert_true(error.message.find("; the job was submitted at tests/hal/queue_test.cpp:") != std::string::npos);
    must_fail(rig.queue.submit(CommandList{}.nop()), ErrorCode::canceled,
              "takes no more jobs, because it stopped: job 2");
    Queue fresh = rig.make_queue();
    must(fresh.run(CommandList{}.nop(), patience));
}

void jobs_after_a_fault_are_canceled(void **state) {
    Rig rig(state);
    const Buffer big = must(Buffer::create(rig.context, 32 << 20, hbm));
    // The first job is long, so that all are in flight when the second one faults, on a host that stands still now and then.
    CommandList fills;
    for (int i = 0; i < 16; ++i)
        fills.fill(big.va(), big.size(), 1);
    const std::array<CommandList, 4> jobs{std::move(fills), CommandList{}.fence(8, 1), CommandList{}.nop().nop(),
                                          CommandList{}.nop()};
    must(rig.queue.submit_batch(jobs));
    must_fail(rig.queue.wait(Job{4}, patience), ErrorCode::canceled, "job 4: canceled");
    must_fail(rig.queue.wait_idle(patience), ErrorCode::device_fault, "job 2, packet 0 (FENCE)");
    must(rig.queue.wait(Job{1}, patience));
}

void queue_that_another_one_has_stopped_says_by_what(void **state) {
    Rig rig(state);
    Queue other = rig.make_queue();
    const Buffer flag = must(Buffer::create(rig.context, 4096, {.read_only = true, .label = "flag"}));
    must_fail(rig.queue.run(CommandList{}.fence(flag.va(), 1), patience), ErrorCode::device_fault, "PAGE_READ_ONLY");
    const auto error =
        must_fail(other.run(CommandList{}.nop(), patience), ErrorCode::canceled,
                  "canceled, because another queue of the context stopped: job 1, packet 0: PAGE_READ_ONLY");
    assert_true(error.message.find("of buffer 'flag'") != std::string::npos);
    const auto own = must_fail(rig.queue.submit(CommandList{}.nop()), ErrorCode::canceled, "takes no more jobs");
    assert_true(own.message.find("of buffer 'flag'") != std::string::npos);
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
    const Endless endless(rig);
    const Job job = endless.start(rig.queue);
    for (int i = 0; i < 2; ++i)
        must_fail(rig.queue.wait(job, std::chrono::milliseconds(20)), ErrorCode::timeout, "not done in time");
    assert_false(must(rig.queue.done(job)));
}

void queue_with_jobs_in_flight_can_be_destroyed(void **state) {
    Rig rig(state);
    const Endless endless(rig);
    std::optional<Event> event;
    {
        Queue queue = rig.make_queue();
        endless.start(queue);
        for (int i = 0; i < 8; ++i)
            event = must(queue.event(must(queue.submit(CommandList{}.nop()))));
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

// ---- when jobs ran ----

void times_are_those_of_the_device_clock(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 1 << 20));
    const auto before = must(rig.context.info()).clock_ns;
    const Job first = must(rig.queue.submit(CommandList{}.nop().fill(buffer.va(), buffer.size(), 1)));
    const Job second = must(rig.queue.submit(CommandList{}.nop()));
    must(rig.queue.wait(second, patience));
    const auto after = must(rig.context.info()).clock_ns;
    const auto a = must(rig.queue.times(first));
    const auto b = must(must(rig.queue.event(second)).times());
    assert_true(a.start.count() >= static_cast<std::int64_t>(before));
    assert_true(a.start < a.end);
    assert_true(a.end <= b.start);
    assert_true(b.end.count() <= static_cast<std::int64_t>(after));
}

void times_are_kept_for_a_ring_of_packets(void **state) {
    Rig rig(state);
    Queue queue = rig.make_queue(spec::RING_LOG2_MIN);
    for (std::uint32_t i = 0; i < queue.ring_packets() + 1; ++i)
        must(queue.run(CommandList{}.nop(), patience));
    must_fail(queue.times(Job{1}), ErrorCode::not_found, "job 1: when it ran is not known any more");
    const auto oldest = must(queue.times(Job{2}));
    assert_true(oldest.end < must(queue.times(Job{queue.ring_packets() + 1})).start);
    must_fail(queue.times(Job{99}), ErrorCode::invalid_argument, "job 99: the queue has had 17");
    must_fail(queue.times(Job{0}), ErrorCode::invalid_argument, "job 0");
}

void job_that_did_not_end_well_has_no_times(void **state) {
    Rig rig(state);
    must_fail(rig.queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
    must_fail(rig.queue.times(Job{1}), ErrorCode::not_found, "it did not run to its end");
}

void job_that_runs_has_no_times_yet(void **state) {
    Rig rig(state);
    const Endless endless(rig);
    must_fail(rig.queue.times(endless.start(rig.queue)), ErrorCode::timeout, "has not ended");
}

// ---- what is known of a queue ----

void status_counts_jobs_and_time(void **state) {
    Rig rig(state);
    assert_int_equal(must(rig.queue.status()).submitted, 0);
    const Buffer buffer = must(Buffer::create(rig.context, 16 << 20, hbm));
    for (int i = 0; i < 3; ++i)
        must(rig.queue.run(CommandList{}.fill(buffer.va(), buffer.size(), 1), patience));
    const auto status = must(rig.queue.status());
    assert_true(status.state == QueueStatus::State::ok);
    assert_int_equal(status.submitted, 3);
    assert_int_equal(status.completed, 3);
    assert_false(status.fault.has_value());
    const auto last = must(rig.queue.times(Job{3}));
    assert_true(status.busy_time >= last.end - last.start);
    assert_int_equal(status.core_time.count(), 0);
}

void status_has_the_whole_fault(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 4096, {.read_only = true, .label = "weights"}));
    const auto error = must_fail(rig.queue.run(CommandList{}.nop().fence(buffer.va() + 64, 1), patience),
                                 ErrorCode::device_fault, "PAGE_READ_ONLY");
    const auto status = must(rig.queue.status());
    assert_true(status.state == QueueStatus::State::faulted);
    assert_string_equal(std::string(neuron::name(status.state)).c_str(), "faulted");
    assert_int_equal(status.submitted, 1);
    assert_int_equal(status.completed, 1); // it has ended
    assert_string_equal(neuron::describe(*status.fault).c_str(), error.message.c_str());
    assert_true(status.fault->write);
    assert_true(status.fault->opcode == spec::PacketOp::FENCE);
    assert_int_equal(status.fault->va, buffer.va() + 64);
}

// ---- which buffer ----

void fault_names_the_buffer(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 4096, {.read_only = true, .label = "weights"}));
    const auto error =
        must_fail(rig.queue.run(CommandList{}.fence(buffer.va() + 64, 1), patience), ErrorCode::device_fault, "");
    const auto text = "(byte 64 of buffer 'weights' at address ";
    assert_true(error.message.find(text) != std::string::npos);
    const auto &place = error.fault->place.value();
    assert_string_equal(place.buffer->label.c_str(), "weights");
    assert_int_equal(place.buffer->va, buffer.va());
    assert_int_equal(place.buffer->size, 4096);
    assert_false(place.destroyed);
}

void fault_names_the_neighbours(void **state) {
    Rig rig(state);
    const Buffer below = must(Buffer::create(rig.context, 4096, {.label = "below"}));
    BufferOptions large = hbm; // starts at an address that is a multiple of a large page
    large.label = "above";
    const Buffer above = must(Buffer::create(rig.context, 4 << 20, large));
    const auto hole = below.va() + below.size();
    assert_true(hole < above.va());
    const auto error =
        must_fail(rig.queue.run(CommandList{}.fence(hole, 1), patience), ErrorCode::device_fault, "PAGE_NOT_MAPPED");
    assert_false(error.fault->place->buffer.has_value());
    assert_string_equal(error.fault->place->below->label.c_str(), "below");
    assert_string_equal(error.fault->place->above->label.c_str(), "above");
    assert_true(error.message.find("(between buffer 'below' that ends at address ") != std::string::npos);
}

void fault_names_a_buffer_that_was_destroyed(void **state) {
    Rig rig(state);
    std::optional<Buffer> gone = must(Buffer::create(rig.context, 4096, {.label = "scratch"}));
    const unsigned made = __LINE__ - 1;
    const std::uint64_t va = gone->va();
    gone.reset();
    const unsigned destroyed = __LINE__ - 1;
    const auto result = rig.queue.run(CommandList{}.fence(va, 1), patience);
    const unsigned submitted = __LINE__ - 1;
    const auto error = must_fail(result, ErrorCode::device_fault, "(byte 0 of buffer 'scratch' at address ");
    const std::array<std::string, 4> parts{
        "4096 bytes, made at tests/hal/queue_test.cpp:" + std::to_string(made) + ", which was destroyed ",
        " ms ago at tests/hal/queue_test.cpp:" + std::to_string(destroyed) + " (hal_queue_test+0x",
        "); the job was submitted at tests/hal/queue_test.cpp:" + std::to_string(submitted)};
    for (const std::string &part : parts)
        if (error.message.find(part) == std::string::npos)
            fail_msg("'%s' is not in '%s'", part.c_str(), error.message.c_str());
    must_fail(rig.queue.submit(CommandList{}.nop()), ErrorCode::canceled, "job 1");
}

// An Event has no history of packets, but it knows the buffers.
void event_names_the_buffer_after_all_else_is_gone(void **state) {
    std::optional<Event> event;
    {
        Rig rig(state);
        const Buffer buffer = must(Buffer::create(rig.context, 4096, {.read_only = true, .label = "weights"}));
        event = must(rig.queue.event(must(rig.queue.submit(CommandList{}.fence(buffer.va(), 1)))));
        must_fail(rig.queue.wait_idle(patience), ErrorCode::device_fault, "");
    }
    must_fail(event->wait(patience), ErrorCode::device_fault, "of buffer 'weights' at address ");
    must_fail(event->times(), ErrorCode::not_found, "job 1");
}

// ---- null ----

void jobs_end_at_once_and_do_nothing(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    const Job job = must(rig.queue.submit(CommandList{}.fence(buffer.va(), 7).fence(8, 1)));
    must(rig.queue.wait(job, std::chrono::seconds(0)));
    assert_int_equal(word_at(buffer), 0);
    const auto status = must(rig.queue.status());
    assert_int_equal(status.submitted, 1);
    assert_int_equal(status.completed, 1);
    must_fail(rig.queue.times(job), ErrorCode::not_found, "job 1: when it ran is not known");
    must_fail(rig.queue.wait(Job{2}), ErrorCode::invalid_argument, "has had 1 jobs");
    must_fail(rig.queue.submit(CommandList{}), ErrorCode::invalid_argument, "without packets");
    const Program program = must(Program::load(rig.context, rig.queue, endless_kernel()));
    must(rig.queue.wait(must(program.launch(rig.queue, {})), std::chrono::seconds(0)));
}

void bytes_stay_where_the_cpu_reaches(void **state) {
    Rig rig(state);
    const Bytes data = pattern(5000);
    const Buffer host = must(Buffer::create(rig.context, data.size()));
    const Buffer mapped =
        must(Buffer::create(rig.context, data.size(), {.placement = Placement::hbm, .mappable = true}));
    for (const Buffer *buffer : {&host, &mapped}) {
        assert_true(word_at(*buffer) == 0);
        must(rig.queue.write(*buffer, 0, data));
        assert_true(read_back(rig.queue, *buffer, data.size()) == data);
    }
    const Buffer far = must(Buffer::create(rig.context, data.size(), hbm));
    must_fail(far.map(), ErrorCode::unsupported, "not made mappable");
    must(rig.queue.write(far, 0, data)); // goes through the staging buffer, and no further
    assert_true(host.va() != mapped.va() && mapped.va() != far.va());
}

void no_node_and_the_largest_chip(void **) {
    must_fail(Device::open({.backend = "null", .node = "accel0"}), ErrorCode::invalid_argument, "no node 'accel0'");
    const Device device = must(Device::open({.backend = "null"}));
    for (const spec::ProfileDesc &profile : spec::profiles())
        assert_true(profile.cores <= device.info().cores);
    const Context context = must(Context::create(device));
    must_fail(Buffer::create(context, UINT64_MAX), ErrorCode::out_of_memory, "no room");
    const std::uint64_t all = device.info().va_end - device.info().va_start;
    (void)must(Buffer::create(context, all)); // is gone again, but its addresses are used up
    must_fail(Buffer::create(context, 4096), ErrorCode::out_of_memory, "no addresses");
    must_fail(Buffer::create(context, all + 1), ErrorCode::out_of_memory, "no room");
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
    const auto polling = Queue::create(context, {.sqpoll = true});
    forbid_io_uring(false);
    must_fail(forced, ErrorCode::unsupported, "no io_uring: it is forbidden here");
    must_fail(polling, ErrorCode::unsupported, "no io_uring: it is forbidden here");
    assert_string_equal(std::string(must(std::move(first)).path()).c_str(), "ioctl");
    must(must(std::move(second)).run(CommandList{}.nop(), patience));
    assert_int_equal(said, 1);
}

} // namespace

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    Cases cases;
#define ALL(test) cases.add(#test, test, all_ways())
    ALL(path_is_the_one_asked_for);
    ALL(batch_enters_the_kernel_once);
    ALL(idle_queue_moves_between_threads);
    ALL(device_memory_runs_out_by_name);
    if (on_null()) {
        ALL(jobs_end_at_once_and_do_nothing);
        ALL(bytes_stay_where_the_cpu_reaches);
        cases.add("no_node_and_the_largest_chip", no_node_and_the_largest_chip, any_way());
        return cases.run("hal_queue");
    }
    ALL(hbm_buffer_keeps_what_was_written);
    ALL(mappable_hbm_is_shared_with_the_device);
    ALL(many_jobs_in_flight_all_end);
    ALL(fault_names_job_packet_and_address);
    ALL(jobs_after_a_fault_are_canceled);
    ALL(queue_that_another_one_has_stopped_says_by_what);
    ALL(refused_batch_leaves_the_queue_usable_for_waiting);
    ALL(wait_that_runs_out_can_be_repeated);
    ALL(queue_with_jobs_in_flight_can_be_destroyed);
    ALL(event_wakes_another_thread);
    ALL(contexts_are_isolated);
    ALL(times_are_those_of_the_device_clock);
    ALL(times_are_kept_for_a_ring_of_packets);
    ALL(job_that_did_not_end_well_has_no_times);
    ALL(job_that_runs_has_no_times_yet);
    ALL(status_counts_jobs_and_time);
    ALL(status_has_the_whole_fault);
    ALL(fault_names_the_buffer);
    ALL(fault_names_the_neighbours);
    ALL(fault_names_a_buffer_that_was_destroyed);
    ALL(event_names_the_buffer_after_all_else_is_gone);
    if (on_accel()) {
        cases.add("device_is_listed_as_usable", device_is_listed_as_usable, any_way());
        cases.add("without_io_uring_jobs_go_through_ioctls", without_io_uring_jobs_go_through_ioctls, any_way());
    }
    return cases.run("hal_queue");
}
