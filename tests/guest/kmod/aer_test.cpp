// SPDX-License-Identifier: MIT
// The link: errors that it reports, and a device that stops answering. After each the next job runs, without a reboot.

#include "machine.hpp"
#include "monitor.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace kmod;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t MIB = 1 << 20;

std::string attribute(const std::string &name) { return pci_path() + "/" + name; }

std::string state_of_device() { return read_file(attribute("device_state")); }

void inject(const char *error) { Monitor().human(std::string("pcie_aer_inject_error ") + QEMU_ID + " " + error); }

struct Running {
    std::uint32_t queue_id;
    std::uint64_t seqno;
};

Running spin(const File &file, std::uint32_t timeout_ms = 60000) {
    Running job{.queue_id = file.queue(0, timeout_ms).queue_id, .seqno = 0};
    assert_int_equal(file.submit(job.queue_id, job_of(Spinner(file).packet()), &job.seqno), 0);
    return job;
}

int result(const File &file, const Running &job) {
    int status = 1;
    assert_int_equal(file.wait(job.queue_id, job.seqno, &status, LONG), 0);
    return status;
}

bool runs(const File &file, const Running &job) {
    return file.wait(job.queue_id, job.seqno, nullptr, 50ms) == -ETIME &&
           file.state(job.queue_id).state == DRM_NEURON_QUEUE_OK;
}

// ---- errors of the link ----

void error_that_was_corrected_is_counted(void **) {
    const File file;
    const auto before = ras_of(file);
    const auto job = spin(file);
    inject("BAD_TLP");
    assert_true(wait_until([&] { return ras_of(file).aer_corrected == before.aer_corrected + 1; }));
    assert_true(runs(file, job));
    assert_int_equal(ras_of(file).aer_fatal, before.aer_fatal);
    assert_int_equal(ras_of(file).resets, before.resets);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

void error_that_is_not_fatal_stops_nothing(void **) {
    const File file;
    const auto before = ras_of(file);
    const auto job = spin(file);
    inject("COMP_TIME");
    assert_true(wait_until([&] { return ras_of(file).aer_corrected == before.aer_corrected + 1; }));
    assert_true(runs(file, job));
    assert_int_equal(ras_of(file).aer_fatal, before.aer_fatal);
    assert_int_equal(ras_of(file).resets, before.resets);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

// The slot is reset: jobs are lost, files, buffers and mappings stay.
void fatal_error_loses_jobs_and_the_files_go_on(void **) {
    const File file;
    const auto handle = file.host(4096);
    const auto va = file.bind(handle);
    const auto hbm = file.hbm(4096);
    const Mapping memory(file, hbm);
    memory.words()[0] = 1;
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_RESET), 0);
    for (int round = 0; round < 3; ++round) {
        const auto before = ras_of(file);
        const auto job = spin(file);
        inject("MALF_TLP");
        assert_int_equal(result(file, job), -ECANCELED);
        assert_int_equal(file.state(job.queue_id).state, DRM_NEURON_QUEUE_LOST);
        const auto event = next_event(file, LONG);
        assert_true(event && event->type == (DRM_NEURON_EVENT_TYPE | DRM_NEURON_EVENT_RESET));
        assert_int_equal(ras_of(file).aer_fatal, before.aer_fatal + 1);
        assert_int_equal(ras_of(file).aer_corrected, before.aer_corrected);
        assert_int_equal(ras_of(file).resets, before.resets + 1);
        assert_string_equal(state_of_device().c_str(), "ready");
        assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, 4096, 5))), 0);
        assert_int_equal(Mapping(file, handle).words()[0], 5);
        assert_int_equal(memory.words()[0], 0);
        memory.words()[0] = 1;
    }
    assert_true(wait_until([] { return read_file(attribute("device_state")) == "ready"; }));
    device_works();
}

