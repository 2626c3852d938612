// SPDX-License-Identifier: MIT
// Failure paths where the driver core calls: each allocation that the driver asks for in a probe fails once, nothing is left
// behind, and the device goes on; a reset and the system's sleep have none.

#include "failing.hpp"
#include "machine.hpp"

#include <cerrno>
#include <chrono>
#include <filesystem>

#include <unistd.h>

using namespace kmod;

namespace {

// So a device can be recovered when memory is out.
void reset_needs_no_memory(void **) {
    const std::string path = pci_path() + "/reset";
    const Step step{.prepare = {},
                    .attempt = [&] { return write_file(path, "1"); },
                    .finish = [](int result) { assert_int_equal(result, 0); }};
    assert_int_equal(for_each_fault(Fault::ALLOCATION, step, 0, Scope::DRIVER), 0);
    device_works();
}

// What a driver can do without may be missing afterwards (debugfs, sensors), so the device is bound once more before it has
// to show that it works.
void probe(void **) {
    const std::string name = pci_name(), folder = pci_path();
    const std::string driver = "/sys/bus/pci/drivers/neuron_accel/";
    const auto bound = [&] { return std::filesystem::exists(folder + "/driver"); };
    int refused = 0, number = 0;
    const Step step{.prepare =
                        [&] {
                            if (bound())
                                assert_int_equal(write_file(driver + "unbind", name), 0);
                        },
                    .attempt = [&] { return write_file(driver + "bind", name); },
                    .finish =
                        [&](int result) {
                            ++number;
                            refused += result != 0;
                            // PCI without memory for a resource says that it is taken.
                            if (result != 0 && result != -ENOMEM && result != -EBUSY)
                                fail_msg("allocation %d of probe fails: %s", number, std::strerror(-result));
                            assert_int_equal(bound(), result == 0);
                        }};
    const int allocations = for_each_fault(Fault::ALLOCATION, step, 0, Scope::DRIVER);
    print_message("# probe: %d allocations, refused %d times\n", allocations, refused);
    assert_true(allocations >= 100 && refused >= 50);
    assert_true(wait_for_node(true));
    device_works();
}

/// Suspends all devices as for a real sleep and resumes them, in the thread that asks for it.
class Sleep {
public:
    Sleep() {
        write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
        if (write_file("/sys/power/pm_test", "platform") != 0)
            fail_msg("this kernel cannot test sleeping");
        assert_int_equal(write_file("/sys/power/pm_async", "0"), 0);
    }
    ~Sleep() {
        write_file("/sys/power/pm_test", "none");
        write_file("/sys/power/pm_async", "1");
    }
    Sleep(Sleep &&) = delete;
    int freeze() const { return write_file("/sys/power/state", "freeze"); }
};

// A file is open, so that the device was awake. When memory is out it must be possible to save the battery.
void sleep_needs_no_memory(void **) {
    const Sleep sleep;
    const File file;
    const Step step{.prepare = {},
                    .attempt = [&] { return sleep.freeze(); },
                    .finish = [](int result) { assert_int_equal(result, 0); }};
    assert_int_equal(for_each_fault(Fault::ALLOCATION, step, 0, Scope::DRIVER), 0);
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(reset_needs_no_memory),
        cmocka_unit_test(sleep_needs_no_memory),
        cmocka_unit_test(probe),
    };
    return cmocka_run_group_tests_name("kmod failures of the device", tests, nullptr, nullptr);
}
