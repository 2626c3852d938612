// SPDX-License-Identifier: MIT
#include "address_map.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace neuron::detail {
namespace {

bool holds(const BufferPlace &buffer, std::uint64_t va) { return va >= buffer.va && va - buffer.va < buffer.size; }

} // namespace

void AddressMap::add(BufferPlace buffer) {
    const std::lock_guard guard(lock_);
    const std::uint64_t va = buffer.va;
    live_.insert_or_assign(va, std::move(buffer));
}

void AddressMap::remove(std::uint64_t va, const CallSite &by) {
    const std::lock_guard guard(lock_);
    const auto at = live_.find(va);
    if (at == live_.end())
        return;
    gone_.push_front({std::move(at->second), std::chrono::steady_clock::now(), by});
    live_.erase(at);
    if (gone_.size() > remembered)
        gone_.pop_back();
}

void AddressMap::add_program(std::uint64_t va, std::weak_ptr<const LoadedKernel> kernel) {
    const std::lock_guard guard(lock_);
    std::erase_if(programs_, [](const auto &each) { return each.second.kernel.expired(); });
    programs_.insert_or_assign(va, Loaded{std::move(kernel), ++loads_});
}

std::shared_ptr<const LoadedKernel> AddressMap::program_at(std::uint64_t va, std::uint64_t loads) const {
    const std::lock_guard guard(lock_);
    const auto found = programs_.find(va);
    return found != programs_.end() && found->second.load <= loads ? found->second.kernel.lock() : nullptr;
}

FaultPlace AddressMap::place_of(std::uint64_t va) const {
    std::optional<CallSite> by;
    FaultPlace place = look_up(va, by);
    if (by)
        place.gone_by = by->text(); // takes too long to do it under the lock
    return place;
}

FaultPlace AddressMap::look_up(std::uint64_t va, std::optional<CallSite> &gone_by) const {
    const std::lock_guard guard(lock_);
    FaultPlace place;
    const auto above = live_.upper_bound(va);
    const auto below = above == live_.begin() ? live_.end() : std::prev(above);
    if (below != live_.end() && holds(below->second, va)) {
        place.buffer = below->second;
        if (below != live_.begin())
            place.below = std::prev(below)->second;
        return place;
    }
    const auto gone = std::ranges::find_if(gone_, [va](const Gone &each) { return holds(each.buffer, va); });
    if (gone != gone_.end()) {
        place.buffer = gone->buffer;
        place.destroyed = true;
        place.gone_for = std::chrono::steady_clock::now() - gone->when;
        gone_by = gone->by;
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
