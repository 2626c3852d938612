// SPDX-License-Identifier: MIT
// Events of devices.
#include <fstream>
#include <thread>

#include "rig.hpp"

using namespace hal_test;
using neuron::DeviceEvent;

namespace {

void faults_are_told(void **state) {
    Rig rig(state);
    const Fd file = must(rig.context.events_fd());
    assert_true(must(rig.context.read_events()).empty());
    assert_false(readable(file));
    must(rig.queue.run(CommandList{}.nop(), patience));
    must_fail(rig.queue.run(CommandList{}.nop().fence(0x123000, 1), patience), ErrorCode::device_fault, "FENCE");
    assert_true(readable(file, patience));
    const auto events = must(rig.context.read_events());
    assert_int_equal(events.size(), 1);
    assert_true(events[0].kind == DeviceEvent::Kind::fault);
    assert_int_equal(events[0].queue, must(rig.queue.status()).id);
    assert_int_equal(events[0].job, 2);
    assert_true(events[0].code == spec::Fault::PAGE_NOT_MAPPED);
    assert_int_equal(events[0].address.value(), 0x123000);
    assert_true(events[0].time.count() > 0);
    assert_int_equal(events[0].dropped, 0);
    assert_false(readable(file));
    assert_true(must(rig.context.read_events()).empty());
}

// Nobody waits for the job: the file tells of it all the same.
void faults_are_told_to_who_only_polls(void **state) {
    Rig rig(state);
    const Fd file = must(rig.context.events_fd());
    must(rig.queue.submit(CommandList{}.fence(8, 1)));
    assert_true(readable(file, patience));
    assert_int_equal(must(rig.context.read_events()).size(), 1);
}

// A loop is progress; the watchdog ends it after 32 times its time-out, however often somebody asks meanwhile.
void the_watchdog_is_told_of(void **state) {
    Rig rig(state);
    const Endless endless(rig);
    const Fd file = must(rig.context.events_fd());
    Queue queue = must(Queue::create(rig.context, {.job_timeout = std::chrono::milliseconds(50)}));
    const Job job = endless.start(queue);
    while (!must(queue.done(job)))
        must_fail(queue.wait(job, std::chrono::milliseconds(20)), ErrorCode::timeout, "");
    must_fail(queue.wait(job, patience), ErrorCode::timeout, "no progress");
    assert_true(readable(file, patience));
    const auto events = must(rig.context.read_events());
    assert_int_equal(events.size(), 1);
    assert_true(events[0].code == spec::Fault::NONE);
    assert_int_equal(events[0].queue, must(queue.status()).id);
    assert_int_equal(events[0].job, 1);
    assert_false(events[0].address.has_value());
}

void contexts_do_not_hear_of_each_other(void **state) {
    Rig rig(state);
    const Context other = must(Context::create(rig.device));
    const Fd theirs = must(other.events_fd());
    const Fd mine = must(rig.context.events_fd());
    must_fail(rig.queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
    assert_true(readable(mine, patience));
    assert_false(readable(theirs));
    assert_true(must(other.read_events()).empty());
}

void who_has_not_asked_hears_nothing(void **state) {
    Rig rig(state);
    must_fail(rig.queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
    assert_true(must(rig.context.read_events()).empty());
    const Fd file = must(rig.context.events_fd());
    assert_false(readable(file));
}

void events_that_nobody_reads_are_counted(void **state) {
    const Rig rig(state);
    const Fd file = must(rig.context.events_fd());
    constexpr std::size_t faults = 80;
    const auto fault = [&] {
        Queue queue = rig.make_queue();
        must_fail(queue.run(CommandList{}.fence(8, 1), patience), ErrorCode::device_fault, "FENCE");
    };
    for (std::size_t i = 0; i < faults; ++i)
        fault();
    const auto kept = must(rig.context.read_events());
    assert_true(kept.size() > 10 && kept.size() < faults);
    fault();
    assert_true(readable(file, patience));
    const auto next = must(rig.context.read_events());
    assert_int_equal(next.size(), 1);
    assert_int_equal(next[0].dropped, faults - kept.size());
}

void resets_are_told(void **state) {
    Rig rig(state);
    const Fd file = must(rig.context.events_fd());
    const auto nodes = must(Device::list());
    std::ofstream("/sys/bus/pci/devices/" + nodes[0].address + "/reset") << 1;
    assert_true(readable(file, patience));
    const auto events = must(rig.context.read_events());
    assert_int_equal(events.size(), 1);
    assert_true(events[0].kind == DeviceEvent::Kind::reset);
    assert_int_equal(events[0].info, must(rig.context.info()).reset_count);
    must_fail(rig.queue.submit(CommandList{}.nop()), ErrorCode::no_device, "reset");
    Queue fresh = rig.make_queue();
    must(fresh.run(CommandList{}.nop(), patience));
}

// ---- null ----

void nothing_ever_happens(void **state) {
    Rig rig(state);
    const Fd file = must(rig.context.events_fd());
    must(rig.queue.run(CommandList{}.fence(8, 1), patience));
    assert_false(readable(file));
    assert_true(must(rig.context.read_events()).empty());
}

} // namespace

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    Cases cases;
#define EACH(test, ways) cases.add(#test, test, ways)
    if (on_null()) {
        EACH(nothing_ever_happens, any_way());
        return cases.run("hal_events");
    }
    EACH(faults_are_told, kernel_ways());
    EACH(faults_are_told_to_who_only_polls, kernel_ways());
    EACH(contexts_do_not_hear_of_each_other, any_way());
    EACH(who_has_not_asked_hears_nothing, any_way());
    EACH(events_that_nobody_reads_are_counted, any_way());
    EACH(the_watchdog_is_told_of, kernel_ways());
    if (on_accel())
        EACH(resets_are_told, any_way());
    return cases.run("hal_events");
}
