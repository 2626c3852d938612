// SPDX-License-Identifier: MIT
// DRM_NEURON_URING_WAIT and WAIT_CANCEL.

#include "failing.hpp"
#include "machine.hpp"
#include "ring.hpp"
#include "user_queue.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <random>
#include <thread>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace kmod;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t NOWHERE = 0x7000000000; ///< an address that nothing is mapped at

/// A file with a queue whose first job waits at a gate.
struct Rig {
    File file;
    std::uint32_t id = file.queue().queue_id;
    Gate gate{file};

    Rig() { assert_int_equal(file.submit(id, job_of(gate.packet())), 0); }
};

// ---- jobs ----

void done_job_completes_at_once_with_its_result(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        const auto id = file.queue().queue_id;
        assert_int_equal(file.run(id, job_of(nop())), 0);
        assert_int_equal(file.run(id, job_of(fill(NOWHERE, 8, 1))), -EIO);
        ring.add_wait(file, id, 1, 1);
        assert_int_equal(ring.result(), 0);
        ring.add_wait(file, id, 2, 2);
        assert_int_equal(ring.result(), -EIO);
        // A job that is done is done, also when it is late.
        ring.add_wait(file, id, 1, 3, 1);
        assert_int_equal(ring.result(), 0);
        ring.add_wait(file, id, 1, 4)->flags |= IOSQE_ASYNC;
        assert_int_equal(ring.result(), 0);
    });
}

void waits_until_the_job_is_done(void **) {
    with_each_ring([](Ring &ring) {
        Rig rig;
        ring.add_wait(rig.file, rig.id, 1, 1);
        ring.submit();
        assert_int_equal(rig.file.wait(rig.id, 1, nullptr, milliseconds(20)), -ETIME);
        assert_true(ring.empty());
        rig.gate.open();
        assert_int_equal(ring.wait().result, 0);
    });
}

void worker_waits_as_well(void **) {
    with_each_ring([](Ring &ring) {
        Rig rig;
        ring.add_wait(rig.file, rig.id, 1, 1)->flags |= IOSQE_ASYNC;
        ring.add_wait(rig.file, rig.id, 1, 2, deadline(milliseconds(30)))->flags |= IOSQE_ASYNC;
        ring.submit();
        const auto late = ring.wait();
        assert_int_equal(late.tag, 2);
        assert_int_equal(late.result, -ETIME);
        rig.gate.open();
        assert_int_equal(ring.wait().result, 0);
    });
}

// Jobs that ioctls have submitted, waited for in no order, each several times.
void each_wait_gets_the_result_of_its_job(void **) {
    const Impatient impatient;
    const File file;
    Ring ring(IORING_SETUP_CQE32);
    const auto id = file.queue(0, HANGS_LATER).queue_id;
    assert_int_equal(file.submit(id, job_of(nop())), 0);
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    assert_int_equal(file.submit(id, job_of(nop())), 0);
    assert_int_equal(file.submit(id, job_of(nop())), 0);
    for (const std::uint64_t seqno : {3, 1, 4, 2, 2, 4, 1, 3})
        ring.add_wait(file, id, seqno, seqno);
    ring.submit();
    const std::array want{0, 0, -ETIME, -ECANCELED, -ECANCELED};
    while (ring.in_flight()) {
        const auto done = ring.wait();
        assert_int_equal(done.result, want[done.tag]);
    }
}

void completes_in_the_order_of_the_jobs(void **) {
    Rig rig;
    Ring ring(0, 128);
    std::uint64_t last = 0;
    for (int i = 0; i < 50; ++i)
        assert_int_equal(rig.file.submit(rig.id, job_of(nop()), &last), 0);
    for (std::uint64_t seqno = last; seqno; --seqno)
        ring.add_wait(rig.file, rig.id, seqno, seqno);
    ring.submit();
    assert_true(ring.empty());
    rig.gate.open();
    for (std::uint64_t seqno = 1; seqno <= last; ++seqno) {
        const auto done = ring.wait();
        assert_int_equal(done.tag, seqno);
        assert_int_equal(done.result, 0);
    }
}

