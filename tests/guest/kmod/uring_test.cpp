// SPDX-License-Identifier: MIT
// DRM_NEURON_URING_SUBMIT and SUBMIT_INLINE: the completion is the job's.

#include "failing.hpp"
#include "machine.hpp"
#include "ring.hpp"
#include "user_queue.hpp"

#include <cerrno>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;

namespace {

constexpr std::uint64_t NOWHERE = 0x7000000000; ///< an address that nothing is mapped at

std::uint64_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// ---- completions ----

void jobs_complete_on_each_ring(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        const auto id = file.queue().queue_id;
        const auto handle = file.host(4096);
        const Mapping memory(file, handle);
        const auto packets = job_of(fill(file.bind(handle), 4096, 9));
        auto args = request(id, packets);
        for (std::uint64_t job = 1; job <= 3; ++job) {
            args.seqno = 0;
            memory.words()[511] = 0;
            ring.add_submit(file, &args, 100 + job);
            ring.submit();
            const auto done = ring.wait();
            assert_int_equal(done.result, 0);
            assert_int_equal(done.tag, 100 + job);
            assert_int_equal(args.seqno, job);
            assert_int_equal(memory.words()[511], 9);
        }
    });
}

void inline_jobs_complete_on_each_ring(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        const auto id = file.queue().queue_id;
        const auto handle = file.host(4096);
        const Mapping memory(file, handle);
        const auto va = file.bind(handle);
        const bool large = ring.flags() & IORING_SETUP_SQE128;
        for (std::uint64_t job = 1; job <= 3; ++job) {
            ring.add_inline(file, id, fill(va, 4096, job), job);
            assert_int_equal(ring.result(), large ? 0 : -EOPNOTSUPP);
            assert_int_equal(memory.words()[511], large ? job : 0);
        }
        assert_int_equal(file.state(id).submitted, large ? 3 : 0);
    });
}

void completion_comes_when_the_job_is_done_not_before(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        const auto id = file.queue().queue_id;
        Gate gate(file);
        const auto packets = job_of(gate.packet());
        auto args = request(id, packets);
        ring.add_submit(file, &args, 1);
        ring.submit();
        while (file.state(id).submitted == 0) // the polling thread takes its time
            std::this_thread::yield();
        assert_int_equal(file.wait(id, 1, nullptr, std::chrono::milliseconds(20)), -ETIME);
        assert_true(ring.empty());
        assert_int_equal(args.seqno, 1); // before the job can be done
        gate.open();
        assert_int_equal(ring.wait().result, 0);
    });
}

// The second result is the device's clock when the job was done.
void large_completions_tell_when(void **) {
    with_each_ring([](Ring &ring) {
        if (!(ring.flags() & IORING_SETUP_CQE32))
            return;
        const File file;
        const auto id = file.queue().queue_id;
        const auto packets = nops(3);
        auto args = request(id, packets);
        auto last = file.query().clock_ns;
        for (std::uint64_t job = 1; job <= 4; ++job) {
            if (job % 2 && ring.flags() & IORING_SETUP_SQE128)
                ring.add_inline(file, id, nop(), job);
            else
                ring.add_submit(file, &args, job);
            ring.submit();
            const auto done = ring.wait();
            assert_true(done.extra > last);
            last = done.extra;
        }
        assert_true(last <= file.query().clock_ns);
        const auto bad = job_of(nop(), fill(NOWHERE, 8, 1));
        args = request(id, bad);
        ring.add_submit(file, &args, 5); // does not run to its end
        ring.submit();
        assert_int_equal(ring.wait().extra, 0);
        ring.add_submit(file, &args, 6); // is refused
        ring.submit();
        assert_int_equal(ring.wait().extra, 0);
    });
}

void fault_is_the_result(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = file.queue().queue_id;
    const auto packets = job_of(fill(NOWHERE, 8, 1));
    auto args = request(id, packets);
    ring.add_submit(file, &args, 1);
    assert_int_equal(ring.result(), -EIO);
    assert_int_equal(args.seqno, 1);
    // There is no such job any more, and nobody gets a number for it.
    args.seqno = 0;
    ring.add_submit(file, &args, 2);
    assert_int_equal(ring.result(), -EIO);
    assert_int_equal(args.seqno, 0);
    ring.add_inline(file, id, nop(), 3);
    assert_int_equal(ring.result(), -EIO);
    const auto other = file.queue().queue_id;
    ring.add_inline(file, other, fill(NOWHERE, 8, 1), 4);
    assert_int_equal(ring.result(), -EIO);
}

