// SPDX-License-Identifier: MIT
// Packets and transfers in flight, and what each has touched.
#pragma once

#include "actor.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace neuron::chip {

/// Two that are in flight at once are in no order: an order comes from the end of one of them. Any thread.
class Flights {
public:
    /// Ranges of one flight that are remembered; what it touches beyond is not.
    static constexpr std::size_t MAX_RANGES = 4096;

    /// The flight of `actor` touches bytes of HBM or of host memory. Returns another flight that has touched some of them,
    /// if one of the two writes.
    std::optional<Actor> touch(const Actor &actor, bool hbm, std::uint64_t first, std::uint64_t bytes, bool write);
    /// It is over.
    void end(const Actor &actor);

private:
    /// Ends by the first byte; those of HBM apart from others by a high bit. They do not overlap or follow each other.
    using Ranges = std::map<std::uint64_t, std::uint64_t>;
    struct Flight {
        Actor actor;
        Ranges read;
        Ranges written;
    };

    static std::uint32_t number_of(const Actor &actor);
    static bool overlaps(const Ranges &ranges, std::uint64_t first, std::uint64_t end);
    static void add(Ranges &ranges, std::uint64_t first, std::uint64_t end);

    std::mutex mutex_; ///< guards all below; innermost
    std::map<std::uint32_t, Flight> flights_;
};

} // namespace neuron::chip