// No call may get stuck, and none may succeed without effect.
void fatal_error_meets_a_storm_of_calls(void **) {
    const std::string path = node();
    const File observer;
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                const File file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
                drm_neuron_bo_create create{};
                create.size = 4096;
                create.placement = DRM_NEURON_PLACE_HBM;
                create.bank = DRM_NEURON_BO_ANY_BANK;
                while (const int ret = file.call(DRM_IOCTL_NEURON_BO_CREATE, &create))
                    wrong += ret != -EAGAIN;
                drm_neuron_queue_create queue{};
                wrong += file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue) != 0;
                std::uint64_t seqno = 0;
                if (file.submit(queue.queue_id, nops(2), &seqno) == 0) {
                    int status = 1;
                    wrong += file.wait(queue.queue_id, seqno, &status, LONG) != 0;
                    wrong += status != 0 && status != -ECANCELED;
                }
            }
        });
    }
    for (int round = 0; round < 2; ++round) {
        const auto resets = ras_of(observer).resets;
        inject("DLP");
        assert_true(wait_until([&] { return ras_of(observer).resets == resets + 1; }));
    }
    stop = true;
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    device_works();
}

// ---- a device that does not answer ----

/// While it exists all reads are all ones: the device has been pulled out, and nobody was told. When it comes back it has
/// lost everything, its place on the bus included, so the kernel has to find it again.
class PulledOut {
public:
    PulledOut() : path_(pci_path()) {}
    ~PulledOut() { put_back(); }
    PulledOut(PulledOut &&) = delete;
    void put_back() {
        if (!std::exchange(out_, false))
            return;
        write_file(path_ + "/remove", "1");
        gone_.end();
        write_file("/sys/bus/pci/rescan", "1");
        if (!wait_for_node(true))
            fail_msg("the device does not come back");
    }

private:
    std::string path_;
    bool out_ = true;
    Misbehaviour gone_{"gone"};
};

void device_that_left_fails_its_jobs_at_once(void **) {
    const File file;
    const File other;
    const auto busy = spin(file);
    const auto idle = other.queue().queue_id;
    const auto va = file.bind(file.host(MIB));
    const auto before = std::chrono::steady_clock::now();
    PulledOut out;
    assert_int_equal(result(file, busy), -ENODEV);
    assert_int_equal(file.state(busy.queue_id).state, DRM_NEURON_QUEUE_LOST);
    assert_string_equal(state_of_device().c_str(), "gone");
    // Nobody waits for a register any more, whatever is called.
    assert_int_equal(other.submit(idle, job_of(nop())), -EIO);
    drm_neuron_queue_create queue{};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue), -ENODEV);
    drm_neuron_bo_create create{};
    create.size = 4096;
    create.placement = DRM_NEURON_PLACE_HBM;
    create.bank = DRM_NEURON_BO_ANY_BANK;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_BO_CREATE, &create), -ENODEV);
    assert_int_equal(file.unbind(va, MIB), 0);
    assert_int_equal(other.destroy(idle), 0);
    assert_int_equal(file.destroy(busy.queue_id), 0);
    assert_int_equal(file.query().clock_ns, 0);
    ras_of(file);
    assert_true(std::chrono::steady_clock::now() - before < 5s);

    out.put_back();
    assert_string_equal(state_of_device().c_str(), "ready");
    device_works();
}

