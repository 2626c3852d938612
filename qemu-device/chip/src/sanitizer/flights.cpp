// SPDX-License-Identifier: MIT
#include "flights.hpp"

#include <algorithm>
#include <iterator>

namespace neuron::chip {

namespace {
constexpr std::uint64_t HBM_BIT = 1ULL << 63; // no bus address has it
} // namespace

// One for each queue, and one for each ring of each core.
std::uint32_t Flights::number_of(const Actor &actor) {
    if (actor.unit == spec::Unit::QUEUE)
        return actor.queue;
    return spec::MAX_QUEUES + actor.core * spec::DMA_RINGS + actor.ring;
}

bool Flights::overlaps(const Ranges &ranges, std::uint64_t first, std::uint64_t end) {
    // Most flights are somewhere else altogether: no need to look for a place among thousands.
    if (ranges.empty() || end <= ranges.begin()->first || first >= ranges.rbegin()->second)
        return false;
    const auto above = ranges.lower_bound(end);
    return above != ranges.begin() && std::prev(above)->second > first;
}

void Flights::add(Ranges &ranges, std::uint64_t first, std::uint64_t end) {
    auto at = ranges.upper_bound(first);
    if (at != ranges.begin() && std::prev(at)->second >= first)
        --at;
    while (at != ranges.end() && at->first <= end) {
        first = std::min(first, at->first);
        end = std::max(end, at->second);
        at = ranges.erase(at);
    }
    ranges.emplace(first, end);
}

std::optional<Actor> Flights::touch(const Actor &actor, bool hbm, std::uint64_t first, std::uint64_t bytes,
                                    bool write) {
    const std::uint64_t start = hbm ? first | HBM_BIT : first;
    const std::uint64_t end = start + bytes;
    const std::lock_guard lock(mutex_);
    const std::uint32_t own = number_of(actor);
    std::optional<Actor> other;
    for (const auto &[number, flight] : flights_)
        if (number != own && (overlaps(flight.written, start, end) || (write && overlaps(flight.read, start, end)))) {
            other = flight.actor;
            break;
        }
    Flight &flight = flights_[own];
    flight.actor = actor;
    Ranges &ranges = write ? flight.written : flight.read;
    if (ranges.size() < MAX_RANGES)
        add(ranges, start, end);
    return other;
}

void Flights::end(const Actor &actor) {
    const std::lock_guard lock(mutex_);
    flights_.erase(number_of(actor));
}

} // namespace neuron::chip
