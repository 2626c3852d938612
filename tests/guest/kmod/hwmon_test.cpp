// SPDX-License-Identifier: MIT
// Sensors of the device in the kernel's own interface for them.

#include "machine.hpp"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace kmod;
using namespace std::chrono_literals;

namespace {

/// The folder of the sensors, or nothing.
std::string sensors() {
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(pci_path() + "/hwmon", error))
        return entry.path().string();
    return {};
}

long long number(const std::string &name) {
    const auto text = read_file(sensors() + "/" + name);
    return std::stoll(text);
}

void sensors_have_names_and_labels(void **) {
    assert_string_equal(read_file(sensors() + "/name").c_str(), "neuron");
    assert_string_equal(read_file(sensors() + "/temp1_label").c_str(), "die");
    assert_string_equal(read_file(sensors() + "/power1_label").c_str(), "device");
    assert_string_equal(read_file(sensors() + "/energy1_label").c_str(), "device");
    for (const char *name : {"temp1_input", "power1_average", "energy1_input"})
        assert_int_equal(write_file(sensors() + "/" + name, "1"), -EACCES);
}

void readings_are_those_of_a_device_that_is_on(void **) {
    const File file;
    assert_in_range(number("temp1_input"), 1000, 150000); // millidegrees
    assert_true(wait_until([] { return number("power1_average") > 0; }));
    assert_in_range(number("power1_average"), 1, 2000000000); // microwatts
    const auto before = number("energy1_input");
    assert_true(wait_until([&] { return number("energy1_input") > before; }));
}

void work_takes_power(void **) {
    const File file;
    std::this_thread::sleep_for(1500ms);
    const auto idle = number("power1_average");
    const auto id = file.queue(0, 60000).queue_id;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    assert_true(wait_until([&] { return number("power1_average") > idle; }));
}

// A counter of energy that falls is of no use to anybody.
void energy_goes_on_over_resets(void **) {
    const File file;
    assert_true(wait_until([] { return number("energy1_input") > 0; }));
    auto last = number("energy1_input");
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
        const auto now = number("energy1_input");
        assert_true(now >= last);
        last = now;
        assert_true(wait_until([&] { return number("energy1_input") > last; }));
    }
}

void device_that_sleeps_is_not_woken(void **) {
    const Attribute delay("power/autosuspend_delay_ms", "20");
    { const File file; }
    assert_true(wait_until([] { return read_file(pci_path() + "/power/runtime_status") == "suspended"; }));
    assert_string_equal(read_file(sensors() + "/temp1_input").c_str(), std::to_string(-ENODATA).c_str());
    assert_string_equal(read_file(sensors() + "/power1_average").c_str(), std::to_string(-ENODATA).c_str());
    assert_true(number("energy1_input") >= 0);
    assert_string_equal(read_file(pci_path() + "/power/runtime_status").c_str(), "suspended");
}

void sensors_go_with_the_driver(void **) {
    const std::string name = pci_name();
    const File file;
    const int fd = ::open((sensors() + "/temp1_input").c_str(), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    std::atomic<bool> stop = false;
    const std::string path = sensors();
    std::thread reader([&] {
        while (!stop)
            for (const char *sensor : {"/temp1_input", "/power1_average", "/energy1_input"})
                read_file(path + sensor);
    });
    for (int i = 0; i < 3; ++i) {
        unbind(name);
        char text[32];
        assert_int_equal(::pread(fd, text, sizeof(text), 0), -1);
        assert_int_equal(errno, ENODEV);
        bind_driver(name);
    }
    stop = true;
    reader.join();
    ::close(fd);
    assert_false(sensors().empty());
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(sensors_have_names_and_labels),
        cmocka_unit_test(readings_are_those_of_a_device_that_is_on),
        cmocka_unit_test(work_takes_power),
        cmocka_unit_test(energy_goes_on_over_resets),
        cmocka_unit_test(device_that_sleeps_is_not_woken),
        cmocka_unit_test(sensors_go_with_the_driver),
    };
    return cmocka_run_group_tests_name("kmod hwmon", tests, nullptr, nullptr);
}
