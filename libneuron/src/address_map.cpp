// SPDX-License-Identifier: MIT
#include "address_map.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include <dlfcn.h>

#include <fmt/format.h>

namespace neuron::detail {
namespace {

bool holds(const BufferPlace &buffer, std::uint64_t va) { return va >= buffer.va && va - buffer.va < buffer.size; }

} // namespace

std::string module_place(const void *code) {
    Dl_info info{};
    if (code == nullptr || dladdr(code, &info) == 0 || info.dli_fname == nullptr)
        return {};
    // A return address is behind the call, which may be the last thing of a function.
    const auto offset = static_cast<const char *>(code) - static_cast<const char *>(info.dli_fbase) - 1;
    const std::string_view path = info.dli_fname;
    return fmt::format("{}+{:#x}", path.substr(path.rfind('/') + 1), offset);
}

void AddressMap::add(BufferPlace buffer) {
    const std::lock_guard guard(lock_);
    const std::uint64_t va = buffer.va;
    live_.insert_or_assign(va, std::move(buffer));
}

void AddressMap::remove(std::uint64_t va, const void *by) {
    const std::lock_guard guard(lock_);
    const auto at = live_.find(va);
    if (at == live_.end())
        return;
    gone_.push_front({std::move(at->second), std::chrono::steady_clock::now(), by});
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
        if (below != live_.begin())
            place.below = std::prev(below)->second;
        return place;
    }
    const auto gone = std::ranges::find_if(gone_, [va](const Gone &each) { return holds(each.buffer, va); });
    if (gone != gone_.end()) {
        place.buffer = gone->buffer;
        place.destroyed = true;
        place.gone_for = std::chrono::steady_clock::now() - gone->when;
        place.gone_by = module_place(gone->by);
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
