// SPDX-License-Identifier: MIT
// Things that go away while they are used: files, processes, the device.

#include "machine.hpp"
#include "watched.hpp"

#include <atomic>
#include <cerrno>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <liburing.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace kmod;

namespace {

constexpr std::uint64_t MIB = 1 << 20;

void rebind(const std::string &name) { bind_driver(name); }

void close_with_jobs_in_flight(void **) {
    for (int i = 0; i < 20; ++i) {
        const File file;
        const auto busy = file.queue().queue_id;
        const auto va = file.bind(file.host(8 * MIB));
        assert_int_equal(file.submit(busy, job_of(fill(va, 4 * MIB, 1), Spinner(file).packet())), 0);
        assert_int_equal(file.submit(file.queue().queue_id, job_of(fill(va + 4 * MIB, 4 * MIB, 2))), 0);
    }
    device_works();
}

void process_dies_with_jobs_in_flight(void **) {
    const pid_t child = ::fork();
    if (child == 0) {
        const File file;
        const auto id = file.queue().queue_id;
        file.submit(id, job_of(Spinner(file).packet()));
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(::waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    device_works();
}

void unbind_fails_jobs_and_keeps_mappings_readable(void **) {
    const std::string name = pci_name();
    {
        const File file;
        const auto id = file.queue().queue_id;
        const auto host = file.host(4096);
        const Mapping host_memory(file, host);
        const Mapping hbm_memory(file, file.hbm(4096));
        file.bind(host);
        host_memory.words()[0] = 1;
        hbm_memory.words()[0] = 2;
        std::uint64_t seqno = 0;
        assert_int_equal(file.submit(id, job_of(Spinner(file).packet()), &seqno), 0);
        int status = 0;
        int ret = 0;
        std::thread waiter([&] { ret = file.wait(id, seqno, &status, LONG); });
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        unbind(name);
        waiter.join();
        assert_int_equal(ret, 0);
        assert_int_equal(status, -ENODEV);
        assert_int_equal(file.submit(id, job_of(nop())), -ENODEV);
        drm_neuron_queue_create create{};
        assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &create), -ENODEV);
        assert_int_equal(host_memory.words()[0], 1);
        assert_int_equal(hbm_memory.words()[0], 0);
        hbm_memory.words()[0] = 3;
        rebind(name);
        device_works();
        assert_int_equal(hbm_memory.words()[0], 3);
    }
    device_works();
}

void unbind_completes_uring_commands(void **) {
    const std::string name = pci_name();
    const File file;
    const auto packets = job_of(Spinner(file).packet());
    drm_neuron_submit args{};
    args.queue_id = file.queue().queue_id;
    args.packets = {.stride = sizeof(Packet), .count = 1, .ptr = reinterpret_cast<std::uintptr_t>(packets.data())};
    io_uring ring{};
    assert_int_equal(io_uring_queue_init(4, &ring, 0), 0);
    io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    assert_non_null(sqe);
    std::memset(static_cast<void *>(sqe), 0, sizeof(*sqe));
    sqe->opcode = IORING_OP_URING_CMD;
    sqe->fd = file.fd();
    sqe->cmd_op = DRM_NEURON_URING_SUBMIT;
    const drm_neuron_uring_submit payload{.ptr = reinterpret_cast<std::uintptr_t>(&args), .pad = 0};
    std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
    assert_int_equal(io_uring_submit(&ring), 1);
    unbind(name);
    io_uring_cqe *cqe = nullptr;
    __kernel_timespec limit{.tv_sec = 20, .tv_nsec = 0};
    assert_int_equal(io_uring_wait_cqe_timeout(&ring, &cqe, &limit), 0);
    assert_int_equal(cqe->res, -ENODEV);
    io_uring_queue_exit(&ring);
    rebind(name);
    device_works();
}

// All that a process can hold on to, at once: mappings, a command in flight, waits, events, attributes.
void everything_is_used_while_the_device_goes(const std::function<void()> &go, const std::function<void()> &come_back) {
    const std::string path = pci_path();
    {
        const File file;
        const auto host = file.host(MIB);
        const Mapping host_memory(file, host);
        const Mapping hbm_memory(file, file.hbm(MIB));
        file.bind(host);
        host_memory.words()[0] = 1;
        hbm_memory.words()[0] = 2;
        assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET), 0);
        assert_int_equal(file.run(file.queue().queue_id, job_of(fill(0x7000000000, 8, 1))), -EIO);
        PendingCommand command(file);
        const auto id = file.queue().queue_id;
        std::uint64_t seqno = 0;
        assert_int_equal(file.submit(id, job_of(Spinner(file).packet()), &seqno), 0);

