// SPDX-License-Identifier: MIT
// Rings with IORING_SETUP_IOPOLL and queues with DRM_NEURON_QUEUE_POLLED: who wants to know looks.

#include "memory.hpp"
#include "ring.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <set>
#include <thread>

#include <signal.h>
#include <sys/wait.h>

using namespace kmod;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t NOWHERE = 0x7000000000; ///< an address that nothing is mapped at
constexpr unsigned POLL = IORING_SETUP_IOPOLL | IORING_SETUP_SQE128;
/// Longer than any test: what ends earlier was not ended by the watchdog.
constexpr std::uint32_t AN_HOUR = 3600000;

constexpr RingKind KINDS[] = {
    {"sqe128", POLL},
    {"cqe32", POLL | IORING_SETUP_CQE32},
    {"defer_taskrun", POLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN},
    {"coop_taskrun", POLL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG},
    {"sqpoll", POLL | IORING_SETUP_SQPOLL},
};

template<class Body>
void with_each_polling_ring(Body body) {
    for (const RingKind &kind : KINDS) {
        print_message("# ring: iopoll %s\n", kind.name);
        Ring ring(kind.flags);
        body(ring);
    }
}

struct Rig {
    File file;
    std::uint32_t id;

    explicit Rig(std::uint32_t ring_log2 = 0, std::uint32_t timeout_ms = AN_HOUR)
        : id(file.queue(ring_log2, timeout_ms, DRM_NEURON_QUEUE_POLLED).queue_id) {}
};

void wait_for_submission(const Rig &rig, std::uint64_t jobs = 1) {
    while (rig.file.state(rig.id).submitted < jobs)
        std::this_thread::yield();
}

// ---- completions ----

void jobs_complete_on_each_ring(void **) {
    with_each_polling_ring([](Ring &ring) {
        const Rig rig;
        const Target target(rig.file, 4096);
        for (std::uint64_t job = 1; job <= 6; ++job) {
            const auto packets = job_of(fill(target.va, 4096, job));
            auto args = request(rig.id, packets);
            if (job % 2)
                ring.add_submit(rig.file, &args, job);
            else
                ring.add_inline(rig.file, rig.id, packets[0], job);
            const auto before = rig.file.query().clock_ns;
            ring.submit();
            const auto done = ring.wait();
            assert_int_equal(done.tag, job);
            assert_int_equal(done.result, 0);
            if (ring.flags() & IORING_SETUP_CQE32)
                assert_true(done.extra > before);
            assert_int_equal(args.seqno, job % 2 ? job : 0);
            assert_int_equal(target.memory.words()[511], job);
        }
    });
}

void no_interrupt_comes(void **) {
    const Rig rig;
    Ring ring(POLL);
    const auto before = queue_interrupts();
    for (int i = 0; i < 50; ++i) {
        ring.add_inline(rig.file, rig.id, nop(), 1);
        assert_int_equal(ring.result(), 0);
    }
    assert_int_equal(queue_interrupts(), before);
    const auto id = rig.file.queue().queue_id;
    assert_int_equal(rig.file.run(id, job_of(nop())), 0);
    assert_true(queue_interrupts() > before); // it counts at all
}

void batches_complete_whole(void **) {
    for (const RingKind &kind : KINDS) {
        Ring ring(kind.flags, 256);
        const Rig rig;
        const auto packets = nops(3);
        std::vector<drm_neuron_submit> args(100, request(rig.id, packets));
        for (int round = 0; round < 5; ++round) {
            for (std::uint64_t i = 0; i < 100; ++i) {
                ring.add_submit(rig.file, &args[i], 2 * i);
                ring.add_inline(rig.file, rig.id, nop(), 2 * i + 1);
            }
            ring.submit();
            while (ring.in_flight())
                assert_int_equal(ring.wait().result, 0);
        }
        assert_int_equal(rig.file.state(rig.id).completed, 1000);
    }
}