void large_completions_tell_when(void **) {
    with_each_ring([](Ring &ring) {
        if (!(ring.flags() & IORING_SETUP_CQE32))
            return;
        Rig rig;
        std::uint64_t seqno = 0;
        assert_int_equal(rig.file.submit(rig.id, job_of(nop()), &seqno), 0);
        ring.add_wait(rig.file, rig.id, seqno, 1);
        ring.add_wait(rig.file, rig.id, seqno, 2, 1);
        ring.submit();
        const auto late = ring.wait();
        assert_int_equal(late.result, -ETIME);
        assert_int_equal(late.extra, 0);
        rig.gate.open();
        const auto done = ring.wait();
        assert_int_equal(done.result, 0);
        drm_neuron_wait same{};
        same.queue_id = rig.id;
        same.seqno = seqno;
        assert_int_equal(rig.file.call(DRM_IOCTL_NEURON_WAIT, &same), 0);
        assert_true(same.end_ns != 0);
        assert_int_equal(done.extra, same.end_ns);
        ring.add_wait(rig.file, rig.id, seqno, 3); // long done
        ring.submit();
        assert_int_equal(ring.wait().extra, same.end_ns);
        assert_int_equal(rig.file.run(rig.id, job_of(fill(NOWHERE, 8, 1))), -EIO);
        ring.add_wait(rig.file, rig.id, seqno + 1, 4);
        ring.submit();
        assert_int_equal(ring.wait().extra, 0);
    });
}

// ---- queues in user mode ----

void waits_for_packets_of_a_queue_in_user_mode(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        UserQueue queue(file);
        Gate gate(file);
        ring.add_wait(file, queue.id(), 3, 3); // ahead of what was submitted
        ring.add_wait(file, queue.id(), 1, 1);
        ring.add_wait(file, queue.id(), 2, 2);
        ring.add_wait(file, queue.id(), 100, 100, deadline(milliseconds(30)));
        ring.submit();
        const auto late = ring.wait();
        assert_int_equal(late.tag, 100);
        assert_int_equal(late.result, -ETIME);
        queue.submit(job_of(nop()));
        const auto first = ring.wait();
        assert_int_equal(first.tag, 1);
        assert_int_equal(first.result, 0);
        assert_int_equal(first.extra, 0);
        queue.submit(job_of(gate.packet(), nop()));
        assert_int_equal(file.wait(queue.id(), 2, nullptr, milliseconds(20)), -ETIME);
        assert_true(ring.empty());
        gate.open();
        assert_int_equal(ring.wait().tag, 2);
        assert_int_equal(ring.wait().tag, 3);
        ring.add_wait(file, queue.id(), 2, 4); // done already
        assert_int_equal(ring.result(), 0);
    });
}

void queues_in_user_mode_that_stop_end_waits(void **) {
    const File file;
    Ring ring;
    {
        UserQueue queue(file);
        for (const std::uint64_t seqno : {1, 2, 3, 9})
            ring.add_wait(file, queue.id(), seqno, seqno);
        ring.submit();
        queue.submit(job_of(nop(), fill(NOWHERE, 8, 1), nop()));
        const int want[] = {0, 0, -EIO, -ECANCELED};
        while (ring.in_flight()) {
            const auto done = ring.wait();
            assert_int_equal(done.result, want[std::min<std::uint64_t>(done.tag, 3)]);
        }
        ring.add_wait(file, queue.id(), 50, 50);
        assert_int_equal(ring.result(), -ECANCELED);
    }
    UserQueue queue(file);
    for (const std::uint64_t seqno : {1, 2, 2, 3})
        ring.add_wait(file, queue.id(), seqno, seqno);
    ring.submit();
    ring.add_wait_cancel(file, queue.id(), 2, 100);
    ring.submit();
    for (int i = 0; i < 3; ++i) {
        const auto done = ring.wait();
        assert_int_equal(done.result, done.tag == 100 ? 2 : -ECANCELED);
    }
    assert_int_equal(file.destroy(queue.id()), 0);
    assert_int_equal(ring.wait().result, -ECANCELED);
    assert_int_equal(ring.wait().result, -ECANCELED);
}

void commands_follow_a_linked_wait(void **) {
    Rig rig;
    Ring ring(IORING_SETUP_SQE128);
    const auto other = rig.file.queue().queue_id;
    ring.add_wait(rig.file, rig.id, 1, 1)->flags |= IOSQE_IO_LINK;
    ring.add_inline(rig.file, other, nop(), 2);
    ring.submit();
    assert_int_equal(rig.file.wait(rig.id, 1, nullptr, milliseconds(20)), -ETIME);
    assert_int_equal(rig.file.state(other).submitted, 0);
    rig.gate.open();
    assert_int_equal(ring.wait().tag, 1);
    assert_int_equal(ring.wait().result, 0);
    assert_int_equal(rig.file.state(other).submitted, 1);
}

