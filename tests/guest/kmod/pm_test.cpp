// SPDX-License-Identifier: MIT
// Power: who keeps the device awake, what wakes it, and what it still knows then.

#include "machine.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <unistd.h>

using namespace kmod;
using namespace std::chrono_literals;

namespace {

std::string attribute(const std::string &name) { return pci_path() + "/" + name; }

std::string runtime_status() { return read_file(attribute("power/runtime_status")); }

void await_sleep() {
    if (!wait_until([] { return runtime_status() == "suspended"; }))
        fail_msg("the device is %s", runtime_status().c_str());
    assert_string_equal(read_file(attribute("power_state")).c_str(), "D3hot");
    assert_string_equal(read_file(attribute("device_state")).c_str(), "sleeping");
}

int quick_sleep(void **state) {
    *state = new Attribute("power/autosuspend_delay_ms", "20");
    return 0;
}

int usual_sleep(void **state) {
    delete static_cast<Attribute *>(*state);
    return 0;
}

// ---- when nobody has it open ----

void device_sleeps_when_nobody_has_it_open(void **) {
    device_works();
    await_sleep();
    {
        const File file;
        assert_string_equal(runtime_status().c_str(), "active");
        assert_string_equal(read_file(attribute("device_state")).c_str(), "ready");
        assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
        std::this_thread::sleep_for(200ms);
        assert_string_equal(runtime_status().c_str(), "active");
    }
    await_sleep();
    for (int i = 0; i < 5; ++i) {
        device_works();
        await_sleep();
    }
}

// Sleeping and waking is no reset.
void device_keeps_its_state_in_its_sleep(void **) {
    const auto resets = File().query().reset_count;
    await_sleep();
    const File file;
    assert_int_equal(file.query().reset_count, resets);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(0x7000000000, 8, 1))), -EIO);
}

// A mapping, or a command in flight, is a file that is open.
void mappings_and_commands_keep_it_awake(void **) {
    {
        auto file = std::make_unique<File>();
        const Mapping memory(*file, file->hbm(4096));
        memory.words()[0] = 1;
        file.reset();
        std::this_thread::sleep_for(200ms);
        assert_string_equal(runtime_status().c_str(), "active");
        assert_int_equal(memory.words()[0], 1);
    }
    await_sleep();
    {
        auto file = std::make_unique<File>();
        PendingCommand command(*file);
        file.reset();
        std::this_thread::sleep_for(200ms);
        assert_string_equal(runtime_status().c_str(), "active");
    }
    await_sleep();
}

void attributes_do_not_wake_it(void **) {
    device_works();
    await_sleep();
    for (const char *name : {"ras/hbm_corrected", "ras/resets", "watchdog/timeout_ms", "device_state"})
        assert_true(read_file(attribute(name)).find('-') == std::string::npos);
    assert_string_equal(runtime_status().c_str(), "suspended");
}

void debugfs_does_not_wake_it(void **) {
    await_sleep();
    const auto text = read_file("/sys/kernel/debug/accel/" + pci_name() + "/device");
    assert_true(text.find("state=sleeping") != std::string::npos);
    assert_string_equal(runtime_status().c_str(), "suspended");
}

void reset_of_a_function_that_sleeps(void **) {
    await_sleep();
    assert_int_equal(write_file(attribute("reset"), "1"), 0);
    device_works();
    await_sleep();
}

// What it was told is lost with its power: it is told again, and user space learns of a reset.
void device_that_has_forgotten_everything_is_reset(void **) {
    const auto resets = File().query().reset_count;
    await_sleep();
    {
        const ConfigSpace config;
        const unsigned control = config.capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
        config.write(control, static_cast<std::uint16_t>(config.read(control) | PCI_EXP_DEVCTL_BCR_FLR));
        std::this_thread::sleep_for(100ms);
        assert_string_equal(runtime_status().c_str(), "suspended");
    }
    const File file;
    assert_int_equal(file.query().reset_count, resets + 1);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(0x7000000000, 8, 1))), -EIO);
    device_works();
}

void driver_comes_and_goes_while_it_sleeps(void **) {
    const std::string name = pci_name();
    const std::string path = pci_path();
    await_sleep();
    unbind(name);
    bind_driver(name);
    write_file(attribute("power/autosuspend_delay_ms"), "20");
    await_sleep();
    {
        const File file;
        unbind(name);
        bind_driver(name);
        device_works();
    }
    // The reference of a file that has outlived its driver must not keep its successor awake.
    write_file(attribute("power/autosuspend_delay_ms"), "20");
    await_sleep();
    assert_int_equal(write_file(path + "/remove", "1"), 0);
    assert_int_equal(write_file("/sys/bus/pci/rescan", "1"), 0);
    assert_true(wait_for_node(true));
    write_file(attribute("power/autosuspend_delay_ms"), "20");
    device_works();
    await_sleep();
}

