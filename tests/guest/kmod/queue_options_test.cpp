// SPDX-License-Identifier: MIT
// What a queue can be besides a queue: of a priority, with interrupts held back or without any, measured.

#include "machine.hpp"
#include "program.hpp"
#include "support.hpp"
#include "user.hpp"
#include "waiter.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

#include <xf86drm.h>

using namespace kmod;
using neuron::spec::PAGE_SIZE;

namespace {

constexpr std::uint64_t MIB = 1 << 20;

int create(const File &file, drm_neuron_queue_create &args) { return file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args); }

std::uint32_t polled_queue(const File &file, std::uint32_t ring_log2 = 0, std::uint32_t timeout_ms = 0) {
    drm_neuron_queue_create args{};
    args.flags = DRM_NEURON_QUEUE_POLLED;
    args.ring_log2 = ring_log2;
    args.timeout_ms = timeout_ms;
    assert_int_equal(create(file, args), 0);
    return args.queue_id;
}

drm_neuron_query_queues limits(const File &file) {
    drm_neuron_query_queues queues{};
    assert_int_equal(query(file, DRM_NEURON_QUERY_QUEUES, &queues, sizeof(queues)), 0);
    return queues;
}

/// WAIT of a job that is done or will be.
drm_neuron_wait times(const File &file, std::uint32_t id, std::uint64_t seqno) {
    drm_neuron_wait args{};
    args.queue_id = id;
    args.seqno = seqno;
    args.timeout_ns = deadline(LONG);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), 0);
    return args;
}

/// Interrupts of all queues, since boot, of all CPUs.
std::uint64_t queue_interrupts() {
    std::ifstream file("/proc/interrupts");
    std::uint64_t sum = 0;
    for (std::string line; std::getline(file, line);) {
        if (!line.ends_with("neuron-queues"))
            continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        for (std::uint64_t count = 0; words >> count;)
            sum += count;
    }
    return sum;
}

/// A queue that has the first core, and does not give it back.
std::uint32_t queue_with_a_core(const File &file) {
    const auto id = file.queue().queue_id;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    while (file.state(id).core_ns == 0)
        std::this_thread::yield();
    return id;
}

// ---- limits ----

void query_tells_the_limits(void **) {
    const File file;
    const auto queues = limits(file);
    assert_int_equal(queues.ring_log2_min, neuron::spec::RING_LOG2_MIN);
    assert_int_equal(queues.ring_log2_max, neuron::spec::RING_LOG2_MAX);
    assert_in_range(queues.ring_log2_default, queues.ring_log2_min, queues.ring_log2_max);
    assert_int_equal(queues.coalesce_count_max, 0xffff);
    assert_int_equal(queues.coalesce_usecs_max, 0xffff);
    assert_int_equal(queues.timeout_ms_default, 10000);
    assert_int_equal(queues.timeout_ms_max, 3600000);
    assert_int_equal(queues.queues_max, file.query().max_queues);
    assert_true(queues.queues_user_max >= queues.queues_max);
    assert_int_equal(queues.pad, 0);
}