void destroying_the_queue_ends_waits(void **) {
    with_each_ring([](Ring &ring) {
        Rig rig;
        ring.add_wait(rig.file, rig.id, 1, 1);
        ring.add_wait(rig.file, rig.id, 1, 2, deadline(LONG));
        ring.submit();
        assert_int_equal(rig.file.destroy(rig.id), 0);
        assert_int_equal(ring.wait().result, -ECANCELED);
        assert_int_equal(ring.wait().result, -ECANCELED);
    });
}

// ---- time ----

void time_runs_out(void **) {
    with_each_ring([](Ring &ring) {
        Rig rig;
        const auto end = deadline(milliseconds(50));
        ring.add_wait(rig.file, rig.id, 1, 1, end);
        assert_int_equal(ring.result(), -ETIME);
        assert_true(deadline(NOW) >= end);
        ring.add_wait(rig.file, rig.id, 1, 2, 1); // long past
        assert_int_equal(ring.result(), -ETIME);
        ring.add_wait(rig.file, rig.id, 1, 3, deadline(LONG));
        ring.submit();
        rig.gate.open();
        assert_int_equal(ring.wait().result, 0);
    });
}

void each_wait_has_a_time_of_its_own(void **) {
    Rig rig;
    Ring ring;
    const auto now = deadline(NOW);
    for (std::int64_t i = 10; i > 0; --i)
        ring.add_wait(rig.file, rig.id, 1, static_cast<std::uint64_t>(i), now + i * 20'000'000);
    ring.add_wait(rig.file, rig.id, 1, 11);
    ring.submit();
    for (std::int64_t i = 1; i <= 10; ++i) {
        const auto done = ring.wait();
        assert_int_equal(done.result, -ETIME);
        assert_true(deadline(NOW) >= now + static_cast<std::int64_t>(done.tag) * 20'000'000);
    }
    rig.gate.open();
    const auto done = ring.wait();
    assert_int_equal(done.tag, 11);
    assert_int_equal(done.result, 0);
}

// ---- arguments ----

void bad_arguments_are_refused(void **) {
    Rig rig;
    Ring ring;
    const auto refused = [&](auto change) {
        drm_neuron_uring_wait payload{.queue_id = rig.id, .flags = 0, .seqno = 1};
        io_uring_sqe *sqe = ring.add_wait(rig.file, rig.id, 1, 1);
        change(payload, *sqe);
        std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
        return ring.result();
    };
    using W = drm_neuron_uring_wait;
    using E = io_uring_sqe;
    assert_int_equal(refused([](W &w, E &) { w.queue_id += 1; }), -ENOENT);
    assert_int_equal(refused([](W &w, E &) { w.queue_id = 0; }), -ENOENT);
    assert_int_equal(refused([](W &w, E &) { w.flags = 2; }), -EINVAL);
    assert_int_equal(refused([](W &w, E &) { w.flags = 1u << 31; }), -EINVAL);
    assert_int_equal(refused([](W &w, E &) { w.seqno = 0; }), -EINVAL);
    assert_int_equal(refused([](W &w, E &) { w.seqno = 2; }), -EINVAL);
    assert_int_equal(refused([](W &w, E &) { w.seqno = ~0ull; }), -EINVAL);
    assert_int_equal(refused([](W &, E &e) { e.addr = 1ull << 63; }), -EINVAL);
    assert_int_equal(refused([](W &, E &e) { e.addr = ~0ull; }), -EINVAL);
    assert_int_equal(refused([](W &, E &e) { e.len = 1; }), -EINVAL);
    assert_int_equal(refused([](W &, E &e) { e.buf_index = 1; }), -EINVAL);
    assert_int_equal(refused([](W &, E &e) { e.file_index = 1; }), -EINVAL);
    constexpr auto CANCEL = DRM_NEURON_URING_WAIT_CANCEL;
    assert_int_equal(refused([](W &w, E &) { w.flags = CANCEL, w.queue_id += 1; }), -ENOENT);
    assert_int_equal(refused([](W &w, E &) { w.flags = CANCEL, w.seqno = 0; }), -EINVAL);
    assert_int_equal(refused([](W &w, E &) { w.flags = CANCEL, w.seqno = 2; }), -EINVAL);
    assert_int_equal(refused([](W &w, E &e) { w.flags = CANCEL, e.addr = 1; }), -EINVAL);
    const auto polled = rig.file.queue(0, 0, DRM_NEURON_QUEUE_POLLED).queue_id;
    assert_int_equal(rig.file.submit(polled, job_of(nop())), 0);
    assert_int_equal(refused([&](W &w, E &) { w.queue_id = polled; }), -EOPNOTSUPP);
    rig.gate.open();
}

