// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include <neuron/device.hpp>
#include <neuron_chip.h>

namespace neuron {

/** What runs stepped chips. Threading: any thread. */
class SimGroup {
public:
    explicit SimGroup(std::uint64_t seed);

    void join(neuron_chip *chip);
    /** When it returns, the chip does not run any more. */
    void leave(neuron_chip *chip);

    /** Runs some thousand steps. @return how many: 0 if nothing was left to do, or another thread is at it */
    std::uint64_t run();
    /** Runs one of them for some steps, as the seed says. @return likewise */
    std::uint64_t run_some();
    /** Does so or not, as the seed says: under some seeds the chips get little done unless somebody waits. */
    void get_ahead();

private:
    std::uint64_t random();
    std::uint64_t some_locked();
    std::uint64_t take_turns();

    std::mutex lock_; // protects all below; held while chips run
    std::vector<neuron_chip *> chips_;
    std::uint64_t state_;
    std::uint64_t laziness_ = 1; // how seldom get_ahead() does it
};

} // namespace neuron