void completion_comes_when_the_job_is_done_not_before(void **) {
    with_each_polling_ring([](Ring &ring) {
        const Rig rig;
        Gate gate(rig.file);
        ring.add_inline(rig.file, rig.id, gate.packet(), 1);
        ring.submit();
        wait_for_submission(rig);
        for (int i = 0; i < 20; ++i)
            assert_true(ring.empty());
        gate.open();
        assert_int_equal(ring.wait().result, 0);
    });
}

void fault_is_the_result(void **) {
    with_each_polling_ring([](Ring &ring) {
        const Rig rig;
        const auto packets = job_of(fill(NOWHERE, 8, 1));
        auto args = request(rig.id, packets);
        ring.add_submit(rig.file, &args, 1);
        assert_int_equal(ring.result(), -EIO);
        assert_int_equal(args.seqno, 1);
        args.seqno = 0;
        ring.add_submit(rig.file, &args, 2); // refused
        assert_int_equal(ring.result(), -EIO);
        assert_int_equal(args.seqno, 0);
        ring.add_inline(rig.file, rig.id, nop(), 3);
        assert_int_equal(ring.result(), -EIO);
    });
}

void watchdog_ends_jobs(void **) {
    Ring ring(POLL);
    const Rig rig(0, 100);
    ring.add_inline(rig.file, rig.id, nop(), 0);
    ring.add_inline(rig.file, rig.id, Spinner(rig.file).packet(), 1);
    ring.add_inline(rig.file, rig.id, nop(), 2);
    ring.submit();
    const std::array want{0, -ETIME, -ECANCELED};
    while (ring.in_flight()) {
        const auto done = ring.wait();
        assert_int_equal(done.result, want[done.tag]);
    }
}

void full_queue_sends_commands_to_a_worker(void **) {
    with_each_polling_ring([](Ring &ring) {
        const Rig rig(4);
        Gate gate(rig.file);
        const auto packets = nops(8);
        std::vector<drm_neuron_submit> args(20, request(rig.id, packets));
        ring.add_inline(rig.file, rig.id, gate.packet(), 100);
        for (std::uint64_t i = 0; i < 20; ++i)
            ring.add_submit(rig.file, &args[i], i);
        ring.submit();
        gate.open();
        while (ring.in_flight())
            assert_int_equal(ring.wait().result, 0);
        std::set<std::uint64_t> numbers;
        for (const auto &request : args)
            numbers.insert(request.seqno);
        assert_int_equal(numbers.size(), 20);
        assert_false(numbers.contains(0));
    });
}

