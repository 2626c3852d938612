// SPDX-License-Identifier: MIT
#include "interrupt.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>

namespace neuronctl {
namespace {

volatile std::sig_atomic_t caught = 0;

extern "C" void on_signal(int) { caught = 1; }

} // namespace

void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    for (const int signal : {SIGINT, SIGTERM}) {
        struct sigaction old {};
        // Whoever started us to ignore it (nohup, a background job of sh) means it.
        if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signal, &action, nullptr);
    }
}

bool interrupted() noexcept { return caught != 0; }

Failure interruption() { return {Exit::interrupted, "interrupted", "interrupted", {}, {}}; }

bool sleep_unless_interrupted(std::chrono::nanoseconds time) {
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + time;
    while (!interrupted() && steady_clock::now() < end) {
        const auto left = std::min<std::chrono::nanoseconds>(end - steady_clock::now(), interrupt_glance);
        const timespec step{.tv_sec = 0, .tv_nsec = std::max<long>(0, static_cast<long>(left.count()))};
        nanosleep(&step, nullptr);
    }
    return !interrupted();
}

} // namespace neuronctl