void limits_are_what_create_takes(void **) {
    const File file;
    const auto queues = limits(file);
    const auto with = [&](auto change) {
        drm_neuron_queue_create args{};
        change(args);
        const int ret = create(file, args);
        if (!ret)
            assert_int_equal(file.destroy(args.queue_id), 0);
        return ret;
    };
    using Q = drm_neuron_queue_create;
    assert_int_equal(with([&](Q &q) { q.ring_log2 = queues.ring_log2_min; }), 0);
    assert_int_equal(with([&](Q &q) { q.ring_log2 = queues.ring_log2_min - 1; }), -EINVAL);
    assert_int_equal(with([&](Q &q) { q.ring_log2 = queues.ring_log2_max; }), 0);
    assert_int_equal(with([&](Q &q) { q.ring_log2 = queues.ring_log2_max + 1; }), -EINVAL);
    assert_int_equal(with([&](Q &q) { q.timeout_ms = queues.timeout_ms_max; }), 0);
    assert_int_equal(with([&](Q &q) { q.timeout_ms = queues.timeout_ms_max + 1; }), -EINVAL);
    assert_int_equal(with([&](Q &q) { q.coalesce_count = queues.coalesce_count_max; }), 0);
    assert_int_equal(with([&](Q &q) { q.coalesce_count = queues.coalesce_count_max + 1; }), -EINVAL);
    assert_int_equal(with([&](Q &q) { q.coalesce_usecs = queues.coalesce_usecs_max; }), 0);
    assert_int_equal(with([&](Q &q) { q.coalesce_usecs = queues.coalesce_usecs_max + 1; }), -EINVAL);
    for (const std::uint32_t priority : {DRM_NEURON_PRIORITY_NORMAL, DRM_NEURON_PRIORITY_LOW, DRM_NEURON_PRIORITY_HIGH})
        assert_int_equal(with([&](Q &q) { q.priority = priority; }), 0);
    assert_int_equal(with([&](Q &q) { q.priority = DRM_NEURON_PRIORITY_HIGH + 1; }), -EINVAL);
    assert_int_equal(with([&](Q &q) { q.priority = ~0u; }), -EINVAL);
    assert_int_equal(with([&](Q &q) { q.flags = DRM_NEURON_QUEUE_POLLED; }), 0);
    assert_int_equal(with([&](Q &q) {
                         q.flags = DRM_NEURON_QUEUE_POLLED;
                         q.coalesce_count = 2;
                     }),
                     -EINVAL);
    assert_int_equal(with([&](Q &q) {
                         q.flags = DRM_NEURON_QUEUE_POLLED;
                         q.coalesce_usecs = 1;
                     }),
                     -EINVAL);
}

// ---- priorities ----

std::uint32_t queue_of(const File &file, std::uint32_t priority) {
    drm_neuron_queue_create args{};
    args.priority = priority;
    assert_int_equal(create(file, args), 0);
    assert_int_equal(file.state(args.queue_id).priority, priority);
    return args.queue_id;
}

// Time without a core does not count as busy: when it stands still with a job in the ring, the queue waits.
void await_waiting_for_a_core(const File &file, std::uint32_t id) {
    const auto end = std::chrono::steady_clock::now() + LONG;
    for (auto before = file.state(id).busy_ns;;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const auto now = file.state(id).busy_ns;
        if (now == before && now != 0)
            return;
        before = now;
        assert_true(std::chrono::steady_clock::now() < end);
    }
}

// A core is taken. Three queues want it, the least important first; when it is free they get it the other way round.
spec::Mem word(std::uint64_t va) {
    spec::Mem mem{.offset = static_cast<std::int64_t>(va), .dtype = spec::raw(spec::Dtype::U32)};
    mem.num = {1, 1, 1};
    return mem;
}

/// Draws a number for a word at `va`; the next one to draw is in another. Who has the core has it alone.
Packet draw_number(const File &file, std::uint64_t next, std::uint64_t va) {
    return Program()
        .add(Engine::SP, spec::InsnMemLoad{.rd = 1, .src = word(next)})
        .add(Engine::SP, spec::InsnMemStore{.dst = word(va), .ra = 1})
        .add(Engine::SP, spec::InsnAlu{.op = spec::AluOp::ADD, .rd = 1, .ra = 1, .imm = 1})
        .add(Engine::SP, spec::InsnMemStore{.dst = word(next), .ra = 1})
        .add(Engine::SP, spec::InsnEnd{})
        .launch(file, 1, {});
}

