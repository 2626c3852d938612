// SPDX-License-Identifier: MIT
// SplitMix64: small, fast, and the same on every host; every seed gives a good sequence.
#pragma once

#include <cstdint>

namespace neuron::chip {

constexpr std::uint64_t SPLIT_MIX_STEP = 0x9e3779b97f4a7c15;

/// A number that looks random, of another one.
constexpr std::uint64_t split_mix(std::uint64_t x) {
    x += SPLIT_MIX_STEP;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// The next number of a sequence, which `state` is the seed of at first.
constexpr std::uint64_t next_random(std::uint64_t &state) {
    const std::uint64_t next = split_mix(state);
    state += SPLIT_MIX_STEP;
    return next;
}

} // namespace neuron::chip
