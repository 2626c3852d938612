// SPDX-License-Identifier: MIT
// What the tests of libneuron's interface share: the same cases for every backend, and for each of its ways to submit.
#pragma once

#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>

#include <neuron/neuron.hpp>

#include "hal_buffers.hpp"
#include "hal_kernels.hpp"

namespace hal_test {

using neuron::Fd;
using neuron::QueueOptions;
using neuron::QueueStatus;
using neuron::SubmitPath;

inline constexpr std::chrono::seconds patience(60); // a job that takes longer is lost

/// The backend under test: the program's argument.
inline std::string &backend() {
    static std::string name = "sim";
    return name;
}
inline bool on_accel() { return backend() == "accel"; }
inline bool on_sim() { return backend() == "sim"; }
inline bool on_null() { return backend() == "null"; } // packets do nothing there

/// A way to submit.
struct Way {
    std::string name;
    QueueOptions options{};
    bool stepped = false; ///< sim: the chip runs while somebody waits
};

inline Device open_device(const Way &way = {}) {
    neuron::DeviceOptions options{.backend = backend()};
    options.sim.threads = 2;
    options.sim.stepped = way.stepped;
    return must(Device::open(options));
}

struct Rig {
    Way way;
    Device device;
    Context context;
    std::deque<Program> programs; ///< of jobs that still run when the test ends: the queue goes first
    Queue queue;

    explicit Rig(void **state)
        : way(*static_cast<const Way *>(*state)),
          device(open_device(way)),
          context(must(Context::create(device))),
          queue(make_queue()) {}

    Queue make_queue(std::uint32_t ring_log2 = 0) const { return make_queue(context, ring_log2); }
    Queue make_queue(const Context &in, std::uint32_t ring_log2 = 0) const {
        QueueOptions options = way.options;
        options.ring_log2 = ring_log2;
        return must(Queue::create(in, options));
    }
    Queue make_queue(const QueueOptions &options) const { return must(Queue::create(context, options)); }
};

/// Whether poll() calls the file readable, now or within the time.
inline bool readable(const Fd &file, std::chrono::milliseconds within = std::chrono::milliseconds(0)) {
    pollfd wanted{file.get(), POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(within.count())) == 1 && (wanted.revents & POLLIN) != 0;
}

/// A job that lasts until its queue is destroyed, or the watchdog comes: a kernel that runs in circles.
class Endless {
public:
    explicit Endless(Rig &rig)
        : program_(&rig.programs.emplace_back(must(Program::load(rig.context, rig.queue, endless_kernel())))) {}
    Job start(Queue &queue) const { return must(program_->launch(queue, {})); }

private:
    const Program *program_;
};

/// The cases of a program.
class Cases {
public:
    using Test = void (*)(void **);

    /// One case for each of the ways.
    void add(std::string_view name, Test test, const std::vector<Way> &ways) {
        for (const Way &way : ways) {
            ways_.push_back(way);
            names_.push_back(std::string(name) + " (" + way.name + ")");
            tests_.push_back({names_.back().c_str(), test, nullptr, nullptr, &ways_.back()});
        }
    }
    int run(const char *group) {
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return _cmocka_run_group_tests(group, tests_.data(), tests_.size(), nullptr, nullptr);
    }

private:
    std::deque<Way> ways_; // addresses stay
    std::deque<std::string> names_;
    std::vector<CMUnitTest> tests_;
};

inline QueueOptions with(SubmitPath path, bool polled = false, bool sqpoll = false) {
    QueueOptions options;
    options.path = path;
    options.polled = polled;
    options.sqpoll = sqpoll;
    return options;
}

/// One way of the backend, for what does not depend on it.
inline std::vector<Way> any_way() { return {{.name = backend()}}; }

/// Ways whose jobs have fences.
inline std::vector<Way> kernel_ways() {
    if (on_sim())
        return {{.name = backend()}, {.name = backend() + ", stepped", .stepped = true}};
    if (on_null())
        return any_way();
    return {{"uring", with(SubmitPath::uring)}, {"ioctl", with(SubmitPath::ioctl)}};
}

/// Ways without interrupts.
inline std::vector<Way> polled_ways() {
    if (!on_accel())
        return {{backend() + ", polled", with(SubmitPath::automatic, true)}};
    return {{"uring, polled", with(SubmitPath::uring, true)}, {"ioctl, polled", with(SubmitPath::ioctl, true)}};
}

inline std::vector<Way> sqpoll_ways() {
    if (!on_accel())
        return {};
    return {{"uring, sqpoll", with(SubmitPath::uring, false, true)},
            {"uring, sqpoll, polled", with(SubmitPath::uring, true, true)}};
}

inline std::vector<Way> doorbell_ways() {
    if (!on_accel())
        return {};
    return {{"doorbell", with(SubmitPath::doorbell)}, {"doorbell, polled", with(SubmitPath::doorbell, true)}};
}

inline std::vector<Way> all_ways() {
    std::vector<Way> ways = kernel_ways();
    for (const auto &more : {polled_ways(), sqpoll_ways(), doorbell_ways()})
        ways.insert(ways.end(), more.begin(), more.end());
    return ways;
}

/// The start of each main(): the argument is the backend.
inline void take_arguments(int argc, char **argv) {
    if (argc > 1)
        backend() = argv[1];
}

} // namespace hal_test