// The programs say in which order they had the core: when their packets retire after that is up to the chip's threads.
void high_overtakes_normal_overtakes_low(void **) {
    const File file;
    const auto handle = file.host(PAGE_SIZE);
    const auto va = file.bind(handle);
    const Mapping memory(file, handle);
    const auto number = [&](std::size_t i) { return memory.words()[1 + i]; };
    const auto holder = queue_with_a_core(file);
    std::vector<std::uint32_t> ids;
    for (const std::uint32_t priority :
         {DRM_NEURON_PRIORITY_LOW, DRM_NEURON_PRIORITY_NORMAL, DRM_NEURON_PRIORITY_HIGH}) {
        const Packet packet = draw_number(file, va, va + 8 * (1 + ids.size()));
        ids.push_back(queue_of(file, priority));
        assert_int_equal(file.submit(ids.back(), job_of(packet)), 0);
        await_waiting_for_a_core(file, ids.back());
    }
    assert_int_equal(file.destroy(holder), 0);
    for (const auto id : ids)
        assert_int_equal(times(file, id, 1).status, 0);
    assert_int_equal(number(2), 0);
    assert_int_equal(number(1), 1);
    assert_int_equal(number(0), 2);
}

void high_needs_a_capability(void **) {
    const File file;
    const auto as_alice = [&](std::uint32_t priority) {
        const AsUser alice(ALICE);
        drm_neuron_queue_create args{};
        args.priority = priority;
        return create(file, args);
    };
    assert_int_equal(as_alice(DRM_NEURON_PRIORITY_HIGH), -EACCES);
    assert_int_equal(as_alice(DRM_NEURON_PRIORITY_LOW), 0);
}

// ---- when jobs ran ----

void wait_tells_when_a_job_ran(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto va = file.bind(file.hbm(MIB, 0));
    const auto before = file.query().clock_ns;
    assert_int_equal(file.submit(id, job_of(fill(va, MIB, 1), nop())), 0);
    assert_int_equal(file.submit(id, job_of(nop())), 0);
    const auto second = times(file, id, 2);
    const auto first = times(file, id, 1);
    const auto after = file.query().clock_ns;
    assert_true(before <= first.start_ns && first.start_ns < first.end_ns);
    assert_true(first.end_ns <= second.start_ns && second.start_ns <= second.end_ns && second.end_ns <= after);
}

void times_reach_back_one_ring_of_jobs(void **) {
    const File file;
    const auto id = file.queue(4).queue_id;
    std::uint64_t last = 0;
    for (std::uint64_t seqno = 1; seqno <= 100; ++seqno) {
        assert_int_equal(file.submit(id, nops(1 + seqno % 3)), 0);
        const auto wait = times(file, id, seqno);
        assert_true(wait.start_ns >= last && wait.end_ns >= wait.start_ns && wait.end_ns != 0);
        last = wait.end_ns;
    }
    for (std::uint64_t seqno = 1; seqno <= 100; ++seqno) {
        const auto wait = times(file, id, seqno);
        assert_int_equal(wait.status, 0);
        assert_int_equal(wait.start_ns != 0, seqno > 84);
        assert_int_equal(wait.end_ns != 0, seqno > 84);
    }
}

void jobs_that_did_not_end_have_no_times(void **) {
    const Impatient impatient;
    const File file;
    const auto id = file.queue(4, HANGS_LATER).queue_id;
    for (int i = 0; i < 20; ++i)
        assert_int_equal(file.run(id, job_of(nop())), 0);
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    assert_int_equal(file.submit(id, job_of(nop())), 0);
    for (const std::uint64_t seqno : {21, 22}) {
        const auto wait = times(file, id, seqno);
        assert_int_equal(wait.status, seqno == 21 ? -ETIME : -ECANCELED);
        assert_int_equal(wait.start_ns, 0);
        assert_int_equal(wait.end_ns, 0);
    }
    assert_true(times(file, id, 20).end_ns != 0);
}

// ---- counters ----

