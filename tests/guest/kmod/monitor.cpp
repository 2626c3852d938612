// SPDX-License-Identifier: MIT
#include "monitor.hpp"

#include "inspect.hpp"
#include "machine.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace kmod {

namespace {

constexpr std::chrono::seconds PATIENCE{60};
const std::string ID = std::string(R"("id": ")") + QEMU_ID + "\"";

/// One with the sanitizer where all have it.
std::string device() {
    const std::string sanitizer = std::getenv("NEURON_SANITIZER") != nullptr ? R"("sanitizer": true, )" : "";
    return R"({"driver": "neuron", "bus": "rp0", )" + sanitizer + ID + "}";
}

/// Waits until the kernel knows of each empty slot that it is empty. QEMU takes a device away when the slot is switched off, of which the
/// kernel hears as of a change of presence; a device that comes before it has looked is switched on for that change, and the
/// button that is pressed for the device then switches it off again, five seconds later.
void await_empty_slots() {
    for (const auto &slot : std::filesystem::directory_iterator("/sys/bus/pci/slots")) {
        const std::string power = slot.path() / "power", adapter = slot.path() / "adapter";
        // The write returns when nothing is left to look at; ENODEV: and there is no card.
        assert_true(wait_until([&] { return slurp(adapter) != "0\n" || write_file(power, "1") == -ENODEV; }, PATIENCE));
    }
}

} // namespace

void needs_unplug() {
    if (::access("/proc/lockdep", F_OK) == 0)
        skip();
}

void unplug() {
    Monitor monitor;
    // The device is there before the guest has done with switching its slot on, and QEMU refuses that long.
    std::string answer;
    assert_true(wait_until(
        [&] {
            answer = monitor.execute("device_del", "{" + ID + "}");
            return answer.find("power indicator blinking") == std::string::npos;
        },
        PATIENCE));
    if (answer.find("\"error\"") != std::string::npos)
        fail_msg("device_del: %s", answer.c_str());
    assert_true(wait_for_node(false, PATIENCE));
    // The slot is switched off some time after the driver has let go.
    const std::string where = std::string(R"({"path": "/machine/peripheral/)") + QEMU_ID + "\"}";
    assert_true(wait_until([&] { return monitor.execute("qom-list", where).find("\"error\"") != std::string::npos; },
                           PATIENCE));
}

void plug() {
    await_empty_slots();
    Monitor().succeed("device_add", device());
    assert_true(wait_for_node(true, PATIENCE));
}

std::string try_plug(Monitor &monitor) {
    await_empty_slots();
    return monitor.execute("device_add", device());
}

} // namespace kmod
