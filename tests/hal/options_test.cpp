// SPDX-License-Identifier: MIT
// Options of queues: what they do, and what is refused.
#include <fstream>
#include <glob.h>
#include <sstream>
#include <unistd.h>

#include "rig.hpp"

using namespace hal_test;
using neuron::Priority;

namespace {

constexpr std::chrono::microseconds some_time(100);

std::vector<Way> interrupt_ways() {
    std::vector<Way> ways = kernel_ways();
    if (on_accel())
        ways.push_back(doorbell_ways()[0]);
    return ways;
}

// ---- priority ----

void priority_is_the_one_asked_for(void **state) {
    const Rig rig(state);
    for (const Priority priority : {Priority::low, Priority::normal, Priority::high}) {
        QueueOptions options = rig.way.options;
        options.priority = priority;
        Queue queue = rig.make_queue(options);
        must(queue.run(CommandList{}.nop(), patience));
        assert_true(must(queue.status()).priority == priority);
    }
}

void high_priority_is_a_privilege(void **state) {
    const Rig rig(state);
    QueueOptions options = rig.way.options;
    options.priority = Priority::high;
    assert_int_equal(seteuid(65534), 0); // takes the capabilities along
    const auto refused = Queue::create(rig.context, options);
    assert_int_equal(seteuid(0), 0);
    must_fail(refused, ErrorCode::permission_denied, "CAP_SYS_NICE");
}

// ---- coalescing ----

/// What the driver says about the device's registers, for root.
std::string registers() {
    glob_t found{};
    assert_int_equal(glob("/sys/kernel/debug/accel/*/registers", 0, nullptr, &found), 0);
    std::ifstream file(found.gl_pathv[0]);
    globfree(&found);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void coalescing_reaches_the_device(void **state) {
    const Rig rig(state);
    QueueOptions options = rig.way.options;
    options.coalesce_jobs = 5;
    options.coalesce_time = std::chrono::microseconds(77);
    Queue queue = rig.make_queue(options);
    std::ostringstream want;
    want << "COALESCE: 0x" << std::hex
         << (spec::field::QUEUE_COALESCE_COUNT.set(5) | spec::field::QUEUE_COALESCE_USECS.set(77));
    assert_true(registers().find(want.str()) != std::string::npos);
    must(queue.run(CommandList{}.nop(), patience));
}

void held_back_interrupts_lose_no_job(void **state) {
    const Rig rig(state);
    QueueOptions options = rig.way.options;
    options.coalesce_jobs = 64;
    options.coalesce_time = std::chrono::milliseconds(60);
    Queue queue = rig.make_queue(options);
    must(queue.run(CommandList{}.nop(), patience));
    must(queue.submit_batch(std::vector<CommandList>(200, CommandList{}.nop())));
    must(queue.wait(Job{100}, patience));
    must(queue.wait_idle(patience));
}

// ---- no interrupts ----

/// Interrupts of queues so far.
std::uint64_t interrupts() {
    std::ifstream file("/proc/interrupts");
    std::uint64_t sum = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.find("neuron-queues") == std::string::npos)
            continue;
        std::istringstream words(line);
        std::string name;
        words >> name;
        for (std::uint64_t count = 0; words >> count;)
            sum += count;
    }
    return sum;
}

void polled_queue_raises_no_interrupt(void **state) {
    Rig rig(state);
    const auto before = interrupts();
    must(rig.queue.submit_batch(std::vector<CommandList>(50, CommandList{}.nop())));
    must(rig.queue.wait_idle(patience));
    assert_int_equal(interrupts(), before);
    // The count counts; here the job's end is known by its interrupt.
    must(rig.make_queue(with(SubmitPath::ioctl)).run(CommandList{}.nop(), patience));
    assert_true(interrupts() > before);
}

// ---- refusals ----

void refused(const Rig &rig, const QueueOptions &options, std::string_view why, int line = __builtin_LINE()) {
    must_fail(Queue::create(rig.context, options), ErrorCode::invalid_argument, why, line);
}

void bad_options_are_refused(void **state) {
    const Rig rig(state);
    refused(rig, {.ring_log2 = 30}, "2^30");
    refused(rig, {.ring_log2 = spec::RING_LOG2_MIN - 1}, "2^3");
    refused(rig, {.job_timeout = std::chrono::milliseconds(-1)}, "timeout of -1");
    refused(rig, {.path = static_cast<SubmitPath>(99)}, "path 99");
    refused(rig, {.priority = static_cast<Priority>(9)}, "priority 9");
    refused(rig, {.coalesce_jobs = 4}, "a number and a time");
    refused(rig, {.coalesce_time = some_time}, "a number and a time");
    refused(rig, {.coalesce_jobs = 4, .coalesce_time = std::chrono::microseconds(-5)}, "a number and a time");
    refused(rig, {.coalesce_jobs = 1u << 16, .coalesce_time = some_time}, "are the most");
    refused(rig, {.coalesce_jobs = 4, .coalesce_time = std::chrono::seconds(1)}, "are the most");
    refused(rig, {.coalesce_jobs = 4, .coalesce_time = some_time, .polled = true}, "no interrupts to coalesce");
    refused(rig, {.path = SubmitPath::ioctl, .sqpoll = true}, "sqpoll is for the path uring");
    refused(rig, {.sqpoll = true, .sqpoll_idle = std::chrono::milliseconds(0)}, "sleeps after 0 ms");
}

} // namespace

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    Cases cases;
    cases.add("priority_is_the_one_asked_for", priority_is_the_one_asked_for, all_ways());
    cases.add("held_back_interrupts_lose_no_job", held_back_interrupts_lose_no_job, interrupt_ways());
    cases.add("bad_options_are_refused", bad_options_are_refused, any_way());
    if (on_accel()) {
        cases.add("high_priority_is_a_privilege", high_priority_is_a_privilege, any_way());
        cases.add("coalescing_reaches_the_device", coalescing_reaches_the_device, interrupt_ways());
        cases.add("polled_queue_raises_no_interrupt", polled_queue_raises_no_interrupt, polled_ways());
        cases.add("polled_queue_raises_no_interrupt", polled_queue_raises_no_interrupt, {doorbell_ways()[1]});
    }
    return cases.run("hal_options");
}
