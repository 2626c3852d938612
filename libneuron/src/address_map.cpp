// SPDX-License-Identifier: MIT
#include "address_map.hpp"

#include <algorithm>
#include <iterator>

namespace neuron::detail {
namespace {

bool holds(const BufferPlace &buffer, std::uint64_t va) { return va >= buffer.va && va - buffer.va < buffer.size; }

} // namespace

void AddressMap::add(std::uint64_t va, std::uint64_t size, const std::string &label) {
    const std::lock_guard guard(lock_);
    live_.insert_or_assign(va, BufferPlace{label, va, size});
}

void AddressMap::remove(std::uint64_t va) {
    const std::lock_guard guard(lock_);
    const auto at = live_.find(va);
    if (at == live_.end())
        return;
    gone_.push_front(std::move(at->second));
    live_.erase(at);
    if (gone_.size() > remembered)
        gone_.pop_back();
}

FaultPlace AddressMap::place_of(std::uint64_t va) const {
    const std::lock_guard guard(lock_);
    FaultPlace place;
    const auto above = live_.upper_bound(va);
    const auto below = above == live_.begin() ? live_.end() : std::prev(above);
    if (below != live_.end() && holds(below->second, va)) {
        place.buffer = below->second;
        return place;
    }
    const auto gone = std::ranges::find_if(gone_, [va](const BufferPlace &buffer) { return holds(buffer, va); });
    if (gone != gone_.end()) {
        place.buffer = *gone;
        place.destroyed = true;
        return place;
    }
    if (below != live_.end())
        place.below = below->second;
    if (above != live_.end())
        place.above = above->second;
    return place;
}

void AddressMap::locate(FaultInfo &fault) const {
    if (has_address(fault))
        fault.place = place_of(fault.va);
}

} // namespace neuron::detail