        // In threads of their own: the end of the command interrupts whoever submitted it, and nothing can be repeated.
        int status = 1;
        int ret = 1;
        std::thread waiter([&] { ret = file.wait(id, seqno, &status, LONG); });
        std::atomic<bool> stop = false;
        std::thread reader([&] {
            while (!stop)
                for (const char *name : {"/device_state", "/ras/faults", "/watchdog/stop_ms"})
                    read_file(path + name);
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        go();
        assert_int_equal(command.result(), -ENODEV);
        waiter.join();
        assert_int_equal(ret, 0);
        assert_int_equal(status, -ENODEV);
        stop = true;
        reader.join();
        assert_int_equal(host_memory.words()[0], 1);
        hbm_memory.words()[0] = 3;

        come_back();
        device_works();
        assert_int_equal(hbm_memory.words()[0], 3);
        // What has come before the device went can still be read.
        assert_true(next_event(file).has_value());
        assert_false(next_event(file).has_value());
        assert_int_equal(event_mask(file, 0), -ENODEV);
    }
    device_works();
}

void everything_is_used_while_the_driver_is_unbound(void **) {
    const std::string name = pci_name();
    everything_is_used_while_the_device_goes([&] { unbind(name); }, [&] { rebind(name); });
}

void everything_is_used_while_the_function_is_removed(void **) {
    const std::string path = pci_path();
    everything_is_used_while_the_device_goes(
        [&] {
            assert_int_equal(write_file(path + "/remove", "1"), 0);
            assert_true(wait_for_node(false));
        },
        [] {
            assert_int_equal(write_file("/sys/bus/pci/rescan", "1"), 0);
            assert_true(wait_for_node(true));
        });
}

// Files of a device that was removed are closed while its successor is in use.
void files_close_after_the_device_came_back(void **) {
    const std::string name = pci_name();
    std::vector<File> files(8);
    for (const File &file : files) {
        file.bind(file.host(3 * MIB));
        file.bind(file.hbm(3 * MIB));
        assert_int_equal(file.submit(file.queue().queue_id, job_of(Spinner(file).packet())), 0);
    }
    unbind(name);
    rebind(name);
    const File current;
    const auto id = current.queue().queue_id;
    while (!files.empty()) {
        files.pop_back();
        assert_int_equal(current.run(id, job_of(nop())), 0);
    }
}

// With an IOMMU the function's domain is gone when the files are closed: nothing may be left to unmap.
void files_close_after_the_function_was_removed(void **) {
    const std::string path = pci_path();
    {
        const File file;
        const auto host = file.host(3 * MIB);
        const Mapping memory(file, host);
        file.bind(host);
        file.bind(file.hbm(3 * MIB));
        assert_int_equal(file.submit(file.queue().queue_id, job_of(Spinner(file).packet())), 0);
        assert_int_equal(write_file(path + "/remove", "1"), 0);
        assert_true(wait_for_node(false));
        memory.words()[0] = 1;
    }
    assert_int_equal(write_file("/sys/bus/pci/rescan", "1"), 0);
    assert_true(wait_for_node(true));
    device_works();
}

void threads_hammer_while_the_device_goes(void **) {
    const std::string name = pci_name();
    for (int round = 0; round < 5; ++round) {
        const File file;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                drm_neuron_queue_create queue{};
                while (!file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue)) {
                    std::uint64_t seqno = 0;
                    for (int job = 0; job < 20 && !file.submit(queue.queue_id, nops(3), &seqno); ++job)
                        file.wait(queue.queue_id, seqno, nullptr, std::chrono::milliseconds(5));
                    file.destroy(queue.queue_id);
                }
            });
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        unbind(name);
        for (auto &thread : threads)
            thread.join();
        rebind(name);
    }
    device_works();
}

