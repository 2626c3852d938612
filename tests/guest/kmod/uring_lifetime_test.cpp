// SPDX-License-Identifier: MIT
// Commands of every kind are in flight when something goes away: the device, the process, the ring.

#include "memory.hpp"
#include "monitor.hpp"
#include "ring.hpp"

#include <atomic>
#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace kmod;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t PAGE = 4096;
constexpr std::uint32_t AN_HOUR = 3600000; ///< no watchdog helps

/// A command of every kind, on every kind of ring, none of which ends by itself.
class Load {
public:
    Load() {
        for (const RingKind &kind : RING_KINDS)
            if (may_close_in_flight(kind.flags))
                start(*rings_.emplace_back(std::make_unique<Ring>(kind.flags)));
        polls_.add_inline(file_, polled_, Spinner(file_).packet(), 1);
        const auto packets = job_of(nop());
        polled_args_ = request(polled_, packets);
        polled_packets_ = packets;
        polled_args_.packets.ptr = reinterpret_cast<std::uintptr_t>(polled_packets_.data());
        polls_.add_submit(file_, &polled_args_, 2);
        polls_.submit();
        while (file_.state(polled_).submitted < 2 || file_.state(id_).submitted < expected_)
            std::this_thread::yield();
    }

    /// Every command ends with the error, once.
    void expect(int error) {
        for (auto &ring : rings_)
            while (ring->in_flight())
                assert_int_equal(ring->wait().result, error);
        while (polls_.in_flight())
            assert_int_equal(polls_.wait().result, error);
        for (auto &ring : rings_)
            assert_true(ring->empty());
        assert_true(polls_.empty());
    }

    const File &file() const { return file_; }
    std::uint32_t id() const { return id_; }
    std::vector<std::unique_ptr<Ring>> &rings() { return rings_; }

private:
    void start(Ring &ring) {
        if (!expected_) {
            assert_int_equal(file_.submit(id_, job_of(Spinner(file_).packet())), 0);
            expected_ = 1;
        }
        const iovec registered{.iov_base = memory_.data(), .iov_len = memory_.bytes().size()};
        assert_int_equal(io_uring_register_buffers(ring.get(), &registered, 1), 0);
        args_.push_back(std::make_unique<drm_neuron_submit>(request(id_, packets_)));
        ring.add_submit(file_, args_.back().get(), 1);
        ring.add_wait(file_, id_, 1, 2);
        ring.add_wait(file_, id_, 1, 3, deadline(std::chrono::hours(1)));
        ring.add_dma(file_, id_, 0, memory_.data(), 4 * PAGE, target_.va, 4);
        io_uring_sqe *fixed = ring.add_dma(file_, id_, DRM_NEURON_DMA_FROM_DEVICE, memory_.data(), PAGE, target_.va, 5);
        fixed->rw_flags = IORING_URING_CMD_FIXED;
        expected_ += 3;
        if (ring.flags() & IORING_SETUP_SQE128) {
            ring.add_inline(file_, id_, nop(), 6);
            ++expected_;
        }
        ring.submit();
    }

    File file_;
    std::uint32_t id_ = file_.queue(0, AN_HOUR).queue_id;
    std::uint32_t polled_ = file_.queue(0, AN_HOUR, DRM_NEURON_QUEUE_POLLED).queue_id;
    Target target_{file_, 4 * PAGE};
    Memory memory_{4 * PAGE};
    std::vector<Packet> packets_ = nops(2);
    std::array<Packet, 1> polled_packets_{};
    drm_neuron_submit polled_args_{};
    std::vector<std::unique_ptr<drm_neuron_submit>> args_;
    std::uint64_t expected_ = 0;
    std::vector<std::unique_ptr<Ring>> rings_;
    Ring polls_{IORING_SETUP_IOPOLL | IORING_SETUP_SQE128};
};

void device_works() {
    const File file;
    const Memory memory(PAGE);
    const Target target(file, PAGE);
    assert_int_equal(file.run_dma(file.queue().queue_id, 0, memory.data(), PAGE, target.va), 0);
}

/// References that keep the module in memory.
int module_references() {
    int count = -1;
    std::ifstream("/sys/module/neuron_accel/refcnt") >> count;
    return count;
}

void expect_no_reference() {
    for (int i = 0; i < 2000 && module_references() > 0; ++i) // rings are torn down in the background
        std::this_thread::sleep_for(milliseconds(10));
    assert_int_equal(module_references(), 0);
    assert_true(wait_until_unpinned());
}

void destroying_the_queue_ends_them(void **) {
    {
        Load load;
        assert_int_equal(load.file().destroy(load.id()), 0);
        for (auto &ring : load.rings())
            while (ring->in_flight())
                assert_int_equal(ring->wait().result, -ECANCELED);
    }
    expect_no_reference();
}

void fault_of_the_context_ends_them(void **) {
    {
        Load load;
        assert_int_equal(load.file().run(load.file().queue().queue_id, job_of(fill(0x7000000000, 8, 1))), -EIO);
        load.expect(-ECANCELED);
    }
    expect_no_reference();
}

void function_reset_ends_them(void **) {
    {
        Load load;
        assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
        load.expect(-ECANCELED);
    }
    expect_no_reference();
    device_works();
}

