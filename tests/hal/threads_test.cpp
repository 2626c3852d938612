// SPDX-License-Identifier: MIT
// What may be used from several threads at once. tests/tsan builds this once more, with the thread sanitizer.
#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <optional>
#include <thread>

#include "rig.hpp"

using namespace hal_test;
using neuron::Timeline;

namespace {

/// Runs the function in so many threads, with their numbers, from one moment on.
template<class Function>
void in_threads(unsigned count, const Function &function) {
    std::latch start(count);
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < count; ++i)
        threads.emplace_back([&, i] {
            start.arrive_and_wait();
            function(i);
        });
}

neuron::KernelFile short_kernel() { return kernel({{".text.sp", stream(spec::InsnEnd{})}}); }

// ---- Device, Context ----

void contexts_of_one_device(void **state) {
    const Rig rig(state);
    in_threads(3, [&](unsigned i) {
        for (int round = 0; round < 4; ++round) {
            const Context context = must(Context::create(rig.device));
            Queue queue = rig.make_queue(context);
            const Buffer buffer = must(Buffer::create(context, 4096, i % 2 == 0 ? BufferOptions{} : hbm));
            must(queue.run(CommandList{}.fill(buffer.va(), 4096, i), patience));
            assert_true(must(context.info()).cores == rig.device.info().cores);
        }
    });
}

void queues_of_one_context(void **state) {
    const Rig rig(state);
    in_threads(4, [&](unsigned i) {
        Queue queue = rig.make_queue();
        const Bytes data = pattern(40'000, i + 1);
        for (int round = 0; round < 4; ++round) {
            const Buffer from = must(Buffer::create(rig.context, data.size(), hbm));
            const Buffer to = must(Buffer::create(rig.context, data.size(), hbm));
            must(queue.write(from, 0, data));
            must(queue.run(CommandList{}.copy(to.va(), from.va(), data.size()), patience));
            const Bytes back = read_back(queue, to, data.size());
            assert_true(on_null() || back == data);
            assert_true(rig.context.stats().jobs > 0);
        }
    });
    assert_int_equal(rig.context.stats().bytes_read, std::uint64_t{4} * 4 * 40'000);
    assert_int_equal(rig.context.stats().faults, 0);
}

// ---- Buffer, Program ----

void const_members_of_one_buffer(void **state) {
    const Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 1 << 16, {.shareable = !on_null()}));
    std::array<std::byte *, 4> seen{};
    in_threads(4, [&](unsigned i) {
        seen[i] = must(buffer.map()).data(); // the first call maps it, whose it ever is
        seen[i][i] = static_cast<std::byte>(i);
        if (on_null())
            return;
        const Context other = must(Context::create(rig.device));
        const Buffer same = must(Buffer::import_fd(other, must(buffer.export_fd()).get()));
        assert_true(must(same.map())[i] == static_cast<std::byte>(i));
    });
    assert_true(std::ranges::all_of(seen, [&](const std::byte *at) { return at == seen[0]; }));
}

void one_program_on_many_queues(void **state) {
    Rig rig(state);
    const Program program = must(Program::load(rig.context, rig.queue, short_kernel()));
    in_threads(4, [&](unsigned i) {
        Queue queue = rig.make_queue();
        for (int round = 0; round < 8; ++round)
            must(queue.wait(must(program.launch(queue, {}, 1U << i % 2)), patience));
        assert_int_equal(must(queue.status()).completed, 8);
    });
    assert_int_equal(rig.context.stats().faults, 0);
}

