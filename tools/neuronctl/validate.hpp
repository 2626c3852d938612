// SPDX-License-Identifier: MIT
/**
 * @file
 * Self tests: one for each block of the device, each by itself.
 */
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session.hpp"

namespace neuronctl {

/** A number that a test has come by. */
struct Figure {
    std::string name;
    double value = 0;
    std::string unit; ///< "ns", "B/s", "1/s", or empty for a count.
};

struct Findings {
    std::vector<Figure> figures;
    std::string skipped; ///< Why it could not be tried; empty: it passed.
};

/** What tests work on. Each opens a session of its own. */
struct Bench {
    neuron::DeviceOptions options;
    neuron::Device device;

    Outcome<Session> open(const neuron::QueueOptions &queue = {}) const;
    const neuron::DeviceInfo &info() const { return device.info(); }
    bool simulated() const { return info().backend != "accel"; }
};

struct SelfTest {
    std::string_view name;
    std::string_view text;
    Outcome<Findings> (*run)(const Bench &);
};

std::span<const SelfTest> self_tests();

/** The failure of a test whose answer is wrong. */
Failure wrong_answer(std::string message);

// The tests, by what they are about.
std::span<const SelfTest> device_tests();
std::span<const SelfTest> transfer_tests();
std::span<const SelfTest> engine_tests();
std::span<const SelfTest> core_tests();
std::span<const SelfTest> queue_tests();
std::span<const SelfTest> failure_tests();
std::span<const SelfTest> recovery_tests();
std::span<const SelfTest> pair_tests();

} // namespace neuronctl