void function_reset_loses_queues_and_contexts_go_on(void **) {
    const std::string path = pci_path();
    const File file;
    const auto handle = file.host(4096);
    const auto va = file.bind(handle);
    const auto before = file.query().reset_count;
    const auto id = file.queue().queue_id;
    const auto idle = file.queue().queue_id;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    assert_int_equal(write_file(path + "/reset", "1"), 0);
    int status = 0;
    assert_int_equal(file.wait(id, 1, &status, LONG), 0);
    assert_int_equal(status, -ECANCELED);
    assert_int_equal(file.state(id).state, DRM_NEURON_QUEUE_LOST);
    assert_int_equal(file.state(idle).state, DRM_NEURON_QUEUE_LOST);
    assert_int_equal(file.submit(idle, job_of(nop())), -EIO);
    assert_int_equal(file.query().reset_count, before + 1);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, 4096, 5))), 0);
    assert_int_equal(Mapping(file, handle).words()[0], 5);
}

// Everything that talks to the device meets a reset somewhere on its way, and memory is zero all the same.
void threads_hammer_while_the_function_is_reset(void **) {
    const std::string path = pci_path();
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::atomic<int> dirty = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                const File file;
                drm_neuron_bo_create create{};
                create.size = MIB;
                create.placement = DRM_NEURON_PLACE_HBM;
                create.flags = DRM_NEURON_BO_MAPPABLE;
                create.bank = DRM_NEURON_BO_ANY_BANK;
                while (const int ret = file.call(DRM_IOCTL_NEURON_BO_CREATE, &create))
                    wrong += ret != -EAGAIN;
                const auto va = file.bind(create.handle);
                drm_neuron_queue_create queue{};
                wrong += file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue) != 0;
                file.submit(queue.queue_id, job_of(fill(va, MIB, 1)));
                wrong += file.unbind(va, MIB) != 0;
                const Mapping memory(file, create.handle);
                for (std::size_t word = 0; word < MIB / 8; word += 512) {
                    // All ones is what memory behind a function reads as that is away.
                    const auto value = memory.words()[word];
                    if (value > 1 && value != ~std::uint64_t{0})
                        ++dirty;
                    memory.words()[word] = 1;
                }
            }
        });
    }
    for (int i = 0; i < 10; ++i)
        assert_int_equal(write_file(path + "/reset", "1"), 0);
    stop = true;
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    assert_int_equal(dirty, 0);
    device_works();
    // The job may still have run when its memory was unbound.
    forget_reports("USE_AFTER_UNMAP");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(close_with_jobs_in_flight),
        cmocka_unit_test(process_dies_with_jobs_in_flight),
        cmocka_unit_test(unbind_fails_jobs_and_keeps_mappings_readable),
        cmocka_unit_test(unbind_completes_uring_commands),
        cmocka_unit_test(everything_is_used_while_the_driver_is_unbound),
        cmocka_unit_test(everything_is_used_while_the_function_is_removed),
        cmocka_unit_test(files_close_after_the_device_came_back),
        cmocka_unit_test(files_close_after_the_function_was_removed),
        cmocka_unit_test(threads_hammer_while_the_device_goes),
        cmocka_unit_test(function_reset_loses_queues_and_contexts_go_on),
        cmocka_unit_test(threads_hammer_while_the_function_is_reset),
    };
    return cmocka_run_group_tests_name("kmod lifetime", tests, nullptr, nullptr);
}