void queues_belong_to_their_file(void **) {
    Rig rig;
    const File stranger;
    Ring ring;
    ring.add_wait(stranger, rig.id, 1, 1);
    assert_int_equal(ring.result(), -ENOENT);
}

// ---- cancel ----

void cancel_ends_the_waits_it_names(void **) {
    with_each_ring([](Ring &ring) {
        Rig rig, other; // queues of both have the same id
        assert_int_equal(rig.id, other.id);
        const auto second = rig.file.queue().queue_id;
        Gate gate(rig.file, 1);
        assert_int_equal(rig.file.submit(rig.id, job_of(nop())), 0);
        assert_int_equal(rig.file.submit(second, job_of(gate.packet())), 0);
        ring.add_wait(rig.file, rig.id, 1, 1);
        ring.add_wait(rig.file, rig.id, 1, 1, deadline(LONG));
        ring.add_wait(rig.file, rig.id, 1, 1);
        ring.add_wait(rig.file, rig.id, 2, 2);
        ring.add_wait(rig.file, second, 1, 3);
        ring.add_wait(other.file, other.id, 1, 4);
        ring.submit();
        ring.add_wait_cancel(rig.file, rig.id, 1, 9);
        ring.submit();
        for (int i = 0; i < 4; ++i) {
            const auto done = ring.wait();
            assert_int_equal(done.result, done.tag == 9 ? 3 : -ECANCELED);
            assert_true(done.tag == 9 || done.tag == 1);
        }
        assert_true(ring.empty());
        ring.add_wait_cancel(rig.file, rig.id, 1, 9);
        ring.submit();
        assert_int_equal(ring.wait().result, 0); // nobody is left
        rig.gate.open();
        gate.open();
        other.gate.open();
        while (ring.in_flight())
            assert_int_equal(ring.wait().result, 0);
    });
}

void cancel_reaches_other_rings(void **) {
    Rig rig;
    Ring waits, cancels;
    waits.add_wait(rig.file, rig.id, 1, 1);
    waits.submit();
    cancels.add_wait_cancel(rig.file, rig.id, 1, 2);
    assert_int_equal(cancels.result(), 1);
    assert_int_equal(waits.wait().result, -ECANCELED);
    rig.gate.open();
    assert_int_equal(rig.file.wait(rig.id, 1, nullptr, LONG), 0); // the job has not noticed
}

// ---- the end ----

void closing_the_ring_ends_waits(void **) {
    with_each_ring(
        [](Ring &ring) {
            Rig rig;
            for (std::uint64_t i = 0; i < 8; ++i)
                ring.add_wait(rig.file, rig.id, 1, i, i % 2 ? deadline(std::chrono::hours(1)) : 0);
            ring.submit();
            ring.close();
            rig.gate.open();
            assert_int_equal(rig.file.wait(rig.id, 1, nullptr, LONG), 0);
        },
        true);
}

void files_close_with_waits_in_flight(void **) {
    for (const bool ring_first : {true, false}) {
        auto rig = std::make_unique<Rig>();
        auto ring = std::make_unique<Ring>();
        ring->add_wait(rig->file, rig->id, 1, 1);
        ring->add_wait(rig->file, rig->id, 1, 2, deadline(std::chrono::hours(1)));
        ring->submit();
        if (ring_first)
            ring.reset();
        rig.reset();
    }
}

