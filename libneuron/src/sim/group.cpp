// SPDX-License-Identifier: MIT
#include "group.hpp"

#include <algorithm>

namespace neuron {
namespace {

constexpr std::uint64_t steps_at_once = 4096;
constexpr std::uint64_t longest_turn = 64;
constexpr std::uint64_t laziness_log2 = 6;
constexpr std::uint64_t turn_log2 = 6; // of the longest one while exploring

} // namespace

SimGroup::SimGroup(std::uint64_t seed) : state_(seed) {
    laziness_ = std::uint64_t{1} << random() % (laziness_log2 + 1);
    state_ = seed;
}

void SimGroup::join(neuron_chip *chip) {
    const std::lock_guard guard(lock_);
    chips_.push_back(chip);
}

void SimGroup::leave(neuron_chip *chip) {
    const std::lock_guard guard(lock_);
    std::erase(chips_, chip);
}

std::uint64_t SimGroup::run() {
    const std::unique_lock running(lock_, std::try_to_lock);
    if (!running || chips_.empty())
        return 0;
    return chips_.size() == 1 ? neuron_chip_run(chips_.front(), steps_at_once) : take_turns();
}

std::uint64_t SimGroup::run_some() {
    const std::unique_lock running(lock_, std::try_to_lock);
    return running ? some_locked() : 0;
}

void SimGroup::get_ahead() {
    const std::unique_lock running(lock_, std::try_to_lock);
    if (running && random() % laziness_ == 0)
        (void)some_locked();
}

std::uint64_t SimGroup::some_locked() {
    if (chips_.empty())
        return 0;
    const std::uint64_t most = std::uint64_t{1} << random() % (turn_log2 + 1);
    const std::size_t first = random() % chips_.size();
    for (std::size_t i = 0; i < chips_.size(); ++i)
        if (const std::uint64_t done = neuron_chip_run(chips_[(first + i) % chips_.size()], 1 + random() % most))
            return done;
    return 0;
}

// SplitMix64.
std::uint64_t SimGroup::random() {
    std::uint64_t word = state_ += 0x9e3779b97f4a7c15;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
}

// One chip's steps give no other chip something to do, so one that is idle stays out for the rest.
std::uint64_t SimGroup::take_turns() {
    std::vector<neuron_chip *> busy = chips_;
    std::uint64_t steps = 0;
    while (steps < steps_at_once && !busy.empty()) {
        const auto chosen = busy.begin() + static_cast<std::ptrdiff_t>(random() % busy.size());
        const std::uint64_t done = neuron_chip_run(*chosen, 1 + random() % longest_turn);
        steps += done;
        if (done == 0)
            busy.erase(chosen);
    }
    return steps;
}

} // namespace neuron