// The fences' own errors: the first job is guilty, the others only had bad luck.
void each_command_gets_the_result_of_its_job(void **) {
    const Impatient impatient;
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = file.queue(0, HANGS_LATER).queue_id;
    const auto endless = job_of(Spinner(file).packet());
    const auto harmless = job_of(nop());
    std::array args{request(id, harmless), request(id, endless), request(id, harmless)};
    for (std::uint64_t i = 0; i < 3; ++i)
        ring.add_submit(file, &args[i], i);
    ring.add_inline(file, id, nop(), 3);
    ring.submit();
    const std::array want{0, -ETIME, -ECANCELED, -ECANCELED};
    for (int i = 0; i < 4; ++i) {
        const auto done = ring.wait();
        assert_int_equal(done.result, want[done.tag]);
    }
    for (std::uint64_t i = 0; i < 3; ++i)
        assert_int_equal(args[i].seqno, i + 1);
}

void destroying_the_queue_completes_its_commands(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = file.queue().queue_id;
    ring.add_inline(file, id, Spinner(file).packet(), 1);
    ring.add_inline(file, id, nop(), 2);
    ring.submit();
    assert_int_equal(file.destroy(id), 0);
    assert_int_equal(ring.wait().result, -ECANCELED);
    assert_int_equal(ring.wait().result, -ECANCELED);
}

// ---- arguments ----

void unknown_commands_are_refused(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    for (const auto op : {std::uint32_t{0}, std::uint32_t{DRM_NEURON_URING_SUBMIT} ^ 0x7f, ~0u,
                          static_cast<std::uint32_t>(DRM_IOCTL_NEURON_SUBMIT)}) {
        ring.next(file, op, 1);
        assert_int_equal(ring.result(), -ENOTTY);
    }
}

void submit_refuses_bad_arguments(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = file.queue(4).queue_id;
    const auto packets = nops(9);
    const auto good = request(id, std::span(packets).first(8));
    const auto refused = [&](auto change) {
        auto args = good;
        change(args);
        ring.add_submit(file, &args, 1);
        const int ret = ring.result();
        assert_int_equal(args.seqno, 0);
        return ret;
    };
    using S = drm_neuron_submit;
    assert_int_equal(refused([](S &s) { s.queue_id += 1; }), -ENOENT);
    assert_int_equal(refused([](S &s) { s.queue_id = 0; }), -ENOENT);
    assert_int_equal(refused([](S &s) { s.flags = 1; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.count = 0; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.count = 9; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.stride = 63; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.stride = 4097; }), -E2BIG);
    assert_int_equal(refused([](S &s) { s.packets.ptr = 64; }), -EFAULT);
    assert_int_equal(refused([](S &s) { s.syncs = {.stride = 16, .count = 257, .ptr = 64}; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.syncs = {.stride = 16, .count = 1, .ptr = 64}; }), -EFAULT);
    ring.add_submit(file, nullptr, 1);
    assert_int_equal(ring.result(), -EFAULT);
    ring.add(file, DRM_NEURON_URING_SUBMIT, drm_neuron_uring_submit{.ptr = address(&good), .pad = 1}, 1);
    assert_int_equal(ring.result(), -EINVAL);
    assert_int_equal(file.state(id).submitted, 0);
    auto args = good;
    ring.add_submit(file, &args, 1);
    assert_int_equal(ring.result(), 0);
}

void inline_refuses_bad_arguments(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = file.queue().queue_id;
    const auto refused = [&](auto change) {
        drm_neuron_uring_inline payload{};
        payload.queue_id = id;
        std::memcpy(payload.packet, nop().data(), sizeof(payload.packet));
        change(payload);
        ring.add(file, DRM_NEURON_URING_SUBMIT_INLINE, payload, 1);
        return ring.result();
    };
    using I = drm_neuron_uring_inline;
    assert_int_equal(refused([](I &i) { i.queue_id += 1; }), -ENOENT);
    assert_int_equal(refused([](I &i) { i.flags = 1; }), -EINVAL);
    assert_int_equal(refused([](I &i) { i.flags = 1u << 31; }), -EINVAL);
    assert_int_equal(refused([](I &i) { i.pad = 1; }), -EINVAL);
    for (const std::size_t byte : {1, 2, 3}) // of the header
        assert_int_equal(refused([&](I &i) { i.packet[byte] = 1; }), -EINVAL);
    assert_int_equal(file.state(id).submitted, 0);
    assert_int_equal(refused([](I &) {}), 0);
}

