// SPDX-License-Identifier: MIT
// Jobs that wait for each other, and files to poll for them.
#include <optional>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.hpp"

using namespace hal_test;
using neuron::SubmitOptions;
using neuron::Timeline;
using neuron::TimelinePoint;

namespace {

Timeline timeline(const Context &context) { return must(Timeline::create(context)); }

/// The job of a queue that takes long, and at its end writes a word.
CommandList long_job(const Buffer &big, const Buffer &word, std::uint64_t value) {
    return CommandList{}.fill(big.va(), big.size(), 1).fence(word.va(), value);
}

// ---- signalling ----

void job_signals_its_points(void **state) {
    Rig rig(state);
    const Timeline one = timeline(rig.context);
    const Timeline two = timeline(rig.context);
    assert_int_equal(must(one.value()), 0);
    const Job job = must(rig.queue.submit(CommandList{}.nop(), {.signal = {one.at(3), two.at(1)}}));
    assert_int_equal(job.number, 1);
    must(one.wait(3, patience));
    must(two.wait(1, patience));
    must(rig.queue.wait(job, patience));
    assert_int_equal(must(one.value()), 3);
    assert_int_equal(must(two.value()), 1);
    must(one.wait(0));
}

void points_of_many_jobs_come_in_order(void **state) {
    Rig rig(state);
    const Timeline line = timeline(rig.context);
    for (std::uint64_t i = 1; i <= 100; ++i)
        must(rig.queue.submit(i % 2 != 0 ? CommandList{}.nop() : CommandList{}.nop().nop(), {.signal = {line.at(i)}}));
    must(line.wait(50, patience));
    assert_true(must(rig.queue.done(Job{50})));
    must(line.wait(100, patience));
    must(rig.queue.wait_idle(patience));
    assert_int_equal(rig.context.stats().jobs, 100);
}

void job_that_failed_signals_too(void **state) {
    Rig rig(state);
    const Timeline line = timeline(rig.context);
    const Job job = must(rig.queue.submit(CommandList{}.fence(8, 1), {.signal = {line.at(1)}}));
    must(line.wait(1, patience));
    must_fail(rig.queue.wait(job, patience), ErrorCode::device_fault, "FENCE");
    must_fail(rig.queue.submit(CommandList{}.nop(), {.signal = {line.at(2)}}), ErrorCode::canceled, "no more jobs");
}

void cpu_signals(void **state) {
    Rig rig(state);
    const Timeline line = timeline(rig.context);
    must_fail(line.wait(5, std::chrono::milliseconds(10)), ErrorCode::timeout, "point 5");
    std::thread other([&] { must(line.signal(5)); });
    must(line.wait(5, patience));
    other.join();
    assert_int_equal(must(line.value()), 5);
    must(rig.queue.wait(must(rig.queue.submit(CommandList{}.nop(), {.wait = {line.at(5)}})), patience));
    must_fail(line.signal(0), ErrorCode::invalid_argument, "point 0");
}

// ---- waiting ----

void queues_wait_for_each_other(void **state) {
    Rig rig(state);
    Queue second = rig.make_queue();
    const Timeline line = timeline(rig.context);
    const Buffer big = must(Buffer::create(rig.context, 64 << 20, hbm));
    const Buffer word = must(Buffer::create(rig.context, 4096));
    const Buffer copy = must(Buffer::create(rig.context, 4096));
    must(rig.queue.submit(long_job(big, word, 42), {.signal = {line.at(1)}}));
    const Job job = must(second.submit(CommandList{}.copy(copy.va(), word.va(), 8), {.wait = {line.at(1)}}));
    must(second.wait(job, patience));
    assert_int_equal(word_at(copy), 42);
    must(rig.queue.wait_idle(patience));
}

void contexts_wait_for_each_other(void **state) {
    Rig rig(state);
    const Context other = must(Context::create(rig.device));
    Queue second = rig.make_queue(other);
    const Timeline line = timeline(rig.context);
    const Timeline imported = must(Timeline::import_fd(other, must(line.export_fd()).get()));
    const Buffer big = must(Buffer::create(rig.context, 64 << 20, hbm));
    const Buffer word = must(Buffer::create(rig.context, 4096));
    must(rig.queue.submit(long_job(big, word, 1), {.signal = {line.at(7)}}));
    const Job job = must(second.submit(CommandList{}.nop(), {.wait = {imported.at(7)}, .signal = {imported.at(8)}}));
    must(line.wait(8, patience));
    assert_int_equal(word_at(word), 1);
    must(second.wait(job, patience));
    must(rig.queue.wait_idle(patience));
}

void queue_has_a_timeline_of_its_own(void **state) {
    Rig rig(state);
    const Timeline own = must(rig.queue.timeline());
    must(rig.queue.submit(CommandList{}.nop()));
    const Job job = must(rig.queue.submit(CommandList{}.nop()));
    must(own.wait(job.number, patience));
    assert_true(must(own.value()) >= 2);
    must_fail(own.wait(3, std::chrono::milliseconds(10)), ErrorCode::timeout, "point 3");
    Queue second = rig.make_queue();
    must(second.wait(must(second.submit(CommandList{}.nop(), {.wait = {own.at(2)}})), patience));
    must_fail(own.signal(9), ErrorCode::invalid_argument, "a queue's own timeline");
    must_fail(second.submit(CommandList{}.nop(), {.signal = {own.at(9)}}), ErrorCode::invalid_argument,
              "a queue's own timeline");
    must(rig.queue.wait_idle(patience));
}

void points_that_cannot_be_are_refused(void **state) {
    Rig rig(state);
    const Timeline line = timeline(rig.context);
    const auto refuse = [&](const SubmitOptions &options, std::string_view why, int at = __builtin_LINE()) {
        must_fail(rig.queue.submit(CommandList{}.nop(), options), ErrorCode::invalid_argument, why, at);
    };
    refuse({.wait = {line.at(1)}}, "point 1 of a timeline: no job was submitted yet that signals it");
    refuse({.wait = {line.at(0)}}, "point 0");
    refuse({.signal = {line.at(0)}}, "point 0");
    refuse({.signal = {TimelinePoint{}}}, "of no timeline");
    const Context other = must(Context::create(rig.device));
    refuse({.signal = {timeline(other).at(1)}}, "of another context");
    refuse({.wait = {timeline(other).at(1)}}, "of another context");
    refuse({.signal = std::vector<TimelinePoint>(257, line.at(1))}, "257 points");
    must_fail(rig.queue.submit(CommandList{}, {.signal = {line.at(1)}}), ErrorCode::invalid_argument,
              "without packets");
    must_fail(line.wait(1, std::chrono::milliseconds(5)), ErrorCode::timeout, "point 1");
    assert_int_equal(rig.context.stats().jobs, 0);
}

// ---- sharing ----

void import_names_the_same_timeline(void **state) {
    const Rig rig(state);
    std::optional<Timeline> line = timeline(rig.context);
    const Fd file = must(line->export_fd());
    const Timeline again = must(Timeline::import_fd(rig.context, file.get()));
    must(line->signal(4));
    assert_int_equal(must(again.value()), 4);
    line.reset();
    const Timeline third = must(Timeline::import_fd(rig.context, must(again.export_fd()).get()));
    assert_int_equal(must(third.value()), 4);
}

void other_files_are_no_timelines(void **state) {
    const Rig rig(state);
    must_fail(Timeline::import_fd(rig.context, -1), ErrorCode::invalid_argument, "file -1, which is not open");
    const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    must_fail(Timeline::import_fd(rig.context, null.get()), ErrorCode::invalid_argument, "no timeline");
    const Buffer buffer = must(Buffer::create(rig.context, 4096, {.shareable = true}));
    must_fail(Timeline::import_fd(rig.context, must(buffer.export_fd()).get()), ErrorCode::invalid_argument,
              "no timeline");
}

void file_of_a_timeline_that_is_gone(void **state) {
    const Rig rig(state);
    const Fd file = must(timeline(rig.context).export_fd());
    must_fail(Timeline::import_fd(rig.context, file.get()), ErrorCode::not_found, "whose timeline is gone");
}

// The child has the file by inheritance; a socket would do as well.
void another_process_waits(void **state) {
    Rig rig(state);
    const Timeline line = timeline(rig.context);
    const Fd file = must(line.export_fd());
    const pid_t child = fork();
    if (child == 0) {
        const Context context = must(Context::create(open_device()));
        const Timeline theirs = must(Timeline::import_fd(context, file.get()));
        must(theirs.wait(1, patience));
        must(theirs.signal(2));
        _exit(0);
    }
    must(rig.queue.submit(CommandList{}.nop(), {.signal = {line.at(1)}}));
    must(line.wait(2, patience));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    must(rig.queue.wait_idle(patience));
}

void timelines_are_not_shared(void **state) {
    const Rig rig(state);
    must_fail(timeline(rig.context).export_fd(), ErrorCode::unsupported, "not shared");
    must_fail(Timeline::import_fd(rig.context, 0), ErrorCode::unsupported, "file 0");
}

// ---- files to poll ----

void file_is_readable_once_the_point_has_signalled(void **state) {
    Rig rig(state);
    const Timeline line = timeline(rig.context);
    const Fd early = must(line.fd(2)); // before anybody has promised it
    must(line.signal(1));
    assert_false(readable(early));
    assert_true(readable(must(line.fd(1))));
    assert_true(readable(must(line.fd(0))));
    must(rig.queue.submit(CommandList{}.nop(), {.signal = {line.at(2)}}));
    assert_true(readable(early, patience));
    must(rig.queue.wait_idle(patience));
}

void file_is_readable_once_the_job_has_ended(void **state) {
    Rig rig(state);
    const Job job = must(rig.queue.submit(CommandList{}.nop()));
    const Event event = must(rig.queue.event(job));
    const Fd file = must(event.fd());
    assert_true(readable(file, patience));
    assert_true(must(event.done()));
    assert_true(readable(must(event.fd()))); // at once, now
    must(rig.queue.wait_idle(patience));
}

void file_tells_of_jobs_that_never_end(void **state) {
    Rig rig(state);
    const Endless endless(rig);
    std::optional<Queue> queue = rig.make_queue();
    const Event event = must(queue->event(endless.start(*queue)));
    const Fd file = must(event.fd());
    assert_false(readable(file));
    queue.reset();
    assert_true(readable(file, patience));
    assert_true(readable(must(event.fd())));
    must_fail(event.wait(), ErrorCode::canceled, "canceled");
}

void queues_without_interrupts_have_no_files(void **state) {
    Rig rig(state);
    const Event event = must(rig.queue.event(must(rig.queue.submit(CommandList{}.nop()))));
    must_fail(event.fd(), ErrorCode::unsupported, "polled queue");
    must(rig.queue.wait_idle(patience));
}

void doorbell_queues_have_no_fences(void **state) {
    Rig rig(state);
    const Timeline line = timeline(rig.context);
    must_fail(rig.queue.submit(CommandList{}.nop(), {.signal = {line.at(1)}}), ErrorCode::unsupported,
              "a doorbell queue has no fences");
    must_fail(rig.queue.timeline(), ErrorCode::unsupported, "a doorbell queue has no fences");
    must(line.signal(1));
    const Job job = must(rig.queue.submit(CommandList{}.nop(), {.wait = {line.at(1)}}));
    assert_int_equal(job.number, 1);
    must_fail(must(rig.queue.event(job)).fd(), ErrorCode::unsupported, "a doorbell queue has no fences");
    must(rig.queue.wait(job, patience));
}

} // namespace

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    Cases cases;
    std::vector<Way> ways = kernel_ways();
    for (const auto &more : {polled_ways(), sqpoll_ways()})
        ways.insert(ways.end(), more.begin(), more.end());
