// SPDX-License-Identifier: MIT
// What the ends of jobs call, and coroutines that wait for them.
#include <optional>
#include <thread>

#include "rig.hpp"

using namespace hal_test;
using neuron::Result;
using neuron::Task;

namespace {

using Order = std::vector<std::uint64_t>;

// ---- callbacks ----

void callbacks_come_in_order_and_in_this_thread(void **state) {
    Rig rig(state);
    const auto self = std::this_thread::get_id();
    Order order;
    for (int i = 0; i < 20; ++i) {
        const Job job = must(rig.queue.submit(CommandList{}.nop()));
        must(rig.queue.on_done(job, [&, job](const Result<void> &result) {
            must(Result<void>(result));
            assert_true(std::this_thread::get_id() == self);
            order.push_back(job.number);
        }));
    }
    assert_true(order.empty()); // not before somebody looks
    must(rig.queue.wait(Job{5}, patience));
    assert_true(order.size() >= 5);
    must(rig.queue.wait_idle(patience));
    assert_int_equal(order.size(), 20);
    for (std::uint64_t i = 0; i < 20; ++i)
        assert_int_equal(order[i], i + 1);
    assert_int_equal(must(rig.queue.poll()), 0);
}

void callback_hears_how_the_job_ended(void **state) {
    Rig rig(state);
    std::vector<std::string> said;
    const auto note = [&](const Result<void> &result) { said.push_back(result ? "" : result.error().message); };
    must(rig.queue.on_done(must(rig.queue.submit(CommandList{}.nop())), note));
    const Job bad = must(rig.queue.submit(CommandList{}.fence(8, 1)));
    must(rig.queue.on_done(bad, note));
    must(rig.queue.on_done(bad, note)); // twice is well
    while (said.size() < 3)
        must(rig.queue.poll(patience));
    assert_string_equal(said[0].c_str(), "");
    assert_true(said[1].starts_with("job 2, packet 0 (FENCE)"));
    assert_string_equal(said[2].c_str(), said[1].c_str());
}

void poll_waits_no_longer_than_it_may(void **state) {
    Rig rig(state);
    const Endless endless(rig);
    bool called = false;
    must(rig.queue.on_done(endless.start(rig.queue), [&](const Result<void> &) { called = true; }));
    assert_int_equal(must(rig.queue.poll()), 0);
    assert_int_equal(must(rig.queue.poll(std::chrono::milliseconds(20))), 0);
    assert_false(called);
    must_fail(rig.queue.on_done(Job{99}, [](const Result<void> &) {}), ErrorCode::invalid_argument, "job 99");
}

void callback_may_submit_and_wait(void **state) {
    Rig rig(state);
    Order order;
    std::function<void(const Result<void> &)> next = [&](const Result<void> &) {
        order.push_back(order.size() + 1);
        if (order.size() < 5) {
            must(rig.queue.on_done(must(rig.queue.submit(CommandList{}.nop())), next));
            must(rig.queue.wait(must(rig.queue.submit(CommandList{}.nop())), patience)); // calls it in between
        }
    };
    must(rig.queue.on_done(must(rig.queue.submit(CommandList{}.nop())), next));
    while (order.size() < 5)
        must(rig.queue.poll(patience));
    must(rig.queue.wait_idle(patience));
    assert_int_equal(order.size(), 5);
}

// ---- the file for event loops ----

void file_tells_when_to_poll(void **state) {
    Rig rig(state);
    const Fd file(dup(must(rig.queue.poll_fd())));
    int calls = 0;
    const auto count = [&](const Result<void> &) { ++calls; };
    for (int round = 1; round <= 3; ++round) {
        assert_false(readable(file));
        must(rig.queue.on_done(must(rig.queue.submit(CommandList{}.nop())), count));
        must(rig.queue.on_done(must(rig.queue.submit(CommandList{}.nop())), count));
        while (calls < 2 * round) {
            assert_true(readable(file, patience));
            must(rig.queue.poll());
        }
        must(rig.queue.poll());
    }
}

void queues_that_cannot_tell_have_no_file(void **state) {
    Rig rig(state);
    must_fail(rig.queue.poll_fd(), ErrorCode::unsupported, "there is no file to poll");
}

// ---- coroutines ----

Task<std::uint64_t> sum_of_jobs(Queue &queue, const Buffer &buffer, int count) {
    std::uint64_t sum = 0;
    for (int i = 1; i <= count; ++i) {
        must(co_await neuron::submit_async(queue, CommandList{}.fence(buffer.va(), static_cast<std::uint64_t>(i))));
        sum += word_at(buffer);
    }
    co_return sum;
}

void coroutine_waits_for_its_jobs(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    auto task = sum_of_jobs(rig.queue, buffer, 10);
    assert_int_equal(neuron::finish(rig.queue, task), 55);
    assert_int_equal(rig.context.stats().jobs, 10);
}

void coroutines_take_turns(void **state) {
    Rig rig(state);
    const Buffer one = must(Buffer::create(rig.context, 4096));
    const Buffer two = must(Buffer::create(rig.context, 4096));
    auto a = sum_of_jobs(rig.queue, one, 5);
    auto b = sum_of_jobs(rig.queue, two, 4);
    while (!a.done() || !b.done())
        must(rig.queue.poll(patience));
    assert_int_equal(a.result(), 15);
    assert_int_equal(b.result(), 10);
}

Task<std::uint64_t> twice(Queue &queue, const Buffer &buffer) {
    const auto first = co_await sum_of_jobs(queue, buffer, 2);
    co_return first + co_await sum_of_jobs(queue, buffer, 3);
}

void coroutine_waits_for_another(void **state) {
    Rig rig(state);
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    auto task = twice(rig.queue, buffer);
    assert_int_equal(neuron::finish(rig.queue, task), 9);
}

Task<std::string> error_of(Queue &queue, CommandList commands) {
    const auto done = co_await neuron::submit_async(queue, commands);
    co_return done ? std::string() : done.error().message;
}

void coroutine_gets_errors_of_jobs_and_refusals(void **state) {
    Rig rig(state);
    auto empty = error_of(rig.queue, CommandList{});
    assert_true(empty.done()); // refused, so there was nothing to wait for
    assert_string_equal(empty.result().c_str(), "a job without packets");
    auto faulted = error_of(rig.queue, CommandList{}.fence(8, 1));
    assert_true(neuron::finish(rig.queue, faulted).starts_with("job 1, packet 0 (FENCE)"));
}

} // namespace

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    Cases cases;
#define EACH(test, ways) cases.add(#test, test, ways)
    EACH(callbacks_come_in_order_and_in_this_thread, all_ways());
    EACH(callback_may_submit_and_wait, all_ways());
    EACH(file_tells_when_to_poll, kernel_ways());
    if (on_accel()) {
        EACH(queues_that_cannot_tell_have_no_file, polled_ways());
        EACH(queues_that_cannot_tell_have_no_file, doorbell_ways());
    }
    if (on_null())
        return cases.run("hal_async");
    EACH(callback_hears_how_the_job_ended, all_ways());
    EACH(poll_waits_no_longer_than_it_may, all_ways());
    EACH(coroutine_waits_for_its_jobs, all_ways());
    EACH(coroutines_take_turns, all_ways());
    EACH(coroutine_waits_for_another, all_ways());
    EACH(coroutine_gets_errors_of_jobs_and_refusals, all_ways());
    return cases.run("hal_async");
}
