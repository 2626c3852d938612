// SPDX-License-Identifier: MIT
// QUEUE_CREATE, QUEUE_DESTROY, QUEUE_QUERY, SUBMIT, WAIT and the syncobjs.

#include "support.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

#include <pthread.h>
#include <signal.h>
#include <xf86drm.h>

using namespace kmod;

namespace {

std::uint64_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

drm_neuron_submit submit_request(std::uint32_t queue_id, std::span<const Packet> packets) {
    drm_neuron_submit args{};
    args.queue_id = queue_id;
    args.packets = {
        .stride = sizeof(Packet), .count = static_cast<std::uint32_t>(packets.size()), .ptr = address(packets.data())};
    return args;
}

int submit(const File &file, drm_neuron_submit args) { return file.call(DRM_IOCTL_NEURON_SUBMIT, &args); }

std::uint32_t new_syncobj(const File &file) {
    std::uint32_t handle = 0;
    assert_int_equal(drmSyncobjCreate(file.fd(), 0, &handle), 0);
    return handle;
}

int wait_point(const File &file, std::uint32_t handle, std::uint64_t point, std::chrono::milliseconds timeout) {
    return drmSyncobjTimelineWait(file.fd(), &handle, &point, 1, deadline(timeout), 0, nullptr);
}

// ---- queues ----

void create_refuses_bad_arguments(void **) {
    const File file;
    const auto refused = [&](auto change) {
        drm_neuron_queue_create args{};
        change(args);
        return file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args) == -EINVAL;
    };
    using Q = drm_neuron_queue_create;
    assert_true(refused([](Q &q) { q.flags = 4; }));
    assert_true(refused([](Q &q) { q.flags = 1u << 31; }));
    assert_true(refused([](Q &q) { q.ring_log2 = 3; }));
    assert_true(refused([](Q &q) { q.ring_log2 = 17; }));
    assert_true(refused([](Q &q) { q.timeout_ms = 3600001; }));
    assert_true(refused([](Q &q) { q.ring_va = 0x200000; }));
    assert_true(refused([](Q &q) { q.seqno_va = 0x200000; }));
    assert_true(refused([](Q &q) { q.stamps_va = 0x200000; }));
    Q args{};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
    assert_true(args.queue_id != 0 && args.syncobj != 0);
}

void queues_run_out_and_come_back(void **) {
    const File file;
    const auto device = file.query();
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < device.max_queues; ++i)
        ids.push_back(file.queue().queue_id);
    drm_neuron_queue_create args{};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -ENOSPC);
    for (const auto id : ids)
        assert_int_equal(file.run(id, job_of(nop())), 0);
    for (const auto id : ids)
        assert_int_equal(file.destroy(id), 0);
    file.queue();
}

void destroy_and_query_refuse_bad_arguments(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    drm_neuron_queue_destroy destroy{.queue_id = id, .pad = 1};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_DESTROY, &destroy), -EINVAL);
    assert_int_equal(file.destroy(id + 1), -ENOENT);
    assert_int_equal(file.destroy(0), -ENOENT);
    assert_int_equal(file.destroy(id), 0);
    assert_int_equal(file.destroy(id), -ENOENT);
    drm_neuron_queue_query query{};
    query.queue_id = id;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_QUERY, &query), -ENOENT);
}

void queues_belong_to_their_file(void **) {
    const File owner;
    const File stranger;
    const auto id = owner.queue().queue_id;
    assert_int_equal(stranger.destroy(id), -ENOENT);
    assert_int_equal(stranger.submit(id, job_of(nop())), -ENOENT);
    assert_int_equal(stranger.wait(id, 1, nullptr, NOW), -ENOENT);
    assert_int_equal(owner.run(id, job_of(nop())), 0);
}

// ---- submit ----

void submit_refuses_bad_arguments(void **) {
    const File file;
    const auto id = file.queue(4).queue_id;
    const auto packets = nops(8);
    const auto good = submit_request(id, packets);
    const auto refused = [&](auto change) {
        auto args = good;
        change(args);
        return submit(file, args);
    };
    using S = drm_neuron_submit;
    assert_int_equal(refused([](S &s) { s.queue_id += 1; }), -ENOENT);
    assert_int_equal(refused([](S &s) { s.flags = 1; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.count = 0; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.count = 9; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.count = ~0u; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.stride = 63; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.stride = 0; }), -EINVAL);
    assert_int_equal(refused([](S &s) { s.packets.stride = 4097; }), -E2BIG);
    assert_int_equal(refused([](S &s) { s.packets.ptr = 64; }), -EFAULT);
    assert_int_equal(refused([](S &s) { s.packets.ptr = ~0ull; }), -EFAULT);
    assert_int_equal(file.state(id).submitted, 0);
    assert_int_equal(submit(file, good), 0);
}