// Nobody has a job: the first call that asks something of the device finds out.
void calls_find_out_that_the_device_left(void **) {
    const auto find_out = [](const auto &call) {
        const File file;
        const auto id = file.queue().queue_id;
        const auto va = file.bind(file.host(MIB));
        const PulledOut out;
        const auto before = std::chrono::steady_clock::now();
        call(file, id, va);
        assert_string_equal(state_of_device().c_str(), "gone");
        assert_true(std::chrono::steady_clock::now() - before < 2s);
    };
    find_out([](const File &file, std::uint32_t id, std::uint64_t) { assert_int_equal(file.destroy(id), 0); });
    find_out([](const File &file, std::uint32_t, std::uint64_t va) { assert_int_equal(file.unbind(va, MIB), 0); });
    find_out([](const File &file, std::uint32_t, std::uint64_t) {
        drm_neuron_bo_create create{};
        create.size = 4096;
        create.placement = DRM_NEURON_PLACE_HBM;
        create.bank = DRM_NEURON_BO_ANY_BANK;
        assert_int_equal(file.call(DRM_IOCTL_NEURON_BO_CREATE, &create), -ENODEV);
    });
    {
        const PulledOut out;
        // The context's own end.
        { const File file; }
        assert_string_equal(state_of_device().c_str(), "gone");
    }
    device_works();
}

// Remove goes through as quickly, and ends what is in flight.
void driver_of_a_device_that_left_is_unbound(void **) {
    const std::string name = pci_name();
    const File file;
    PendingCommand command(file);
    {
        const PulledOut out;
        const auto before = std::chrono::steady_clock::now();
        unbind(name);
        assert_true(std::chrono::steady_clock::now() - before < 5s);
        assert_int_equal(command.result(), -ENODEV);
    }
    device_works();
}

// ---- hot unplug ----

// Everything that a process can hold on to: files, mappings, commands in flight, events.
void device_is_unplugged_while_it_is_used(void **) {
    needs_unplug();
    Monitor monitor;
    {
        const File file;
        const auto host = file.host(MIB);
        const Mapping host_memory(file, host);
        const Mapping hbm_memory(file, file.hbm(MIB));
        file.bind(host);
        host_memory.words()[0] = 1;
        hbm_memory.words()[0] = 2;
        assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET), 0);
        PendingCommand command(file);
        const auto job = spin(file);
        // In a thread of its own: the command's completion would interrupt it, and no call can be repeated then.
        int ret = 1;
        int status = 1;
        std::thread waiter([&] { ret = file.wait(job.queue_id, job.seqno, &status, LONG); });
        std::this_thread::sleep_for(50ms);
        monitor.succeed("device_del", R"({"id": "npu0"})");
        assert_int_equal(command.result(), -ENODEV);
        waiter.join();
        assert_int_equal(ret, 0);
        assert_int_equal(status, -ENODEV);
        assert_true(wait_for_node(false));
        assert_int_equal(host_memory.words()[0], 1);
        hbm_memory.words()[0] = 3;
        assert_int_equal(hbm_memory.words()[0], 3);
        assert_int_equal(file.submit(job.queue_id, job_of(nop())), -ENODEV);
        drm_neuron_dev_query query{.type = DRM_NEURON_QUERY_RAS, .size = 0, .ptr = 0};
        assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &query), -ENODEV);
        // Its memory is still mapped here, so it may take until the end of the file until QEMU lets go of it.
    }
    assert_true(wait_until([&] { return try_plug(monitor).find("\"error\"") == std::string::npos; }));
    // The node is there a moment before it can be opened, and nobody waits for the driver in between.
    assert_true(wait_until([] {
        const int fd = ::open(node().c_str(), O_RDWR | O_CLOEXEC);
        ::close(fd);
        return fd >= 0;
    }));
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(error_that_was_corrected_is_counted),
        cmocka_unit_test(error_that_is_not_fatal_stops_nothing),
        cmocka_unit_test(fatal_error_loses_jobs_and_the_files_go_on),
        cmocka_unit_test(fatal_error_meets_a_storm_of_calls),
        cmocka_unit_test(device_that_left_fails_its_jobs_at_once),
        cmocka_unit_test(calls_find_out_that_the_device_left),
        cmocka_unit_test(driver_of_a_device_that_left_is_unbound),
        cmocka_unit_test(device_is_unplugged_while_it_is_used),
    };
    return cmocka_run_group_tests_name("kmod aer", tests, nullptr, nullptr);
}