void queue_counts_its_time(void **) {
    const Impatient impatient;
    const File file;
    const auto id = file.queue(0, HANGS_LATER).queue_id;
    const auto va = file.bind(file.hbm(16 * MIB, 0));
    assert_int_equal(file.state(id).busy_ns, 0);
    assert_int_equal(file.run(id, job_of(fill(va, 16 * MIB, 1))), 0);
    const auto copied = file.state(id);
    const auto wait = times(file, id, 1);
    assert_in_range(copied.busy_ns, 1, wait.end_ns - wait.start_ns + 100 * 1000 * 1000);
    assert_int_equal(copied.core_ns, 0);

    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    int status = 0;
    assert_int_equal(file.wait(id, 2, &status, LONG), 0);
    assert_int_equal(status, -ETIME);
    const auto stopped = file.state(id);
    assert_true(stopped.busy_ns > copied.busy_ns && stopped.core_ns > 0);
    assert_true(stopped.core_ns <= stopped.busy_ns);
    // They stay when the hardware queue has stopped.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    assert_int_equal(file.state(id).busy_ns, stopped.busy_ns);
    assert_int_equal(file.state(id).core_ns, stopped.core_ns);
}

void counters_survive_a_reset(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto va = file.bind(file.hbm(16 * MIB, 0));
    assert_int_equal(file.run(id, job_of(fill(va, 16 * MIB, 1))), 0);
    const auto before = file.state(id).busy_ns;
    assert_true(before > 0);
    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    assert_int_equal(file.state(id).state, DRM_NEURON_QUEUE_LOST);
    // The queue may have come to rest a little after the job was done.
    const auto after = file.state(id).busy_ns;
    assert_true(after >= before);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
    assert_int_equal(file.state(id).busy_ns, after);
}

// ---- interrupts ----

// Many jobs are in the ring before the first can go on, for which another queue gives up a core.
std::uint64_t interrupts_of_a_burst(const File &file, const drm_neuron_queue_create &options, std::uint64_t *elapsed) {
    constexpr std::uint64_t JOBS = 400;
    auto args = options;
    assert_int_equal(create(file, args), 0);
    const auto holder = queue_with_a_core(file);
    const auto id = args.queue_id;
    assert_int_equal(file.submit(id, job_of(Program().add(Engine::SP, spec::InsnEnd{}).launch(file, 1, {}))), 0);
    for (std::uint64_t i = 0; i < JOBS; ++i)
        assert_int_equal(file.submit(id, job_of(nop())), 0);
    const auto before = queue_interrupts();
    assert_int_equal(file.destroy(holder), 0);
    const auto last = times(file, id, JOBS + 1);
    const auto first = times(file, id, 1);
    *elapsed = last.end_ns - first.end_ns;
    return queue_interrupts() - before;
}

// One when all have retired, and one for each time that the oldest one held back has become too old.
void coalescing_holds_interrupts_back(void **) {
    const File file;
    drm_neuron_queue_create options{};
    std::uint64_t elapsed = 0;
    const auto each = interrupts_of_a_burst(file, options, &elapsed);
    assert_true(each >= 1);
    options.coalesce_count = 0xffff;
    options.coalesce_usecs = 50000;
    const auto held = interrupts_of_a_burst(file, options, &elapsed);
    // One of the queue before may come late.
    assert_in_range(held, 1, 3 + elapsed / 50000000);
}

// No interrupt may be lost on the way: each job is waited for by itself.
void coalescing_delays_but_does_not_lose(void **) {
    const File file;
    drm_neuron_queue_create args{};
    args.coalesce_count = 8;
    args.coalesce_usecs = 1000;
    assert_int_equal(create(file, args), 0);
    for (int i = 0; i < 200; ++i) {
        std::uint64_t first = 0;
        for (int job = 0; job <= i % 20; ++job) {
            std::uint64_t seqno = 0;
            assert_int_equal(file.submit(args.queue_id, job_of(nop()), &seqno), 0);
            first = first ? first : seqno;
        }
        assert_int_equal(file.wait(args.queue_id, first, nullptr, LONG), 0);
    }
}