void submit_owns_the_header_flags(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    for (const std::size_t byte : {1, 2, 3}) {
        auto packet = nop();
        packet[byte] = std::byte{1};
        assert_int_equal(file.submit(id, job_of(packet)), -EINVAL);
    }
}

void submit_takes_larger_elements_that_are_zero_beyond(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    std::array<std::byte, 2 * 128> large{};
    const auto packet = nop();
    std::memcpy(large.data(), packet.data(), packet.size());
    std::memcpy(large.data() + 128, packet.data(), packet.size());
    auto args = submit_request(id, {});
    args.packets = {.stride = 128, .count = 2, .ptr = address(large.data())};
    assert_int_equal(submit(file, args), 0);
    large[255] = std::byte{1};
    assert_int_equal(submit(file, args), -E2BIG);
}

void submit_refuses_bad_syncs(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto binary = new_syncobj(file);
    const auto with = [&](drm_neuron_sync sync) { return file.submit(id, job_of(nop()), nullptr, std::array{sync}); };
    assert_int_equal(with({.flags = 0, .handle = binary, .point = 0}), -EINVAL);
    assert_int_equal(with({.flags = 3, .handle = binary, .point = 0}), -EINVAL);
    assert_int_equal(with({.flags = 4, .handle = binary, .point = 0}), -EINVAL);
    assert_int_equal(with({.flags = DRM_NEURON_SYNC_WAIT, .handle = 4711, .point = 0}), -ENOENT);
    assert_int_equal(with({.flags = DRM_NEURON_SYNC_SIGNAL, .handle = 4711, .point = 0}), -ENOENT);
    assert_int_equal(with({.flags = DRM_NEURON_SYNC_WAIT, .handle = binary, .point = 0}), -EINVAL);
    const auto packets = job_of(nop());
    auto args = submit_request(id, packets);
    args.syncs = {.stride = 8, .count = 1, .ptr = address(&args)};
    assert_int_equal(submit(file, args), -EINVAL);
    args.syncs = {.stride = sizeof(drm_neuron_sync), .count = 257, .ptr = address(&args)};
    assert_int_equal(submit(file, args), -EINVAL);
    args.syncs = {.stride = sizeof(drm_neuron_sync), .count = 1, .ptr = 64};
    assert_int_equal(submit(file, args), -EFAULT);
    assert_int_equal(file.state(id).submitted, 0);
}

void seqnos_count_jobs_from_one(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    for (std::uint64_t want = 1; want <= 100; ++want) {
        std::uint64_t seqno = 0;
        assert_int_equal(file.submit(id, nops(1 + want % 7), &seqno), 0);
        assert_int_equal(seqno, want);
    }
    assert_int_equal(file.wait(id, 100, nullptr, LONG), 0);
    assert_int_equal(file.state(id).submitted, 100);
    assert_int_equal(file.state(id).completed, 100);
}

// The ring of 16 goes round hundreds of times, with jobs of every size; each packet must be executed, in order.
void ring_wraps_without_losing_a_packet(void **) {
    const File file;
    const auto id = file.queue(4).queue_id;
    const auto handle = file.host(4096);
    const auto va = file.bind(handle);
    const Mapping memory(file, handle);
    std::uint64_t value = 0;
    std::uint64_t seqno = 0;
    for (std::size_t job = 0; job < 1000; ++job) {
        std::vector<Packet> packets;
        for (std::size_t i = 0; i <= job % 8; ++i) {
            packets.push_back(copy(va + 8 * (value % 256), va + 8 * ((value + 1) % 256), 8));
            ++value;
        }
        if (job == 0)
            memory.words()[0] = 0x1234;
        assert_int_equal(file.submit(id, packets, &seqno), 0);
    }
    int status = -1;
    assert_int_equal(file.wait(id, seqno, &status, LONG), 0);
    assert_int_equal(status, 0);
    assert_int_equal(memory.words()[value % 256], 0x1234);
}