void process_dies_with_waits_in_flight(void **) {
    for (const RingKind &kind : RING_KINDS) {
        const pid_t child = ::fork();
        if (child == 0) {
            Rig rig;
            Ring ring(kind.flags);
            for (std::uint64_t i = 0; i < 8; ++i)
                ring.add_wait(rig.file, rig.id, 1, i, i % 2 ? deadline(std::chrono::hours(1)) : 0);
            ring.submit();
            ::kill(::getpid(), SIGKILL);
        }
        int status = 0;
        assert_int_equal(::waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
    }
    const File file;
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

void waits_survive_short_memory(void **) {
    need_failing_allocations();
    Rig rig;
    Ring ring;
    int refused = 0;
    const int allocations = for_each_failing_allocation([&] {
        ring.add_wait(rig.file, rig.id, 1, 1, 1);
        const int result = ring.result();
        assert_true(result == -ETIME || result == -ENOMEM);
        refused += result == -ENOMEM;
    });
    print_message("# %d allocations, %d refused\n", allocations, refused);
    assert_true(allocations > refused);
    rig.gate.open();
}

// ---- races ----

// Jobs end, times run out and waits are cancelled at the same moments: each wait ends once, with one of the three.
void waits_end_once_whoever_ends_them(void **) {
    const File file;
    const auto id = file.queue(8).queue_id;
    std::atomic<std::uint64_t> submitted = 0;
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        while (!stop) {
            std::uint64_t seqno = 0;
            wrong += file.submit(id, nops(4), &seqno) != 0;
            submitted = seqno;
        }
    });
    for (unsigned seed = 1; seed <= 3; ++seed) {
        threads.emplace_back([&, seed] {
            Ring ring(seed == 1 ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0);
            std::minstd_rand random(seed);
            while (!submitted)
                std::this_thread::yield();
            while (!stop) {
                const std::uint64_t newest = submitted;
                for (std::uint64_t i = 0; i < 24; ++i) {
                    const std::uint64_t back = random() % 16;
                    const std::uint64_t seqno = newest > back ? newest - back : newest;
                    const unsigned what = random() % 4;
                    if (what == 0)
                        ring.add_wait_cancel(file, id, seqno, 1000);
                    else
                        ring.add_wait(file, id, seqno, i,
                                      what == 1 ? 0 : deadline(NOW) + static_cast<std::int64_t>(random() % 300'000));
                    if (random() % 8 == 0)
                        ring.submit();
                }
                ring.submit();
                while (ring.in_flight()) {
                    const auto done = ring.wait();
                    const bool cancel = done.tag == 1000;
                    wrong += cancel ? done.result < 0
                                    : done.result != 0 && done.result != -ETIME && done.result != -ECANCELED;
                }
            }
        });
    }
    std::this_thread::sleep_for(std::chrono::seconds(2));
    stop = true;
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
}

// The same with rings that go away while all of it happens.
void rings_close_while_waits_end(void **) {
    const File file;
    const auto id = file.queue(8).queue_id;
    std::minstd_rand random(7);
    for (int round = 0; round < 60; ++round) {
        Ring ring(round % 3 ? 0 : if_closable(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN));
        std::uint64_t seqno = 0;
        for (int job = 0; job < 8; ++job)
            assert_int_equal(file.submit(id, nops(4), &seqno), 0);
        for (std::uint64_t i = 0; i < 16; ++i)
            ring.add_wait(file, id, seqno - i % 8, i,
                          i % 2 ? 0 : deadline(NOW) + static_cast<std::int64_t>(random() % 200'000))
                ->flags |= i % 5 ? 0 : IOSQE_ASYNC;
        ring.submit();
    }
    std::uint64_t seqno = file.state(id).submitted;
    assert_int_equal(file.wait(id, seqno, nullptr, LONG), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(done_job_completes_at_once_with_its_result),
        cmocka_unit_test(waits_until_the_job_is_done),
        cmocka_unit_test(worker_waits_as_well),
        cmocka_unit_test(each_wait_gets_the_result_of_its_job),
        cmocka_unit_test(completes_in_the_order_of_the_jobs),
        cmocka_unit_test(large_completions_tell_when),
        cmocka_unit_test(waits_for_packets_of_a_queue_in_user_mode),
        cmocka_unit_test(queues_in_user_mode_that_stop_end_waits),
        cmocka_unit_test(commands_follow_a_linked_wait),
        cmocka_unit_test(destroying_the_queue_ends_waits),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(each_wait_has_a_time_of_its_own),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(queues_belong_to_their_file),
        cmocka_unit_test(cancel_ends_the_waits_it_names),
        cmocka_unit_test(cancel_reaches_other_rings),
        cmocka_unit_test(closing_the_ring_ends_waits),
        cmocka_unit_test(files_close_with_waits_in_flight),
        cmocka_unit_test(process_dies_with_waits_in_flight),
        cmocka_unit_test(waits_survive_short_memory),
        cmocka_unit_test(waits_end_once_whoever_ends_them),
        cmocka_unit_test(rings_close_while_waits_end),
    };
    return cmocka_run_group_tests_name("kmod uring wait", tests, nullptr, nullptr);
}