// They may get a meaning.
void fields_without_a_use_must_be_zero(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    std::array<std::byte, 4096> memory{};
    const iovec registered{.iov_base = memory.data(), .iov_len = memory.size()};
    assert_int_equal(io_uring_register_buffers(ring.get(), &registered, 1), 0);
    const auto id = file.queue().queue_id;
    const auto packets = job_of(nop());
    auto args = request(id, packets);
    const auto refused = [&](auto change) {
        change(*ring.add_submit(file, &args, 1));
        const int submit = ring.result();
        change(*ring.add_inline(file, id, nop(), 2));
        assert_int_equal(ring.result(), submit);
        return submit;
    };
    assert_int_equal(refused([](io_uring_sqe &sqe) { sqe.addr = 1; }), -EINVAL);
    assert_int_equal(refused([](io_uring_sqe &sqe) { sqe.len = 1; }), -EINVAL);
    assert_int_equal(refused([](io_uring_sqe &sqe) { sqe.buf_index = 1; }), -EINVAL);
    assert_int_equal(refused([](io_uring_sqe &sqe) { sqe.file_index = 1; }), -EINVAL);
    assert_int_equal(refused([](io_uring_sqe &sqe) { sqe.ioprio = 1; }), -EINVAL);
    assert_int_equal(refused([](io_uring_sqe &sqe) { sqe.rw_flags = IORING_URING_CMD_FIXED; }), -EINVAL);
    assert_int_equal(file.state(id).submitted, 0);
}

void nothing_is_submitted_when_the_number_cannot_be_written(void **) {
    const File file;
    Ring ring;
    const auto id = file.queue().queue_id;
    const auto packets = job_of(nop());
    auto *page = static_cast<drm_neuron_submit *>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    assert_true(page != MAP_FAILED);
    *page = request(id, packets);
    assert_int_equal(::mprotect(page, 4096, PROT_READ), 0);
    ring.add_submit(file, page, 1);
    assert_int_equal(ring.result(), -EFAULT);
    assert_int_equal(file.state(id).submitted, 0);
    assert_int_equal(::mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
    ring.add_submit(file, page, 1);
    assert_int_equal(ring.result(), 0);
    assert_int_equal(page->seqno, 1);
    ::munmap(page, 4096);
}

void queues_without_interrupts_want_a_ring_that_polls(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = file.queue(0, 0, DRM_NEURON_QUEUE_POLLED).queue_id;
    const auto packets = job_of(nop());
    auto args = request(id, packets);
    ring.add_submit(file, &args, 1);
    assert_int_equal(ring.result(), -EOPNOTSUPP);
    ring.add_inline(file, id, nop(), 1);
    assert_int_equal(ring.result(), -EOPNOTSUPP);
    assert_int_equal(file.state(id).submitted, 0);
}

void queues_in_user_mode_take_no_jobs(void **) {
    const File file;
    const UserQueue queue(file);
    Ring ring(IORING_SETUP_SQE128);
    const auto packets = job_of(nop());
    auto args = request(queue.id(), packets);
    ring.add_submit(file, &args, 1);
    assert_int_equal(ring.result(), -EINVAL);
    ring.add_inline(file, queue.id(), nop(), 1);
    assert_int_equal(ring.result(), -EINVAL);
    assert_int_equal(file.state(queue.id()).submitted, 0);
}

void queues_belong_to_their_file(void **) {
    const File owner;
    const File stranger;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = owner.queue().queue_id;
    ring.add_inline(stranger, id, nop(), 1);
    assert_int_equal(ring.result(), -ENOENT);
    ring.add_inline(owner, id, nop(), 1);
    assert_int_equal(ring.result(), 0);
}

// ---- order, workers, links ----

void batch_completes_whole(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128, 256);
    const auto id = file.queue(10).queue_id;
    const auto packets = nops(2);
    std::vector<drm_neuron_submit> args(100, request(id, packets));
    for (std::uint64_t round = 0; round < 20; ++round) {
        for (std::uint64_t i = 0; i < 100; ++i) {
            ring.add_submit(file, &args[i], 2 * i);
            ring.add_inline(file, id, nop(), 2 * i + 1);
        }
        ring.submit();
        for (int i = 0; i < 200; ++i)
            assert_int_equal(ring.wait().result, 0);
        for (std::uint64_t i = 0; i < 100; ++i) // in order, as nothing had to sleep
            assert_int_equal(args[i].seqno, 200 * round + 2 * i + 1);
    }
    assert_int_equal(file.state(id).completed, 4000);
}

