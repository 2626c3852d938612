// SPDX-License-Identifier: MIT
/**
 * @file
 * A program that runs once, with an end, and what it had to say.
 */
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <neuron/fd.hpp>

#include "../report.hpp"

namespace neuronctl::explore {

/** How a program has ended. */
struct End {
    enum class Kind { exited, killed, timed_out };
    Kind kind = Kind::exited;
    int number = 0; ///< Exit status, or the signal.
    std::string out{};
    std::string err{};
};

/** In a process group of its own, so that what it has started ends with it. */
class Child {
public:
    using Clock = std::chrono::steady_clock;

    /** @param variables NAME=VALUE, more of the environment. Both outputs are kept, input is empty. */
    static Outcome<Child> start(const std::vector<std::string> &command, const std::vector<std::string> &variables,
                                Clock::time_point deadline);
    Child(Child &&other) noexcept;
    Child &operator=(Child &&) = delete;
    ~Child(); ///< Ends it.

    int pidfd() const noexcept { return pidfd_.get(); } ///< Can be read when it has ended.
    Clock::time_point deadline() const noexcept { return deadline_; }
    /** If it has ended; with its deadline it does. */
    std::optional<End> poll();

private:
    Child() = default;
    int reap();
    pid_t pid_ = 0; ///< 0: has been waited for
    neuron::Fd pidfd_, out_, err_;
    Clock::time_point deadline_;
};

} // namespace neuronctl::explore
