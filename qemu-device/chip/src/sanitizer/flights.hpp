// SPDX-License-Identifier: MIT
// Packets and transfers in flight, and what each has touched. A packet is in flight from its doorbell on: that it is over before another
// one begins, which was announced by then, is luck.
#pragma once

#include "actor.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

namespace neuron::chip {

/// Two that are in flight at once are in no order: an order comes from the end of one of them. Any thread.
///
/// Packets of queues are compared also with those that are over, but were not yet at the moment of their own doorbell. Transfers are not:
/// they are ordered by semaphores and by what programs load, which nobody here knows; nor are packets behind a LAUNCH,
/// which may have waited for something, with what was over before that ended.
class Flights {
public:
    /// Ranges of one flight that are remembered; what it touches beyond is not.
    static constexpr std::size_t MAX_RANGES = 4096;
    /// Packets of each queue that are remembered when they are over.
    static constexpr std::size_t MAX_OVER = 64;

    /// The flight of `actor` touches bytes of HBM or of host memory. Returns another flight that has touched some of them,
    /// if one of the two writes.
    std::optional<Actor> touch(const Actor &actor, bool hbm, std::uint64_t first, std::uint64_t bytes, bool write);
    /// It is over.
    void end(const Actor &actor);
    /// Now, later than all moments before.
    std::uint64_t moment();

private:
    /// Ends by the first byte; those of HBM apart from others by a high bit. They do not overlap or follow each other.
    using Ranges = std::map<std::uint64_t, std::uint64_t>;
    struct Flight {
        Actor actor;
        Ranges read;
        Ranges written;
        std::uint64_t over = 0; ///< the moment

        bool meets(std::uint64_t first, std::uint64_t end, bool write) const;
    };

    /// One of `flights` but `own` that has touched the bytes.
    std::optional<Actor> other_in_flight(std::uint32_t own, std::uint64_t first, std::uint64_t end, bool write) const;
    /// One of a queue that was not over when the packet of `actor` was announced.
    std::optional<Actor> other_over(const Actor &actor, std::uint64_t first, std::uint64_t end, bool write) const;
    static std::uint32_t number_of(const Actor &actor);
    static bool overlaps(const Ranges &ranges, std::uint64_t first, std::uint64_t end);
    static void add(Ranges &ranges, std::uint64_t first, std::uint64_t end);

    std::mutex mutex_; ///< guards all below; innermost
    std::uint64_t moment_ = 0;
    std::map<std::uint32_t, Flight> flights_;
    std::array<std::deque<Flight>, spec::MAX_QUEUES> over_; ///< by queue, in the order of their ends
};

} // namespace neuron::chip