// The ring has room for 16 packets and the batch brings many more: most commands are issued again by a worker.
void commands_that_must_sleep_go_to_a_worker(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        const auto id = file.queue(4).queue_id;
        const bool large = ring.flags() & IORING_SETUP_SQE128;
        Gate gate(file);
        const auto closed = job_of(gate.packet());
        const auto packets = nops(8);
        auto first = request(id, closed);
        std::vector<drm_neuron_submit> args(20, request(id, packets));
        ring.add_submit(file, &first, 1000);
        for (std::uint64_t tag = 0; tag < args.size(); ++tag)
            ring.add_submit(file, &args[tag], tag);
        for (std::uint64_t tag = 0; large && tag < 20; ++tag)
            ring.add_inline(file, id, nop(), 100 + tag);
        ring.submit();
        gate.open();
        while (ring.in_flight())
            assert_int_equal(ring.wait().result, 0);
        std::set<std::uint64_t> numbers;
        for (const auto &request : args)
            numbers.insert(request.seqno);
        assert_int_equal(numbers.size(), args.size());
        assert_false(numbers.contains(0));
    });
}

void commands_may_be_issued_by_a_worker_at_once(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        const auto id = file.queue().queue_id;
        const auto packets = job_of(nop());
        auto args = request(id, packets);
        ring.add_submit(file, &args, 1)->flags |= IOSQE_ASYNC;
        assert_int_equal(ring.result(), 0);
        assert_int_equal(args.seqno, 1);
        ring.add_inline(file, id, nop(), 1)->flags |= IOSQE_ASYNC;
        assert_int_equal(ring.result(), ring.flags() & IORING_SETUP_SQE128 ? 0 : -EOPNOTSUPP);
    });
}

void command_waits_for_its_syncs(void **) {
    const File file;
    Ring ring;
    const auto producer = file.queue();
    const auto consumer = file.queue().queue_id;
    assert_int_equal(file.submit(producer.queue_id, job_of(Spinner(file).packet())), 0);
    const std::array syncs{drm_neuron_sync{.flags = DRM_NEURON_SYNC_WAIT, .handle = producer.syncobj, .point = 1}};
    const auto packets = job_of(nop());
    auto args = request(consumer, packets, syncs);
    ring.add_submit(file, &args, 1);
    ring.submit();
    assert_int_equal(file.state(consumer).submitted, 0);
    assert_int_equal(args.seqno, 0);
    assert_int_equal(file.destroy(producer.queue_id), 0);
    assert_int_equal(ring.wait().result, 0);
    assert_int_equal(args.seqno, 1);
}

void linked_commands_stop_at_the_first_error(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    const auto id = file.queue().queue_id;
    const auto bad = job_of(fill(NOWHERE, 8, 1));
    auto first = request(id, bad);
    ring.add_submit(file, &first, 1)->flags |= IOSQE_IO_LINK;
    ring.add_inline(file, id, nop(), 2);
    ring.submit();
    for (int i = 0; i < 2; ++i) {
        const auto done = ring.wait();
        assert_int_equal(done.result, done.tag == 1 ? -EIO : -ECANCELED);
    }
    assert_int_equal(file.state(id).submitted, 1);
}

void linked_commands_follow_each_other(void **) {
    with_each_ring([](Ring &ring) {
        const File file;
        const auto a = file.queue().queue_id;
        const auto b = file.queue().queue_id;
        const auto handle = file.host(4096);
        const Mapping memory(file, handle);
        const auto va = file.bind(handle);
        const auto first = job_of(fill(va, 8, 7));
        const auto second = job_of(copy(va, va + 8, 8)); // another queue: only the link orders them
        auto one = request(a, first);
        auto two = request(b, second);
        ring.add_submit(file, &one, 1)->flags |= IOSQE_IO_LINK;
        ring.add_submit(file, &two, 2);
        ring.submit();
        assert_int_equal(ring.wait().result, 0);
        assert_int_equal(ring.wait().result, 0);
        assert_int_equal(memory.words()[1], 7);
    });
}

