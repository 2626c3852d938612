// SPDX-License-Identifier: MIT
// CMocka for C++, and waiting with a limit.
#pragma once

#include <chrono>
#include <thread>

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

namespace neuron::test {

/// Longest wait for anything; long, because a loaded host may run the device at a tenth of its speed.
inline constexpr std::chrono::seconds PATIENCE{30};

/// Poll until `done()` is true. Returns false when PATIENCE is over.
template<class Done>
bool eventually(Done done) {
    const auto end = std::chrono::steady_clock::now() + PATIENCE;
    while (!done()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
}

/// Whether `holds()` stays true for a while: for what must not happen.
template<class Holds>
bool throughout(Holds holds, std::chrono::milliseconds time = std::chrono::milliseconds(50)) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
        if (!holds())
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

} // namespace neuron::test

/// A failed wait names what was waited for.
#define assert_eventually(condition)                                                                                   \
    do {                                                                                                               \
        if (!neuron::test::eventually([&] { return (condition); }))                                                    \
            fail_msg("never became true: %s", #condition);                                                             \
    } while (0)

#define assert_throughout(condition)                                                                                   \
    do {                                                                                                               \
        if (!neuron::test::throughout([&] { return (condition); }))                                                    \
            fail_msg("did not stay true: %s", #condition);                                                             \
    } while (0)