#define EACH(test, ways) cases.add(#test, test, ways)
    EACH(job_signals_its_points, kernel_ways());
    EACH(points_of_many_jobs_come_in_order, kernel_ways());
    EACH(cpu_signals, ways);
    EACH(queue_has_a_timeline_of_its_own, kernel_ways());
    EACH(points_that_cannot_be_are_refused, ways);
    EACH(file_is_readable_once_the_point_has_signalled, kernel_ways());
    EACH(file_is_readable_once_the_job_has_ended, kernel_ways());
    if (on_null()) {
        EACH(timelines_are_not_shared, any_way());
        return cases.run("hal_timeline");
    }
    EACH(job_that_failed_signals_too, kernel_ways());
    EACH(queues_wait_for_each_other, kernel_ways());
    EACH(contexts_wait_for_each_other, kernel_ways());
    EACH(import_names_the_same_timeline, any_way());
    EACH(other_files_are_no_timelines, any_way());
    EACH(file_tells_of_jobs_that_never_end, kernel_ways());
    if (on_accel()) {
        EACH(another_process_waits, any_way());
        EACH(queues_without_interrupts_have_no_files, polled_ways());
        EACH(doorbell_queues_have_no_fences, doorbell_ways());
    } else {
        EACH(file_of_a_timeline_that_is_gone, any_way());
    }
    return cases.run("hal_timeline");
}
