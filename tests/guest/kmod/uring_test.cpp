// SPDX-License-Identifier: MIT
// DRM_NEURON_URING_SUBMIT: the completion is the job's.

#include "support.hpp"

#include <cerrno>
#include <memory>
#include <thread>

#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

using namespace kmod;

namespace {

std::uint64_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

/// A ring, and what a command needs to stay where it is until its completion.
class Ring {
public:
    explicit Ring(unsigned flags, unsigned entries = 64) : flags_(flags) {
        assert_int_equal(io_uring_queue_init(entries, &ring_, flags), 0);
    }
    ~Ring() { close(); }
    Ring(Ring &&) = delete;

    void close() {
        if (std::exchange(open_, false))
            io_uring_queue_exit(&ring_);
    }

    io_uring_sqe *next(const File &file, std::uint32_t cmd_op) {
        io_uring_sqe *sqe = io_uring_get_sqe(&ring_);
        if (!sqe)
            fail_msg("the submission queue is full");
        std::memset(static_cast<void *>(sqe), 0, flags_ & IORING_SETUP_SQE128 ? 128 : 64);
        sqe->opcode = IORING_OP_URING_CMD;
        sqe->fd = file.fd();
        sqe->cmd_op = cmd_op;
        return sqe;
    }

    void add(const File &file, const drm_neuron_submit *args, std::uint64_t tag, unsigned sqe_flags = 0,
             std::uint32_t cmd_op = DRM_NEURON_URING_SUBMIT, std::uint64_t pad = 0) {
        io_uring_sqe *sqe = next(file, cmd_op);
        const drm_neuron_uring_submit payload{.ptr = address(args), .pad = pad};
        std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
        sqe->user_data = tag;
        sqe->flags = static_cast<std::uint8_t>(sqe_flags);
    }

    void submit() { assert_true(io_uring_submit(&ring_) >= 0); }