void threads_share_a_queue(void **) {
    const File file;
    const auto id = file.queue(6).queue_id;
    std::atomic<int> wrong = 0;
    const auto work = [&] {
        for (int i = 0; i < 300; ++i) {
            std::uint64_t seqno = 0;
            int status = -1;
            if (file.submit(id, nops(3), &seqno) || file.wait(id, seqno, &status, LONG) || status)
                ++wrong;
        }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back(work);
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    assert_int_equal(file.state(id).completed, 1200);
}

void device_reads_what_the_cpu_wrote_just_before(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto handle = file.host(8192);
    const auto va = file.bind(handle);
    const Mapping memory(file, handle);
    for (std::uint64_t i = 1; i <= 500; ++i) {
        memory.words()[0] = i;
        assert_int_equal(file.run(id, job_of(copy(va, va + 4096, 8))), 0);
        assert_int_equal(memory.words()[512], i);
    }
}

// ---- wait ----

void wait_refuses_bad_arguments(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    assert_int_equal(file.wait(id, 1, nullptr, NOW), -EINVAL);
    assert_int_equal(file.run(id, job_of(nop())), 0);
    assert_int_equal(file.wait(id, 0, nullptr, NOW), -EINVAL);
    assert_int_equal(file.wait(id, 2, nullptr, NOW), -EINVAL);
    assert_int_equal(file.wait(id + 1, 1, nullptr, NOW), -ENOENT);
    drm_neuron_wait args{};
    args.queue_id = id;
    args.seqno = 1;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), 0);
    args.pad = 1;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), -EINVAL);
    args.pad = 0;
    args.pad2 = 1;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), -EINVAL);
}

void wait_polls_and_runs_out(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    std::uint64_t seqno = 0;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet()), &seqno), 0);
    drm_neuron_wait args{};
    args.queue_id = id;
    args.seqno = seqno;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), -ETIME);
    const auto start = std::chrono::steady_clock::now();
    assert_int_equal(file.wait(id, seqno, nullptr, std::chrono::milliseconds(100)), -ETIME);
    assert_true(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(90));
}

void on_signal(int) {}

// The handler is installed without SA_RESTART: the call must come back, and may then be repeated as it is.
void wait_can_be_interrupted_and_repeated(void **) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(SIGUSR1, &action, nullptr);

    const File file;
    const auto id = file.queue().queue_id;
    std::uint64_t seqno = 0;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet()), &seqno), 0);
    drm_neuron_wait args{};
    args.queue_id = id;
    args.seqno = seqno;
    args.timeout_ns = deadline(LONG);
    const auto before = args;
    const pthread_t self = ::pthread_self();
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        ::pthread_kill(self, SIGUSR1);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        file.destroy(id);
    });
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), -EINTR);
    assert_memory_equal(&args, &before, sizeof(args));
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), 0);
    assert_int_equal(args.status, -ECANCELED);
    other.join();
}

void full_ring_makes_submit_wait_until_interrupted(void **) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(SIGUSR1, &action, nullptr);

    const File file;
    const auto id = file.queue(4).queue_id;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    assert_int_equal(file.submit(id, nops(8)), 0);
    const pthread_t self = ::pthread_self();
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        ::pthread_kill(self, SIGUSR1);
    });
    assert_int_equal(file.submit(id, nops(8)), -EINTR);
    other.join();
    assert_int_equal(file.state(id).submitted, 2);

    std::thread killer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        file.destroy(id);
    });
    assert_int_equal(file.submit(id, nops(8)), -ECANCELED);
    killer.join();
}

void destroy_cancels_jobs_and_wakes_waiters(void **) {
    const File file;
    const auto queue = file.queue();
    std::uint64_t first = 0;
    assert_int_equal(file.submit(queue.queue_id, job_of(Spinner(file).packet()), &first), 0);
    assert_int_equal(file.submit(queue.queue_id, nops(2)), 0);
    int status = 0;
    std::thread waiter([&] { file.wait(queue.queue_id, first, &status, LONG); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    assert_int_equal(file.destroy(queue.queue_id), 0);
    waiter.join();
    assert_int_equal(status, -ECANCELED);
    assert_int_equal(wait_point(file, queue.syncobj, 2, NOW), 0);
}

void longest_and_shortest_ring_can_be_had(void **) {
    const File file;
    for (const auto log2 : {neuron::spec::RING_LOG2_MIN, neuron::spec::RING_LOG2_MAX})
        assert_int_equal(file.run(file.queue(log2).queue_id, nops(std::size_t{1} << (log2 - 1))), 0);
}

// The ring goes with the queue, and a large job takes a while to be written into it.
void destroy_waits_for_packets_being_written(void **) {
    const File file;
    const auto packets = nops(1 << 15);
    for (int i = 0; i < 60; ++i) {
        const auto id = file.queue(16).queue_id;
        std::atomic<bool> begun = false;
        std::thread submitter([&] {
            begun = true;
            while (!file.submit(id, packets)) {
            }
        });
        while (!begun)
            std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::microseconds(100 * i));
        assert_int_equal(file.destroy(id), 0);
        submitter.join();
    }
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

// ---- syncobjs ----

void timeline_point_is_the_seqno(void **) {
    const File file;
    const auto queue = file.queue();
    for (int i = 0; i < 5; ++i)
        assert_int_equal(file.submit(queue.queue_id, nops(2)), 0);
    assert_int_equal(wait_point(file, queue.syncobj, 5, LONG), 0);
    auto handle = queue.syncobj;
    std::uint64_t point = 0;
    assert_int_equal(drmSyncobjQuery(file.fd(), &handle, &point, 1), 0);
    assert_int_equal(point, 5);
}

void job_signals_binary_and_timeline_points(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto binary = new_syncobj(file);
    const auto timeline = new_syncobj(file);
    const std::array syncs{
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = binary, .point = 0},
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = timeline, .point = 10},
    };
    assert_int_equal(file.submit(id, job_of(nop()), nullptr, syncs), 0);
    assert_int_equal(wait_point(file, binary, 0, LONG), 0);
    assert_int_equal(wait_point(file, timeline, 10, LONG), 0);
}

