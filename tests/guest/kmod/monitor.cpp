// SPDX-License-Identifier: MIT
#include "monitor.hpp"

#include "machine.hpp"

#include <cstdlib>
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
    Monitor().succeed("device_add", device());
    assert_true(wait_for_node(true, PATIENCE));
}

std::string try_plug(Monitor &monitor) { return monitor.execute("device_add", device()); }

} // namespace kmod
