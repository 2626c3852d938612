// SPDX-License-Identifier: MIT
#include "holdings.hpp"

#include "texts.hpp"

#include <algorithm>
#include <iterator>

namespace neuron::chip {

namespace {

constexpr std::uint64_t LAST = ~0ULL;

bool makes_sense(const spec::DebugRecord &record) { return record.bytes != 0 && record.bytes - 1 <= LAST - record.va; }

} // namespace

/// The first range that ends at or behind `start`.
Holdings::Live::iterator Holdings::first_in(std::uint64_t start) {
    const auto next = live_.lower_bound(start);
    return next != live_.begin() && std::prev(next)->second.has(start) ? std::prev(next) : next;
}

Holdings::Live::iterator Holdings::end_of(Live::iterator at, std::uint32_t pid, std::uint64_t now_ns) {
    if (past_.size() == MAX_PAST)
        past_.pop_front();
    past_.push_back(at->second);
    past_.back().times = 1;
    past_.back().gone_ns = now_ns;
    past_.back().gone_pid = pid;
    return live_.erase(at);
}

bool Holdings::take(const spec::DebugRecord &record, std::uint64_t now_ns) {
    if (!makes_sense(record))
        return false;
    const std::uint64_t last = record.va + (record.bytes - 1);
    auto at = first_in(record.va);
    if (at != live_.end() && at->first == record.va && at->second.bytes == record.bytes &&
        at->second.buffer == record.buffer) {
        at->second.times += at->second.times != ~0U ? 1 : 0;
        return true;
    }
    while (at != live_.end() && at->first <= last)
        at = end_of(at, record.pid, now_ns);
    if (live_.size() == MAX_LIVE)
        live_.erase(std::ranges::min_element(live_, {}, [](const auto &entry) { return entry.second.time_ns; }));
    live_.emplace(record.va, Holding{.start = record.va,
                                     .bytes = record.bytes,
                                     .buffer = record.buffer,
                                     .pid = record.pid,
                                     .time_ns = now_ns,
                                     .comm = cut<decltype(Holding::comm)>(record.comm),
                                     .label = cut<decltype(Holding::label)>(record.label)});
    return true;
}

void Holdings::give(const spec::DebugRecord &record, std::uint64_t now_ns) {
    if (!makes_sense(record))
        return;
    const std::uint64_t last = record.va + (record.bytes - 1);
    for (auto at = live_.lower_bound(record.va); at != live_.end() && at->second.last() <= last;)
        at = --at->second.times == 0 ? end_of(at, record.pid, now_ns) : std::next(at);
}

void Holdings::name(std::uint64_t buffer, std::string_view label, std::string_view place) {
    if (label.empty() && place.empty())
        return;
    for (auto &[start, holding] : live_) {
        if (holding.buffer != buffer)
            continue;
        if (!label.empty())
            holding.label = cut<decltype(Holding::label)>(label);
        if (!place.empty())
            holding.place = cut<decltype(Holding::place)>(place);
    }
}

std::vector<spec::BlameRecord> Holdings::history(std::uint64_t address, spec::BlameRelation gone,
                                                 std::size_t max) const {
    std::vector<spec::BlameRecord> all;
    const auto add = [&](const Holding &holding, bool over) {
        if (!holding.has(address) || all.size() == max)
            return;
        all.push_back({.relation = over ? gone : spec::BlameRelation::INSIDE,
                       .pid = over ? holding.gone_pid : holding.pid,
                       .buffer = holding.buffer,
                       .start = holding.start,
                       .bytes = holding.bytes,
                       .distance = address - holding.start,
                       .time_ns = over ? holding.gone_ns : holding.time_ns,
                       .label = holding.label,
                       .comm = holding.comm,
                       .bound_ns = holding.time_ns,
                       .bound_pid = holding.pid,
                       .place = holding.place});
    };
    if (const auto above = live_.upper_bound(address); above != live_.begin())
        add(std::prev(above)->second, false);
    for (auto was = past_.rbegin(); was != past_.rend(); ++was)
        add(*was, true);
    return all;
}

// ---- state ----------------------------------------------------------------------------------------------------------

void Holdings::clear() {
    live_.clear();
    past_.clear();
}

void Holdings::Holding::serialize(Archive &archive) {
    archive.number("start", start);
    archive.number("bytes", bytes, 1);
    archive.require(bytes - 1 <= LAST - start, "bytes", "are more than there can be");
    archive.number("buffer", buffer);
    archive.number("times", times, 1);
    archive.number("pid", pid);
    archive.number("gone pid", gone_pid);
    archive.number("time", time_ns);
    archive.number("gone", gone_ns);
    serialize_text(archive, "comm", comm);
    serialize_text(archive, "label", label);
    serialize_text(archive, "place", place);
}

void Holdings::serialize(Archive &archive) {
    auto live = static_cast<std::uint32_t>(live_.size());
    auto past = static_cast<std::uint32_t>(past_.size());
    archive.number("held ranges", live, 0, MAX_LIVE);
    archive.number("past ranges", past, 0, MAX_PAST);
    if (!archive.loading()) {
        for (auto &[start, holding] : live_)
            holding.serialize(archive);
        for (Holding &holding : past_)
            holding.serialize(archive);
        return;
    }
    clear();
    for (; live != 0; --live) {
        Holding holding;
        holding.serialize(archive);
        archive.require(live_.empty() || holding.start > live_.rbegin()->second.last(), "start",
                        "is not behind the range before");
        live_.emplace(holding.start, holding);
    }
    for (; past != 0; --past)
        past_.emplace_back().serialize(archive);
}

} // namespace neuron::chip
