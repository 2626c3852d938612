// SPDX-License-Identifier: MIT
// Who touched on-chip memory, and when in the order that semaphores make.
#pragma once

#include <neuron/spec.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace neuron::chip::hazard {

/// A sequencer or a DMA ring: whatever runs its work in order. Numbered through all cores.
using Agent = std::uint16_t;

/// An instruction, as reports name it.
struct Site {
    std::uint8_t core = 0;
    spec::Unit unit{};     ///< an engine, or DMA for a transfer in a ring
    std::uint8_t ring = 0; ///< for DMA
    std::uint32_t pc = 0;

    friend bool operator==(const Site &, const Site &) = default;
};

/// How far each agent had come, as far as somebody knows. After 2^32 ticks, an hour at least, an agent's accesses count as
/// known to all.
class VectorClock {
public:
    /// Knows nothing; one of nobody's is for join() only.
    explicit VectorClock(std::size_t agents = 0) : ticks_(agents) {}
    std::uint32_t operator[](Agent agent) const { return ticks_[agent]; }
    void tick(Agent agent) { ++ticks_[agent]; }
    /// Knows what `other` knows, too.
    void join(const VectorClock &other) {
        ticks_.resize(std::max(ticks_.size(), other.ticks_.size()));
        for (std::size_t i = 0; i < other.ticks_.size(); ++i)
            ticks_[i] = std::max(ticks_[i], other.ticks_[i]);
    }

    friend bool operator==(const VectorClock &, const VectorClock &) = default;

private:
    std::vector<std::uint32_t> ticks_;
};

/// One access of an agent, at its own tick.
struct Access {
    Agent agent;
    std::uint32_t tick;
    Site site;

    /// Whether whoever has `clock` comes after it for certain.
    bool before(const VectorClock &clock) const { return tick <= clock[agent]; }

    friend bool operator==(const Access &, const Access &) = default;
};

} // namespace neuron::chip::hazard