void unbind_ends_them(void **) {
    const std::string name = pci_name();
    {
        Load load;
        assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
        load.expect(-ENODEV);
        Ring ring(IORING_SETUP_SQE128);
        ring.add_inline(load.file(), load.id(), nop(), 1);
        assert_int_equal(ring.result(), -ENODEV);
        ring.add_wait(load.file(), load.id(), 1, 1);
        assert_int_equal(ring.result(), -ENODEV);
    }
    expect_no_reference();
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
    assert_true(wait_for_node(true));
    device_works();
}

void unplug_ends_them(void **) {
    needs_unplug();
    {
        Load load;
        unplug();
        load.expect(-ENODEV);
        plug();
    }
    expect_no_reference();
    device_works();
}

void closing_everything_ends_them(void **) {
    for (int i = 0; i < 3; ++i)
        Load();
    expect_no_reference();
    device_works();
}

void process_is_killed_with_them(void **) {
    const pid_t child = ::fork();
    if (child == 0) {
        Load load;
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(::waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    expect_no_reference();
    device_works();
}

void process_exits_with_them(void **) {
    const pid_t child = ::fork();
    if (child == 0) {
        Load load;
        ::_exit(0);
    }
    int status = 0;
    assert_int_equal(::waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_no_reference();
    device_works();
}

// exec cancels what the process has in flight, before the new program runs.
void process_executes_another_program_with_them(void **) {
    const pid_t child = ::fork();
    if (child == 0) {
        const File file;
        const auto id = file.queue(0, AN_HOUR).queue_id;
        file.submit(id, job_of(Spinner(file).packet()));
        Ring ring(IORING_SETUP_SQE128);
        ring.add_inline(file, id, nop(), 1);
        ring.add_wait(file, id, 1, 2, deadline(std::chrono::hours(1)));
        const Memory memory(PAGE);
        const Target target(file, PAGE);
        ring.add_dma(file, id, 0, memory.data(), PAGE, target.va, 3);
        ring.submit();
        ::execl("/bin/true", "true", nullptr);
        ::_exit(1);
    }
    int status = 0;
    assert_int_equal(::waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_no_reference();
}

// The ring of a process outlives it in another one, which has never submitted anything.
void ring_is_inherited(void **) {
    Ring ring(IORING_SETUP_SQE128);
    auto file = std::make_unique<File>();
    const auto id = file->queue(0, AN_HOUR).queue_id;
    ring.add_inline(*file, id, Spinner(*file).packet(), 1);
    ring.add_wait(*file, id, 1, 2);
    ring.submit();
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(0); // drops its references to ring and file, no more
    assert_int_equal(::waitpid(child, nullptr, 0), child);
    assert_true(ring.empty());
    assert_int_equal(file->destroy(id), 0);
    assert_int_equal(ring.wait().result, -ECANCELED);
    assert_int_equal(ring.wait().result, -ECANCELED);
    file.reset();
    ring.close();
    expect_no_reference();
}

void threads_submit_while_the_device_goes_and_comes_back(void **) {
    const std::string name = pci_name();
    for (int round = 0; round < 4; ++round) {
        const File file;
        const auto id = file.queue(6).queue_id;
        const Target target(file, 16 * PAGE);
        std::atomic<int> wrong = 0;
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 3; ++thread) {
            threads.emplace_back([&, thread] {
                Ring ring(thread ? IORING_SETUP_SQE128
                                 : IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
                const Memory memory(16 * PAGE);
                for (bool gone = false; !gone;) {
                    for (std::uint64_t i = 0; i < 8; ++i) {
                        ring.add_inline(file, id, nop(), 4 * i);
                        ring.add_dma(file, id, i % 2, memory.data(), 4 * PAGE, target.va, 4 * i + 1);
                        ring.add_wait(file, id, 1, 4 * i + 2, deadline(milliseconds(50)));
                    }
                    ring.submit();
                    while (ring.in_flight()) {
                        const int result = ring.wait().result;
                        gone |= result == -ENODEV || result == -EIO || result == -ECANCELED;
                        // EINVAL: job 1 has not been submitted yet.
                        wrong += result != 0 && result != -ENODEV && result != -EIO && result != -ECANCELED &&
                                 result != -EINVAL && result != -ETIME;
                    }
                }
            });
        }
        std::this_thread::sleep_for(milliseconds(100));
        if (round % 2) {
            assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
        } else {
            assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
            assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
            assert_true(wait_for_node(true));
        }
        for (auto &thread : threads)
            thread.join();
        assert_int_equal(wrong, 0);
    }
    expect_no_reference();
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(destroying_the_queue_ends_them),
        cmocka_unit_test(fault_of_the_context_ends_them),
        cmocka_unit_test(function_reset_ends_them),
        cmocka_unit_test(unbind_ends_them),
        cmocka_unit_test(unplug_ends_them),
        cmocka_unit_test(closing_everything_ends_them),
        cmocka_unit_test(process_is_killed_with_them),
        cmocka_unit_test(process_exits_with_them),
        cmocka_unit_test(process_executes_another_program_with_them),
        cmocka_unit_test(ring_is_inherited),
        cmocka_unit_test(threads_submit_while_the_device_goes_and_comes_back),
    };
    return cmocka_run_group_tests_name("kmod uring lifetime", tests, nullptr, nullptr);
}