// Each look may find jobs of the other ring done, whose completions are not its own.
void rings_share_a_queue(void **) {
    const Rig rig(6);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    constexpr std::uint64_t THREADS = 3, ROUNDS = 20, BATCH = 16;
    for (std::uint64_t thread = 0; thread < THREADS; ++thread) {
        threads.emplace_back([&] {
            Ring ring(POLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
            for (std::uint64_t round = 0; round < ROUNDS; ++round) {
                for (std::uint64_t i = 0; i < BATCH; ++i)
                    ring.add_inline(rig.file, rig.id, nop(), i);
                ring.submit();
                while (ring.in_flight())
                    wrong += ring.wait().result != 0;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    assert_int_equal(rig.file.state(rig.id).completed, THREADS * ROUNDS * BATCH);
}

void one_ring_polls_many_queues(void **) {
    const File file;
    const File second;
    Ring ring(POLL, 128);
    std::vector<std::pair<const File *, std::uint32_t>> queues;
    for (int i = 0; i < 4; ++i)
        for (const File *owner : {&file, &second})
            queues.emplace_back(owner, owner->queue(0, 0, DRM_NEURON_QUEUE_POLLED).queue_id);
    Gate gate(file);
    ring.add_inline(file, queues[0].second, gate.packet(), 1000);
    for (std::uint64_t i = 0; i < 64; ++i) {
        const auto &[owner, id] = queues[i % queues.size()];
        ring.add_inline(*owner, id, nop(), i);
    }
    ring.submit();
    // The first queue's commands are all behind the gate; the others do not wait for them.
    for (int i = 0; i < 64 - 8; ++i) {
        const auto done = ring.wait();
        assert_int_equal(done.result, 0);
        assert_true(done.tag % 8 != 0);
    }
    gate.open();
    while (ring.in_flight())
        assert_int_equal(ring.wait().result, 0);
}

// ---- what does not go together ----

void other_combinations_are_refused(void **) {
    const Rig rig;
    Ring polls(POLL);
    Ring small(IORING_SETUP_IOPOLL);
    const Target target(rig.file, 4096);
    const Memory memory(4096);
    const auto normal = rig.file.queue().queue_id;
    const auto packets = job_of(nop());
    auto args = request(normal, packets);
    polls.add_submit(rig.file, &args, 1);
    assert_int_equal(polls.result(), -EOPNOTSUPP);
    assert_int_equal(args.seqno, 0);
    polls.add_inline(rig.file, normal, nop(), 1);
    assert_int_equal(polls.result(), -EOPNOTSUPP);
    assert_int_equal(rig.file.run(normal, job_of(nop())), 0);
    assert_int_equal(rig.file.submit(rig.id, job_of(nop())), 0);
    for (const auto id : {normal, rig.id}) {
        polls.add_wait(rig.file, id, 1, 1);
        assert_int_equal(polls.result(), -EOPNOTSUPP);
        polls.add_wait_cancel(rig.file, id, 1, 1);
        assert_int_equal(polls.result(), -EOPNOTSUPP);
        polls.add_dma(rig.file, id, 0, memory.data(), 4096, target.va, 1);
        assert_int_equal(polls.result(), -EOPNOTSUPP);
    }
    small.add_inline(rig.file, rig.id, nop(), 1);
    assert_int_equal(small.result(), -EOPNOTSUPP);
    polls.next(rig.file, 0, 1);
    assert_int_equal(polls.result(), -ENOTTY);
    args = request(rig.id, packets);
    small.add_submit(rig.file, &args, 1);
    assert_int_equal(small.result(), 0);
}

// ---- the end ----

void destroying_the_queue_completes_its_commands(void **) {
    with_each_polling_ring([](Ring &ring) {
        const Rig rig;
        ring.add_inline(rig.file, rig.id, Spinner(rig.file).packet(), 1);
        ring.add_inline(rig.file, rig.id, nop(), 2);
        ring.submit();
        wait_for_submission(rig, 2);
        assert_int_equal(rig.file.destroy(rig.id), 0);
        assert_int_equal(ring.wait().result, -ECANCELED);
        assert_int_equal(ring.wait().result, -ECANCELED);
    });
}

// io_uring cannot cancel commands of such a ring: it polls until they are gone, or for ever.
void closing_the_ring_cancels_at_once_and_the_job_goes_on(void **) {
    for (const RingKind &kind : KINDS) {
        if (kind.flags & IORING_SETUP_SQPOLL)
            continue; // its thread goes on polling until the job is done
        print_message("# ring: iopoll %s\n", kind.name);
        Rig rig;
        Gate gate(rig.file);
        {
            Ring ring(kind.flags);
            ring.add_inline(rig.file, rig.id, gate.packet(), 1);
            ring.submit();
            wait_for_submission(rig);
        }
        assert_int_equal(rig.file.state(rig.id).completed, 0);
        gate.open();
        int status = -1;
        assert_int_equal(rig.file.wait(rig.id, 1, &status, LONG), 0);
        assert_int_equal(status, 0);
    }
}

void polling_thread_finishes_what_a_closed_ring_has_left(void **) {
    Rig rig;
    Gate gate(rig.file);
    {
        Ring ring(POLL | IORING_SETUP_SQPOLL);
        ring.add_inline(rig.file, rig.id, gate.packet(), 1);
        ring.submit();
        wait_for_submission(rig);
    }
    gate.open();
    assert_int_equal(rig.file.wait(rig.id, 1, nullptr, LONG), 0);
}

// Contexts would run out if files stayed until the jobs are done.
void rings_that_go_away_give_their_files_back(void **) {
    const std::string path = node();
    for (unsigned i = 0; i < 2 * neuron::spec::MAX_CONTEXTS; ++i) {
        int fd = -1;
        for (int attempt = 0; fd < 0 && attempt < 1000; ++attempt) {
            fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
            if (fd < 0) // a ring is torn down in the background
                std::this_thread::sleep_for(milliseconds(10));
        }
        assert_true(fd >= 0);
        Ring ring(POLL, 2);
        const File file(fd);
        ring.add_inline(file, file.queue(0, AN_HOUR, DRM_NEURON_QUEUE_POLLED).queue_id, Spinner(file).packet(), 1);
        ring.submit();
    }
}

void process_dies_with_commands_in_flight(void **) {
    for (const RingKind &kind : KINDS) {
        for (const bool waiting : {false, true}) {
            const pid_t child = ::fork();
            if (child == 0) {
                const Rig rig;
                Ring ring(kind.flags);
                ring.add_inline(rig.file, rig.id, Spinner(rig.file).packet(), 1);
                ring.submit();
                wait_for_submission(rig);
                if (!waiting)
                    ::kill(::getpid(), SIGKILL);
                ::alarm(1); // in the middle of a look
                ring.wait();
            }
            int status = 0;
            assert_int_equal(::waitpid(child, &status, 0), child);
            assert_true(WIFSIGNALED(status));
        }
    }
    const File file;
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

void function_reset_ends_jobs(void **) {
    with_each_polling_ring([](Ring &ring) {
        const Rig rig;
        ring.add_inline(rig.file, rig.id, Spinner(rig.file).packet(), 1);
        ring.add_inline(rig.file, rig.id, nop(), 2);
        ring.submit();
        wait_for_submission(rig, 2);
        assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
        assert_int_equal(ring.wait().result, -ECANCELED);
        assert_int_equal(ring.wait().result, -ECANCELED);
    });
}

void unbind_ends_jobs(void **) {
    const std::string name = pci_name();
    Ring ring(POLL);
    const Rig rig;
    ring.add_inline(rig.file, rig.id, Spinner(rig.file).packet(), 1);
    ring.add_inline(rig.file, rig.id, nop(), 2);
    ring.submit();
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
    assert_int_equal(ring.wait().result, -ENODEV);
    assert_int_equal(ring.wait().result, -ENODEV);
    ring.add_inline(rig.file, rig.id, nop(), 3);
    assert_int_equal(ring.result(), -ENODEV);
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
    assert_true(wait_for_node(true));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(jobs_complete_on_each_ring),
        cmocka_unit_test(no_interrupt_comes),
        cmocka_unit_test(batches_complete_whole),
        cmocka_unit_test(completion_comes_when_the_job_is_done_not_before),
        cmocka_unit_test(fault_is_the_result),
        cmocka_unit_test(watchdog_ends_jobs),
        cmocka_unit_test(full_queue_sends_commands_to_a_worker),
        cmocka_unit_test(rings_share_a_queue),
        cmocka_unit_test(one_ring_polls_many_queues),
        cmocka_unit_test(other_combinations_are_refused),
        cmocka_unit_test(destroying_the_queue_completes_its_commands),
        cmocka_unit_test(closing_the_ring_cancels_at_once_and_the_job_goes_on),
        cmocka_unit_test(polling_thread_finishes_what_a_closed_ring_has_left),
        cmocka_unit_test(rings_that_go_away_give_their_files_back),
        cmocka_unit_test(process_dies_with_commands_in_flight),
        cmocka_unit_test(function_reset_ends_jobs),
        cmocka_unit_test(unbind_ends_jobs),
    };
    return cmocka_run_group_tests_name("kmod iopoll", tests, nullptr, nullptr);
}