void threads_open_and_close_while_it_falls_asleep(void **) {
    const std::string path = node();
    const Attribute delay("power/autosuspend_delay_ms", "0");
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 20; ++round) {
                const File file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
                drm_neuron_queue_create queue{};
                wrong += file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue) != 0;
                std::uint64_t seqno = 0;
                int status = 1;
                wrong += file.submit(queue.queue_id, nops(1), &seqno) != 0;
                wrong += file.wait(queue.queue_id, seqno, &status, LONG) != 0 || status != 0;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    await_sleep();
}

// ---- the whole system ----

/// The kernel's own test: all devices are suspended as for a real sleep, and resumed after a moment.
class SleepTest {
public:
    SleepTest() {
        write_file("/sys/module/suspend/parameters/pm_test_delay", "1");
        ready_ = write_file("/sys/power/pm_test", "platform") == 0;
        if (!ready_)
            skip();
    }
    ~SleepTest() { write_file("/sys/power/pm_test", "none"); }
    SleepTest(SleepTest &&) = delete;

    /// To idle, which leaves the device its power.
    int freeze() const { return write_file("/sys/power/state", "freeze"); }
    /// To RAM, where the firmware takes it away.
    int deep() const {
        assert_int_equal(write_file("/sys/power/mem_sleep", "deep"), 0);
        return write_file("/sys/power/state", "mem");
    }

private:
    bool ready_;
};

void system_sleeps_with_files_open(void **) {
    const SleepTest sleep;
    const File file;
    const auto handle = file.hbm(4096);
    const Mapping memory(file, handle);
    const auto va = file.bind(handle);
    const auto id = file.queue().queue_id;
    memory.words()[0] = 1;
    const auto resets = file.query().reset_count;
    assert_int_equal(sleep.freeze(), 0);
    // Nothing was lost, so queues and memory are what they were.
    assert_int_equal(file.query().reset_count, resets);
    assert_int_equal(memory.words()[0], 1);
    assert_int_equal(file.run(id, job_of(fill(va, 4096, 2))), 0);
    assert_int_equal(memory.words()[0], 2);
}

void system_waits_for_jobs(void **) {
    const SleepTest sleep;
    const File file;
    const auto va = file.bind(file.hbm(256 << 20, 0));
    const auto id = file.queue().queue_id;
    std::uint64_t seqno = 0;
    assert_int_equal(file.submit(id, job_of(fill(va, 256 << 20, 1)), &seqno), 0);
    assert_int_equal(sleep.freeze(), 0);
    int status = 1;
    assert_int_equal(file.wait(id, seqno, &status, NOW), 0);
    assert_int_equal(status, 0);
}

void system_does_not_sleep_while_a_job_runs_on(void **) {
    const SleepTest sleep;
    const File file;
    const auto id = file.queue(0, 60000).queue_id;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    assert_int_equal(sleep.freeze(), -EBUSY);
    assert_int_equal(file.wait(id, 1, nullptr, NOW), -ETIME);
    assert_int_equal(file.state(id).state, DRM_NEURON_QUEUE_OK);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

void deep_sleep_is_refused_while_hbm_is_in_use(void **) {
    const SleepTest sleep;
    const File file;
    const auto id = file.queue().queue_id;
    const auto handle = file.hbm(4096);
    {
        const Mapping memory(file, handle);
        memory.words()[0] = 1;
        assert_int_equal(sleep.deep(), -EBUSY);
        assert_int_equal(memory.words()[0], 1);
    }
    assert_int_equal(file.run(id, job_of(nop())), 0);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(sleep.deep(), 0);
    assert_int_equal(file.run(id, job_of(nop())), 0);
    device_works();
}

void system_sleeps_while_the_device_does(void **) {
    const SleepTest sleep;
    await_sleep();
    assert_int_equal(sleep.freeze(), 0);
    device_works();
    await_sleep();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(device_sleeps_when_nobody_has_it_open),
        cmocka_unit_test(device_keeps_its_state_in_its_sleep),
        cmocka_unit_test(mappings_and_commands_keep_it_awake),
        cmocka_unit_test(attributes_do_not_wake_it),
        cmocka_unit_test(debugfs_does_not_wake_it),
        cmocka_unit_test(reset_of_a_function_that_sleeps),
        cmocka_unit_test(device_that_has_forgotten_everything_is_reset),
        cmocka_unit_test(threads_open_and_close_while_it_falls_asleep),
        cmocka_unit_test(system_sleeps_with_files_open),
        cmocka_unit_test(system_waits_for_jobs),
        cmocka_unit_test(system_does_not_sleep_while_a_job_runs_on),
        cmocka_unit_test(deep_sleep_is_refused_while_hbm_is_in_use),
        cmocka_unit_test(system_sleeps_while_the_device_does),
        cmocka_unit_test(driver_comes_and_goes_while_it_sleeps),
    };
    return cmocka_run_group_tests_name("kmod pm", tests, quick_sleep, usual_sleep);
}