// The producer cannot finish by itself, so the consumer must not have started before the producer was killed.
void job_waits_for_its_syncs(void **) {
    const File file;
    const auto producer = file.queue();
    const auto consumer = file.queue().queue_id;
    assert_int_equal(file.submit(producer.queue_id, job_of(Spinner(file).packet())), 0);
    const drm_neuron_sync wait{.flags = DRM_NEURON_SYNC_WAIT, .handle = producer.syncobj, .point = 1};
    std::atomic<bool> submitted = false;
    std::thread thread([&] {
        file.submit(consumer, job_of(nop()), nullptr, std::array{wait});
        submitted = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    assert_false(submitted);
    assert_int_equal(file.destroy(producer.queue_id), 0);
    thread.join();
    assert_int_equal(file.wait(consumer, 1, nullptr, LONG), 0);
}

// ---- watchdog ----

void endless_job_is_stopped_and_the_device_goes_on(void **) {
    const File file;
    const auto resets = file.query().reset_count;
    const auto queue = file.queue(0, HANGS_AT_ONCE);
    std::uint64_t guilty = 0;
    std::uint64_t behind = 0;
    assert_int_equal(file.submit(queue.queue_id, job_of(Spinner(file).packet()), &guilty), 0);
    assert_int_equal(file.submit(queue.queue_id, nops(3), &behind), 0);
    int status = 0;
    assert_int_equal(file.wait(queue.queue_id, guilty, &status, LONG), 0);
    assert_int_equal(status, -ETIME);
    assert_int_equal(file.wait(queue.queue_id, behind, &status, LONG), 0);
    assert_int_equal(status, -ECANCELED);
    assert_int_equal(file.state(queue.queue_id).state, DRM_NEURON_QUEUE_TIMED_OUT);
    assert_int_equal(file.submit(queue.queue_id, job_of(nop())), -EIO);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
    assert_int_equal(file.query().reset_count, resets);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_bad_arguments),
        cmocka_unit_test(queues_run_out_and_come_back),
        cmocka_unit_test(destroy_and_query_refuse_bad_arguments),
        cmocka_unit_test(queues_belong_to_their_file),
        cmocka_unit_test(submit_refuses_bad_arguments),
        cmocka_unit_test(submit_owns_the_header_flags),
        cmocka_unit_test(submit_takes_larger_elements_that_are_zero_beyond),
        cmocka_unit_test(submit_refuses_bad_syncs),
        cmocka_unit_test(seqnos_count_jobs_from_one),
        cmocka_unit_test(ring_wraps_without_losing_a_packet),
        cmocka_unit_test(threads_share_a_queue),
        cmocka_unit_test(device_reads_what_the_cpu_wrote_just_before),
        cmocka_unit_test(wait_refuses_bad_arguments),
        cmocka_unit_test(wait_polls_and_runs_out),
        cmocka_unit_test(wait_can_be_interrupted_and_repeated),
        cmocka_unit_test(full_ring_makes_submit_wait_until_interrupted),
        cmocka_unit_test(destroy_cancels_jobs_and_wakes_waiters),
        cmocka_unit_test(longest_and_shortest_ring_can_be_had),
        cmocka_unit_test(destroy_waits_for_packets_being_written),
        cmocka_unit_test(timeline_point_is_the_seqno),
        cmocka_unit_test(job_signals_binary_and_timeline_points),
        cmocka_unit_test(job_waits_for_its_syncs),
        cmocka_unit_test(endless_job_is_stopped_and_the_device_goes_on),
    };
    return cmocka_run_group_tests_name("kmod queue", tests, nullptr, nullptr);
}
