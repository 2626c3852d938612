// SPDX-License-Identifier: MIT
#include "monitor.hpp"

#include "machine.hpp"

#include <cstdlib>
#include <unistd.h>

namespace kmod {

namespace {

constexpr std::chrono::seconds PATIENCE{60};
const std::string ID = std::string(R"("id": ")") + QEMU_ID + "\"";

} // namespace

void needs_unplug() {
    if (::access("/proc/lockdep", F_OK) == 0)
        skip();
}

void unplug() {
    Monitor monitor;
    monitor.succeed("device_del", "{" + ID + "}");
    assert_true(wait_for_node(false, PATIENCE));
    // The slot is switched off some time after the driver has let go.
    const std::string where = std::string(R"({"path": "/machine/peripheral/)") + QEMU_ID + "\"}";
    assert_true(wait_until([&] { return monitor.execute("qom-list", where).find("\"error\"") != std::string::npos; },
                           PATIENCE));
}

void plug() {
    const std::string sanitizer = std::getenv("NEURON_SANITIZER") != nullptr ? R"("sanitizer": true, )" : "";
    Monitor().succeed("device_add", R"({"driver": "neuron", "bus": "rp0", )" + sanitizer + ID + "}");
    assert_true(wait_for_node(true, PATIENCE));
}

} // namespace kmod