// ---- queues without interrupts ----

void polled_queue_runs_jobs_and_raises_nothing(void **) {
    const File file;
    const auto id = polled_queue(file);
    assert_int_equal(file.state(id).flags, DRM_NEURON_QUEUE_POLLED);
    const auto before = queue_interrupts();
    const auto va = file.bind(file.host(PAGE_SIZE));
    for (int i = 0; i < 100; ++i)
        assert_int_equal(file.run(id, job_of(fill(va, PAGE_SIZE, 1), nop())), 0);
    // One of a queue that the test before has had may come late.
    assert_in_range(queue_interrupts() - before, 0, 5);
    assert_true(times(file, id, 100).end_ns != 0);
}

// Nobody else looks while the submitter waits for room.
void polled_queue_makes_room_in_a_full_ring(void **) {
    const File file;
    const auto id = polled_queue(file, 4);
    std::uint64_t seqno = 0;
    for (int i = 0; i < 500; ++i)
        assert_int_equal(file.submit(id, nops(8), &seqno), 0);
    assert_int_equal(file.wait(id, seqno, nullptr, LONG), 0);
}

void wait_on_a_polled_queue_runs_out(void **) {
    const File file;
    const auto id = polled_queue(file);
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    assert_int_equal(file.wait(id, 1, nullptr, NOW), -ETIME);
    const auto start = std::chrono::steady_clock::now();
    assert_int_equal(file.wait(id, 1, nullptr, std::chrono::milliseconds(100)), -ETIME);
    assert_true(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(90));
    Waiter waiter(file, id, 1);
    assert_int_equal(file.destroy(id), 0);
    assert_int_equal(waiter.join(), 0);
    assert_int_equal(waiter.status(), -ECANCELED);
}

// The watchdog looks if nobody else does.
void fences_of_a_polled_queue_signal(void **) {
    const File file;
    drm_neuron_queue_create args{};
    args.flags = DRM_NEURON_QUEUE_POLLED;
    assert_int_equal(create(file, args), 0);
    assert_int_equal(file.submit(args.queue_id, job_of(nop())), 0);
    std::uint64_t point = 1;
    assert_int_equal(drmSyncobjTimelineWait(file.fd(), &args.syncobj, &point, 1, deadline(LONG), 0, nullptr), 0);
}

void polled_queue_is_watched(void **) {
    const File file;
    const auto id = polled_queue(file, 0, 50);
    assert_int_equal(file.run(id, job_of(Spinner(file).packet())), -ETIME);
    assert_int_equal(file.state(id).state, DRM_NEURON_QUEUE_TIMED_OUT);
    const auto faulty = polled_queue(file);
    assert_int_equal(file.run(faulty, job_of(fill(0x7000000000, 8, 1))), -EIO);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(query_tells_the_limits),
        cmocka_unit_test(limits_are_what_create_takes),
        cmocka_unit_test(high_overtakes_normal_overtakes_low),
        cmocka_unit_test(high_needs_a_capability),
        cmocka_unit_test(wait_tells_when_a_job_ran),
        cmocka_unit_test(times_reach_back_one_ring_of_jobs),
        cmocka_unit_test(jobs_that_did_not_end_have_no_times),
        cmocka_unit_test(queue_counts_its_time),
        cmocka_unit_test(counters_survive_a_reset),
        cmocka_unit_test(coalescing_holds_interrupts_back),
        cmocka_unit_test(coalescing_delays_but_does_not_lose),
        cmocka_unit_test(polled_queue_runs_jobs_and_raises_nothing),
        cmocka_unit_test(polled_queue_makes_room_in_a_full_ring),
        cmocka_unit_test(wait_on_a_polled_queue_runs_out),
        cmocka_unit_test(fences_of_a_polled_queue_signal),
        cmocka_unit_test(polled_queue_is_watched),
    };
    return cmocka_run_group_tests_name("kmod queue options", tests, nullptr, nullptr);
}
