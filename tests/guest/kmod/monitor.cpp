// SPDX-License-Identifier: MIT
#include "monitor.hpp"

#include "support.hpp"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace kmod {

namespace {

/// /dev/neuron-qmp. Only one at a time can have it open.
class Monitor {
public:
    Monitor() : fd_(::open("/dev/neuron-qmp", O_RDWR | O_CLOEXEC)) {
        if (fd_ < 0)
            fail_msg("open /dev/neuron-qmp: %s", std::strerror(errno));
        ask(R"({"execute":"qmp_capabilities"})"); // an error if somebody has said it before
    }
    ~Monitor() { ::close(fd_); }
    Monitor(Monitor &&) = delete;

    /// The line with the answer; fails the test when it is an error.
    std::string call(const std::string &command) {
        const std::string answer = ask(command);
        if (answer.find("\"error\"") != std::string::npos)
            fail_msg("%s: %s", command.c_str(), answer.c_str());
        return answer;
    }

private:
    std::string ask(const std::string &command) {
        const std::string text = command + "\n";
        if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            fail_msg("write to the monitor: %s", std::strerror(errno));
        for (;;) {
            const std::string answer = line();
            if (answer.find("\"error\"") != std::string::npos || answer.find("\"return\"") != std::string::npos)
                return answer; // greetings and events go by
        }
    }

    std::string line() {
        for (;;) {
            if (const auto end = buffer_.find('\n'); end != std::string::npos) {
                const std::string text = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return text;
            }
            char bytes[512];
            const ssize_t size = ::read(fd_, bytes, sizeof(bytes));
            if (size <= 0)
                fail_msg("the monitor has gone");
            buffer_.append(bytes, static_cast<std::size_t>(size));
        }
    }

    int fd_;
    std::string buffer_;
};

/// Path of the accelerator among QEMU's objects, or nothing: "name": "device[3]", "type": "child<neuron>".
std::string device_path(Monitor &monitor) {
    for (const std::string folder : {"/machine/peripheral", "/machine/peripheral-anon"}) {
        const std::string answer = monitor.call(R"({"execute":"qom-list","arguments":{"path":")" + folder + "\"}}");
        for (std::size_t at = 0; (at = answer.find('{', at + 1)) != std::string::npos;) {
            const std::string entry = answer.substr(at, answer.find('}', at) - at);
            if (entry.find("child<neuron>") == std::string::npos)
                continue;
            const std::string key = "\"name\": \"";
            const auto name = entry.find(key) + key.size();
            return folder + "/" + entry.substr(name, entry.find('"', name) - name);
        }
    }
    return {};
}

} // namespace

void needs_unplug() {
    if (::access("/proc/lockdep", F_OK) == 0)
        skip();
}

void unplug() {
    Monitor monitor;
    monitor.call(R"({"execute":"device_del","arguments":{"id":")" + device_path(monitor) + "\"}}");
    assert_true(wait_for_node(false, std::chrono::seconds(60)));
    while (!device_path(monitor).empty()) // the slot is switched off some time after the driver has let go
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

void plug() {
    Monitor().call(R"({"execute":"device_add","arguments":{"driver":"neuron","bus":"rp0"}})");
    assert_true(wait_for_node(true, std::chrono::seconds(60)));
}

} // namespace kmod