// A fault's report looks through buffers that come and go meanwhile.
void buffers_come_and_go_while_jobs_fault(void **state) {
    const Rig rig(state);
    const Fd file = must(rig.context.events_fd());
    std::atomic<bool> over = false;
    std::atomic<std::size_t> told = 0;
    std::jthread maker([&] {
        while (!over)
            (void)must(Buffer::create(rig.context, 4096, {.label = "passing"}));
    });
    std::jthread listener([&] {
        while (!over)
            told += must(rig.context.read_events()).size();
    });
    constexpr std::size_t faults = 12;
    for (std::size_t i = 0; i < faults; ++i) {
        Queue queue = rig.make_queue();
        must_fail(queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
        assert_true(must(queue.status()).fault.has_value());
    }
    over = true;
    listener.join();
    told += must(rig.context.read_events()).size();
    assert_int_equal(told, faults);
}

// ---- Event ----

void many_wait_for_events(void **state) {
    Rig rig(state);
    constexpr std::size_t jobs = 24;
    std::vector<std::optional<Event>> events(jobs);
    std::atomic<std::size_t> given = 0;
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 3; ++i)
        waiters.emplace_back([&] {
            for (std::size_t job = 0; job < jobs; ++job) {
                for (std::size_t now = given; now <= job; now = given)
                    given.wait(now);
                const Event event = *events[job];
                must(event.wait(patience));
                assert_true(must(event.done()));
                if (!on_null())
                    assert_true(must(event.times()).end.count() > 0);
            }
        });
    for (std::size_t job = 0; job < jobs; ++job) {
        events[job] = must(rig.queue.event(must(rig.queue.submit(CommandList{}.nop()))));
        ++given;
        given.notify_all();
    }
    waiters.clear();
    must(rig.queue.wait_idle(patience));
}

void many_poll_for_events(void **state) {
    Rig rig(state);
    std::vector<Event> events;
    for (int job = 0; job < 8; ++job)
        events.push_back(must(rig.queue.event(must(rig.queue.submit(CommandList{}.nop())))));
    in_threads(3, [&](unsigned) {
        for (const Event &event : events)
            assert_true(readable(must(event.fd()), patience));
    });
    must(rig.queue.wait_idle(patience));
}

void queue_goes_while_others_wait(void **state) {
    Rig rig(state);
    const Endless endless(rig);
    std::optional<Queue> queue = rig.make_queue();
    const Event event = must(queue->event(endless.start(*queue)));
    std::latch there(3);
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 3; ++i)
        waiters.emplace_back([&] {
            there.count_down();
            must_fail(event.wait(patience), ErrorCode::canceled, "canceled");
        });
    there.wait();
    queue.reset();
}

// ---- Timeline ----

void two_threads_take_turns_by_a_timeline(void **state) {
    const Rig rig(state);
    const Timeline line = must(Timeline::create(rig.context));
    constexpr std::uint64_t turns = 30;
    in_threads(2, [&](unsigned side) {
        for (std::uint64_t turn = 1; turn <= turns; ++turn) {
            if (turn % 2 == side) {
                must(line.wait(turn - 1, patience));
                must(line.signal(turn));
            }
            assert_true(must(line.value()) <= turns);
        }
    });
    assert_int_equal(must(line.value()), turns);
}

void jobs_of_two_threads_meet_at_timelines(void **state) {
    const Rig rig(state);
    const std::array<Timeline, 2> lines{must(Timeline::create(rig.context)), must(Timeline::create(rig.context))};
    constexpr std::uint64_t jobs = 12;
    in_threads(3, [&](unsigned side) {
        if (side == 2) { // looks on
            for (std::uint64_t point = 1; point <= jobs; ++point)
                assert_true(readable(must(lines[point % 2].fd(point)), patience));
            return;
        }
        Queue queue = rig.make_queue();
        for (std::uint64_t point = 1; point <= jobs; ++point) {
            // Waited for here first: a job may wait for promised points only.
            const std::uint64_t before = point - side;
            must(lines[1 - side].wait(before, patience));
            neuron::SubmitOptions options{.signal = {lines[side].at(point)}};
            if (before != 0)
                options.wait = {lines[1 - side].at(before)};
            must(queue.submit(CommandList{}.nop(), options));
        }
        must(queue.wait_idle(patience));
    });
    assert_int_equal(must(lines[0].value()), jobs);
    assert_int_equal(must(lines[1].value()), jobs);
}

} // namespace

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    Cases cases;
#define EACH(test, ways) cases.add(#test, test, ways)
    EACH(contexts_of_one_device, any_way());
    EACH(queues_of_one_context, all_ways());
    EACH(const_members_of_one_buffer, any_way());
    EACH(one_program_on_many_queues, all_ways());
    EACH(many_wait_for_events, all_ways());
    EACH(many_poll_for_events, kernel_ways());
    EACH(two_threads_take_turns_by_a_timeline, any_way());
    EACH(jobs_of_two_threads_meet_at_timelines, kernel_ways());
    if (!on_null()) {
        EACH(buffers_come_and_go_while_jobs_fault, any_way());
        EACH(queue_goes_while_others_wait, all_ways());
    }
    return cases.run("hal_threads");
}