    struct Completion {
        int result;
        std::uint64_t tag;
        std::uint64_t extra;
    };
    Completion wait() {
        io_uring_cqe *cqe = nullptr;
        __kernel_timespec limit{.tv_sec = 20, .tv_nsec = 0};
        const int ret = io_uring_wait_cqe_timeout(&ring_, &cqe, &limit);
        if (ret)
            fail_msg("no completion: %s", std::strerror(-ret));
        const Completion completion{cqe->res, cqe->user_data, flags_ & IORING_SETUP_CQE32 ? cqe->big_cqe[0] : 0};
        io_uring_cqe_seen(&ring_, cqe);
        return completion;
    }
    bool empty() {
        io_uring_cqe *cqe = nullptr;
        return io_uring_peek_cqe(&ring_, &cqe) != 0;
    }

private:
    io_uring ring_{};
    unsigned flags_;
    bool open_ = true;
};

drm_neuron_submit request(std::uint32_t queue_id, std::span<const Packet> packets,
                          std::span<const drm_neuron_sync> syncs = {}) {
    drm_neuron_submit args{};
    args.queue_id = queue_id;
    args.packets = {
        .stride = sizeof(Packet), .count = static_cast<std::uint32_t>(packets.size()), .ptr = address(packets.data())};
    args.syncs = {.stride = sizeof(drm_neuron_sync),
                  .count = static_cast<std::uint32_t>(syncs.size()),
                  .ptr = address(syncs.data())};
    return args;
}

void one_job(unsigned flags) {
    const File file;
    Ring ring(flags);
    const auto id = file.queue().queue_id;
    const auto handle = file.host(4096);
    const auto packets = job_of(fill(file.bind(handle), 4096, 9));
    const auto args = request(id, packets);
    for (std::uint64_t job = 1; job <= 3; ++job) {
        ring.add(file, &args, 100 + job);
        ring.submit();
        const auto done = ring.wait();
        assert_int_equal(done.result, 0);
        assert_int_equal(done.tag, 100 + job);
        if (flags & IORING_SETUP_CQE32)
            assert_int_equal(done.extra, job);
    }
    assert_int_equal(Mapping(file, handle).words()[511], 9);
}

void job_completes_with_small_entries(void **) { one_job(0); }
void job_completes_with_large_submissions(void **) { one_job(IORING_SETUP_SQE128); }
void job_completes_with_large_completions(void **) { one_job(IORING_SETUP_CQE32); }
void job_completes_with_all_that_the_library_uses(void **) {
    one_job(IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}
void job_completes_from_the_polling_thread(void **) { one_job(IORING_SETUP_SQPOLL); }

void completion_comes_when_the_job_is_done_not_before(void **) {
    const File file;
    Ring ring(0);
    const auto id = file.queue().queue_id;
    const auto packets = job_of(Spinner(file).packet());
    const auto args = request(id, packets);
    ring.add(file, &args, 1);
    ring.submit();
    assert_int_equal(file.wait(id, 1, nullptr, std::chrono::milliseconds(100)), -ETIME);
    assert_true(ring.empty());
    assert_int_equal(file.destroy(id), 0);
    assert_int_equal(ring.wait().result, -ECANCELED);
}

void fault_is_the_result(void **) {
    const File file;
    Ring ring(0);
    const auto id = file.queue().queue_id;
    const auto packets = job_of(fill(0x7000000000, 8, 1));
    const auto args = request(id, packets);
    ring.add(file, &args, 1);
    ring.submit();
    assert_int_equal(ring.wait().result, -EIO);
    ring.add(file, &args, 2);
    ring.submit();
    assert_int_equal(ring.wait().result, -EIO);
}

// The fences' own errors: the first job is guilty, the others only had bad luck.
void each_command_gets_the_result_of_its_job(void **) {
    const File file;
    Ring ring(0);
    const auto id = file.queue(0, 50).queue_id;
    const auto endless = job_of(Spinner(file).packet());
    const auto harmless = job_of(nop());
    const auto before = request(id, harmless);
    const auto guilty = request(id, endless);
    ring.add(file, &before, 1);
    ring.add(file, &guilty, 2);
    ring.add(file, &before, 3);
    ring.add(file, &before, 4);
    ring.submit();
    const std::array want{0, -ETIME, -ECANCELED, -ECANCELED};
    for (int i = 0; i < 4; ++i) {
        const auto done = ring.wait();
        assert_int_equal(done.result, want[done.tag - 1]);
    }
}

void bad_arguments_are_refused(void **) {
    const File file;
    Ring ring(0);
    const auto id = file.queue().queue_id;
    const auto packets = job_of(nop());
    const auto good = request(id, packets);
    const auto result = [&](const drm_neuron_submit *request, std::uint32_t cmd_op, std::uint64_t pad) {
        ring.add(file, request, 1, 0, cmd_op, pad);
        ring.submit();
        return ring.wait().result;
    };
    assert_int_equal(result(&good, DRM_NEURON_URING_SUBMIT + 1, 0), -ENOTTY);
    assert_int_equal(result(&good, DRM_NEURON_URING_SUBMIT, 1), -EINVAL);
    assert_int_equal(result(nullptr, DRM_NEURON_URING_SUBMIT, 0), -EFAULT);
    auto args = good;
    args.queue_id = 4711;
    assert_int_equal(result(&args, DRM_NEURON_URING_SUBMIT, 0), -ENOENT);
    args = good;
    args.flags = 1;
    assert_int_equal(result(&args, DRM_NEURON_URING_SUBMIT, 0), -EINVAL);
    args = good;
    args.packets.count = 0;
    assert_int_equal(result(&args, DRM_NEURON_URING_SUBMIT, 0), -EINVAL);
    assert_int_equal(result(&good, DRM_NEURON_URING_SUBMIT, 0), 0);
}

void batch_completes_whole(void **) {
    const File file;
    Ring ring(0, 256);
    const auto id = file.queue(10).queue_id;
    const auto packets = nops(2);
    const auto args = request(id, packets);
    for (int round = 0; round < 20; ++round) {
        for (std::uint64_t tag = 0; tag < 200; ++tag)
            ring.add(file, &args, tag);
        ring.submit();
        for (int i = 0; i < 200; ++i)
            assert_int_equal(ring.wait().result, 0);
    }
    assert_int_equal(file.state(id).completed, 4000);
}

// The ring has room for 16 packets and the batch brings 400: most commands are issued again by a worker.
void commands_that_must_sleep_go_to_a_worker(void **) {
    const File file;
    Ring ring(0, 256);
    const auto id = file.queue(4).queue_id;
    const auto packets = nops(8);
    const auto args = request(id, packets);
    for (std::uint64_t tag = 0; tag < 50; ++tag)
        ring.add(file, &args, tag);
    ring.submit();
    for (int i = 0; i < 50; ++i)
        assert_int_equal(ring.wait().result, 0);
}

void command_waits_for_its_syncs(void **) {
    const File file;
    Ring ring(0);
    const auto producer = file.queue();
    const auto consumer = file.queue().queue_id;
    assert_int_equal(file.submit(producer.queue_id, job_of(Spinner(file).packet())), 0);
    const std::array syncs{drm_neuron_sync{.flags = DRM_NEURON_SYNC_WAIT, .handle = producer.syncobj, .point = 1}};
    const auto packets = job_of(nop());
    const auto args = request(consumer, packets, syncs);
    ring.add(file, &args, 1);
    ring.submit();
    assert_int_equal(file.state(consumer).submitted, 0);
    assert_int_equal(file.destroy(producer.queue_id), 0);
    assert_int_equal(ring.wait().result, 0);
}

void linked_commands_stop_at_the_first_error(void **) {
    const File file;
    Ring ring(0);
    const auto id = file.queue().queue_id;
    const auto bad = job_of(fill(0x7000000000, 8, 1));
    const auto good = job_of(nop());
    const auto first = request(id, bad);
    const auto second = request(id, good);
    ring.add(file, &first, 1, IOSQE_IO_LINK);
    ring.add(file, &second, 2);
    ring.submit();
    for (int i = 0; i < 2; ++i) {
        const auto done = ring.wait();
        assert_int_equal(done.result, done.tag == 1 ? -EIO : -ECANCELED);
    }
    assert_int_equal(file.state(id).submitted, 1);
}

void closing_the_ring_cancels_at_once_and_the_job_goes_on(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto packets = job_of(Spinner(file).packet());
    const auto args = request(id, packets);
    {
        Ring ring(0);
        ring.add(file, &args, 1);
        ring.submit();
    }
    assert_int_equal(file.state(id).submitted, 1);
    assert_int_equal(file.wait(id, 1, nullptr, std::chrono::milliseconds(50)), -ETIME);
    assert_int_equal(file.destroy(id), 0);
}

void closing_the_ring_frees_commands_that_sleep_in_a_worker(void **) {
    const File file;
    const auto id = file.queue(4).queue_id;
    const auto spin = job_of(Spinner(file).packet());
    const auto many = nops(8);
    const auto first = request(id, spin);
    const auto rest = request(id, many);
    {
        Ring ring(0);
        ring.add(file, &first, 1);
        for (std::uint64_t tag = 2; tag < 8; ++tag)
            ring.add(file, &rest, tag);
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
        Ring ring(0, 2);
        const File file(fd);
        const auto packets = job_of(Spinner(file).packet());
        const auto args = request(file.queue().queue_id, packets);
        ring.add(file, &args, 1);
        ring.submit();
    }
}

void ring_and_file_may_close_in_any_order(void **) {
    for (const bool file_first : {true, false}) {
        auto file = std::make_unique<File>();
        auto ring = std::make_unique<Ring>(0);
        const auto packets = job_of(Spinner(*file).packet());
        const auto args = request(file->queue().queue_id, packets);
        ring->add(*file, &args, 1);
        ring->submit();
        if (file_first)
            file.reset();
        ring.reset();
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(job_completes_with_small_entries),
        cmocka_unit_test(job_completes_with_large_submissions),
        cmocka_unit_test(job_completes_with_large_completions),
        cmocka_unit_test(job_completes_with_all_that_the_library_uses),
        cmocka_unit_test(job_completes_from_the_polling_thread),
        cmocka_unit_test(completion_comes_when_the_job_is_done_not_before),
        cmocka_unit_test(fault_is_the_result),
        cmocka_unit_test(each_command_gets_the_result_of_its_job),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(batch_completes_whole),
        cmocka_unit_test(commands_that_must_sleep_go_to_a_worker),
        cmocka_unit_test(command_waits_for_its_syncs),
        cmocka_unit_test(linked_commands_stop_at_the_first_error),
        cmocka_unit_test(closing_the_ring_cancels_at_once_and_the_job_goes_on),
        cmocka_unit_test(closing_the_ring_frees_commands_that_sleep_in_a_worker),
        cmocka_unit_test(rings_that_go_away_give_their_files_back),
        cmocka_unit_test(ring_and_file_may_close_in_any_order),
    };
    return cmocka_run_group_tests_name("kmod uring", tests, nullptr, nullptr);
}
