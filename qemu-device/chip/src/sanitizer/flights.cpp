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

bool Flights::Flight::meets(std::uint64_t first, std::uint64_t end, bool write) const {
    return overlaps(written, first, end) || (write && overlaps(read, first, end));
}

std::optional<Actor> Flights::other_in_flight(std::uint32_t own, std::uint64_t first, std::uint64_t end,
                                              bool write) const {
    for (const auto &[number, flight] : flights_)
        if (number != own && flight.meets(first, end, write))
            return flight.actor;
    return std::nullopt;
}

std::optional<Actor> Flights::other_over(const Actor &actor, std::uint64_t first, std::uint64_t end, bool write) const {
    if (actor.unit != spec::Unit::QUEUE)
        return std::nullopt;
    for (std::uint32_t queue = 0; queue < over_.size(); ++queue) {
        if (queue == actor.queue)
            continue;
        for (auto flight = over_[queue].rbegin(); flight != over_[queue].rend() && flight->over > actor.moment;
             ++flight)
            if (flight->meets(first, end, write))
                return flight->actor;
    }
    return std::nullopt;
}

std::optional<Actor> Flights::touch(const Actor &actor, bool hbm, std::uint64_t first, std::uint64_t bytes,
                                    bool write) {
    const std::uint64_t start = hbm ? first | HBM_BIT : first;
    const std::uint64_t end = start + bytes;
    const std::lock_guard lock(mutex_);
    const std::uint32_t own = number_of(actor);
    std::optional<Actor> other = other_in_flight(own, start, end, write);
    if (!other)
        other = other_over(actor, start, end, write);
    Flight &flight = flights_[own];
    flight.actor = actor;
    Ranges &ranges = write ? flight.written : flight.read;
    if (ranges.size() < MAX_RANGES)
        add(ranges, start, end);
    return other;
}

void Flights::end(const Actor &actor) {
    const std::lock_guard lock(mutex_);
    auto flight = flights_.extract(number_of(actor));
    if (flight.empty() || actor.unit != spec::Unit::QUEUE)
        return;
    flight.mapped().over = ++moment_;
    auto &over = over_[actor.queue];
    over.push_back(std::move(flight.mapped()));
    if (over.size() > MAX_OVER)
        over.pop_front();
}

std::uint64_t Flights::moment() {
    const std::lock_guard lock(mutex_);
    return ++moment_;
}

} // namespace neuron::chip