void registered_files_work(void **) {
    Ring ring(IORING_SETUP_SQE128);
    auto file = std::make_unique<File>();
    const auto id = file->queue().queue_id;
    const int fd = file->fd();
    assert_int_equal(io_uring_register_files(ring.get(), &fd, 1), 0);
    const auto by_index = [](io_uring_sqe *sqe) {
        sqe->fd = 0;
        sqe->flags |= IOSQE_FIXED_FILE;
    };
    by_index(ring.add_inline(*file, id, nop(), 1));
    assert_int_equal(ring.result(), 0);
    by_index(ring.add_inline(*file, id, Spinner(*file).packet(), 1));
    ring.submit();
    file.reset(); // the ring's reference keeps the file, and with it the queue, alive
    assert_true(ring.empty());
}

// What cannot be allocated at once, a worker allocates. Only io_uring itself may refuse.
void commands_survive_short_memory(void **) {
    need_failing_allocations();
    const File file;
    const auto id = file.queue().queue_id;
    std::uint32_t syncobj = 0;
    assert_int_equal(drmSyncobjCreate(file.fd(), 0, &syncobj), 0);
    const std::array syncs{drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = syncobj, .point = 1}};
    const auto packets = nops(8);
    auto args = request(id, packets, syncs);
    Ring ring(IORING_SETUP_SQE128);
    int good = 0, refused = 0;
    const auto count = [&](int result) {
        assert_true(result == 0 || result == -ENOMEM);
        ++(result ? refused : good);
    };
    const int submit = for_each_failing_allocation([&] {
        ring.add_submit(file, &args, 1);
        count(ring.result());
    });
    const int inlined = for_each_failing_allocation([&] {
        ring.add_inline(file, id, nop(), 1);
        count(ring.result());
    });
    print_message("# %d and %d allocations, %d refused\n", submit, inlined, refused);
    assert_true(submit >= 6 && inlined >= 2);
    assert_int_equal(file.state(id).completed, good);
    assert_true(good >= 8);
}

// ---- threads ----

