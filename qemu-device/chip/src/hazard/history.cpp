// SPDX-License-Identifier: MIT
#include "history.hpp"

#include <utility>

namespace neuron::chip::hazard {

namespace {

std::size_t mix(std::size_t hash, std::uint64_t value) {
    constexpr std::uint64_t MULTIPLIER = 0x9e3779b97f4a7c15; // 2^64 / golden ratio
    constexpr unsigned ROTATION = 29;
    hash = (hash ^ value) * MULTIPLIER;
    return hash ^ hash >> ROTATION;
}

std::size_t mix(std::size_t hash, const Access &access) {
    return mix(hash, std::uint64_t{access.tick} << 32 | access.site.pc) ^ access.agent;
}

} // namespace

// The site's other members follow from the agent.
std::size_t Histories::Hash::operator()(const History &history) const {
    std::size_t hash = history.written ? 1 : 0;
    if (history.writer)
        hash = mix(hash, *history.writer);
    for (const Access &reader : history.readers)
        hash = mix(hash, reader);
    return hash;
}

Histories::Histories() {
    id_of({});
    id_of({.written = true, .writer = {}, .readers = {}});
}

Histories::Id Histories::id_of(History history) {
    if (const auto known = ids_.find(history); known != ids_.end())
        return known->second;
    if (free_.empty()) {
        free_.push_back(static_cast<Id>(by_id_.size()));
        by_id_.push_back(nullptr);
    }
    const auto entry = ids_.emplace(std::move(history), free_.back()).first;
    by_id_[entry->second] = &entry->first;
    free_.pop_back();
    return entry->second;
}

void Histories::keep(const Ids &used) {
    std::erase_if(ids_, [&](const auto &entry) {
        const Id id = entry.second;
        if (id <= SETTLED || used[id])
            return false;
        by_id_[id] = nullptr;
        free_.push_back(id);
        return true;
    });
}

} // namespace neuron::chip::hazard
