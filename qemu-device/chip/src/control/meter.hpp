// SPDX-License-Identifier: MIT
#pragma once

#include "../state/archive.hpp"

#include <cstdint>

namespace neuron::chip {

/// Adds up time, several times over if several things go on at once. Times are of one clock and must not go back; a meter
/// of rate 0 does not mind. Not thread-safe.
class Meter {
public:
    void set_rate(std::uint64_t now_ns, std::uint32_t rate) {
        total_ = read(now_ns);
        since_ = now_ns;
        rate_ = rate;
    }
    std::uint32_t rate() const { return rate_; }
    std::uint64_t read(std::uint64_t now_ns) const { return total_ + rate_ * (now_ns - since_); }
    void serialize(Archive &archive, std::uint32_t max_rate) {
        archive.number("time", total_);
        archive.number("time since", since_);
        archive.number("rate", rate_, 0, max_rate);
    }

private:
    std::uint64_t total_ = 0;
    std::uint64_t since_ = 0;
    std::uint32_t rate_ = 0;
};

} // namespace neuron::chip