// Many rings, one queue: jobs of all threads mix, and each ring gets its own.
void rings_of_many_threads_share_a_queue(void **) {
    const File file;
    const auto id = file.queue(5).queue_id;
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    std::mutex lock;
    std::set<std::uint64_t> numbers;
    constexpr int THREADS = 4, ROUNDS = 25, BATCH = 16;
    for (int thread = 0; thread < THREADS; ++thread) {
        threads.emplace_back([&] {
            Ring ring(IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
            const auto packets = nops(3);
            for (int round = 0; round < ROUNDS; ++round) {
                std::array<drm_neuron_submit, BATCH / 2> args;
                args.fill(request(id, packets));
                for (std::uint64_t i = 0; i < BATCH / 2; ++i) {
                    ring.add_submit(file, &args[i], i);
                    ring.add_inline(file, id, nop(), 100 + i);
                }
                ring.submit();
                while (ring.in_flight())
                    wrong += ring.wait().result != 0;
                const std::lock_guard guard(lock);
                for (const auto &request : args)
                    wrong += !numbers.insert(request.seqno).second;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    assert_int_equal(file.state(id).completed, THREADS * ROUNDS * BATCH);
}

// One ring, many submitters: commands are issued from several tasks.
void threads_share_a_ring(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    Ring ring(IORING_SETUP_SQE128, 512);
    std::mutex lock;
    std::vector<std::thread> threads;
    constexpr int THREADS = 4, EACH = 100;
    for (int thread = 0; thread < THREADS; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < EACH; ++i) {
                const std::lock_guard guard(lock);
                ring.add_inline(file, id, nop(), static_cast<std::uint64_t>(thread * EACH + i));
                ring.submit();
            }
        });
    }
    for (auto &thread : threads)
        thread.join(); // what a thread has in flight goes on without it
    int good = 0, canceled = 0;
    while (ring.in_flight()) {
        const int result = ring.wait().result;
        good += result == 0;
        canceled += result == -ECANCELED; // whose task had gone
    }
    assert_int_equal(good + canceled, THREADS * EACH);
    assert_int_equal(file.state(id).submitted, THREADS * EACH);
}

// ---- the end ----

void closing_the_ring_cancels_at_once_and_the_job_goes_on(void **) {
    with_each_ring(
        [](Ring &ring) {
            const File file;
            const auto id = file.queue().queue_id;
            Gate gate(file);
            const auto packets = job_of(gate.packet());
            auto args = request(id, packets);
            ring.add_submit(file, &args, 1);
            ring.submit();
            while (file.state(id).submitted == 0)
                std::this_thread::yield();
            ring.close();
            assert_int_equal(file.wait(id, 1, nullptr, std::chrono::milliseconds(50)), -ETIME);
            gate.open();
            int status = -1;
            assert_int_equal(file.wait(id, 1, &status, LONG), 0);
            assert_int_equal(status, 0);
        },
        true);
}

void closing_the_ring_frees_commands_that_sleep_in_a_worker(void **) {
    const File file;
    const auto id = file.queue(4).queue_id;
    const auto spin = job_of(Spinner(file).packet());
    const auto many = nops(8);
    std::vector<drm_neuron_submit> args(8, request(id, many));
    args[0] = request(id, spin);
    {
        Ring ring(IORING_SETUP_SQE128);
        for (std::uint64_t tag = 0; tag < args.size(); ++tag)
            ring.add_submit(file, &args[tag], tag);
        ring.add_inline(file, id, nop(), 100);
        ring.submit();
    }
    assert_int_equal(file.destroy(id), 0);
}

// A command in flight holds its file. If a ring that goes away left its commands alone, the contexts would be used up by
// jobs that never end.
void rings_that_go_away_give_their_files_back(void **) {
    const std::string path = node();
    for (unsigned i = 0; i < 2 * neuron::spec::MAX_CONTEXTS; ++i) {
        int fd = -1;
        for (int attempt = 0; fd < 0 && attempt < 500; ++attempt) {
            fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
            if (fd < 0) // a ring is torn down in the background
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        assert_true(fd >= 0);
        Ring ring(IORING_SETUP_SQE128, 2);
        const File file(fd);
        ring.add_inline(file, file.queue().queue_id, Spinner(file).packet(), 1);
        ring.submit();
    }
}

void ring_and_file_may_close_in_any_order(void **) {
    for (const bool file_first : {true, false}) {
        auto file = std::make_unique<File>();
        auto ring = std::make_unique<Ring>();
        const auto packets = job_of(Spinner(*file).packet());
        auto args = request(file->queue().queue_id, packets);
        ring->add_submit(*file, &args, 1);
        ring->submit();
        if (file_first)
            file.reset();
        ring.reset();
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(jobs_complete_on_each_ring),
        cmocka_unit_test(inline_jobs_complete_on_each_ring),
        cmocka_unit_test(completion_comes_when_the_job_is_done_not_before),
        cmocka_unit_test(large_completions_tell_when),
        cmocka_unit_test(fault_is_the_result),
        cmocka_unit_test(each_command_gets_the_result_of_its_job),
        cmocka_unit_test(destroying_the_queue_completes_its_commands),
        cmocka_unit_test(unknown_commands_are_refused),
        cmocka_unit_test(submit_refuses_bad_arguments),
        cmocka_unit_test(inline_refuses_bad_arguments),
        cmocka_unit_test(fields_without_a_use_must_be_zero),
        cmocka_unit_test(nothing_is_submitted_when_the_number_cannot_be_written),
        cmocka_unit_test(queues_without_interrupts_want_a_ring_that_polls),
        cmocka_unit_test(queues_in_user_mode_take_no_jobs),
        cmocka_unit_test(queues_belong_to_their_file),
        cmocka_unit_test(batch_completes_whole),
        cmocka_unit_test(commands_that_must_sleep_go_to_a_worker),
        cmocka_unit_test(commands_may_be_issued_by_a_worker_at_once),
        cmocka_unit_test(command_waits_for_its_syncs),
        cmocka_unit_test(linked_commands_stop_at_the_first_error),
        cmocka_unit_test(linked_commands_follow_each_other),
        cmocka_unit_test(registered_files_work),
        cmocka_unit_test(commands_survive_short_memory),
        cmocka_unit_test(rings_of_many_threads_share_a_queue),
        cmocka_unit_test(threads_share_a_ring),
        cmocka_unit_test(closing_the_ring_cancels_at_once_and_the_job_goes_on),
        cmocka_unit_test(closing_the_ring_frees_commands_that_sleep_in_a_worker),
        cmocka_unit_test(rings_that_go_away_give_their_files_back),
        cmocka_unit_test(ring_and_file_may_close_in_any_order),
    };
    return cmocka_run_group_tests_name("kmod uring", tests, nullptr, nullptr);
}
