// SPDX-License-Identifier: MIT
#include "shadow.hpp"

#include <algorithm>

namespace neuron::chip::hazard {

void Shadow::forget() { cells_.clear(); }

void Shadow::settle() {
    Cells settled;
    for (const auto &[begin, cell] : cells_) {
        // Neighbours differ only in who touched them, which no longer matters.
        if (!settled.empty() && settled.rbegin()->second.end == begin)
            settled.rbegin()->second.end = cell.end;
        else
            settled.emplace_hint(settled.end(), begin, Cell{cell.end, std::nullopt, {}});
    }
    cells_ = std::move(settled);
}

void Shadow::split(std::uint32_t at) {
    auto next = cells_.upper_bound(at);
    if (next == cells_.begin())
        return;
    const auto cell = std::prev(next);
    if (cell->first == at || cell->second.end <= at)
        return;
    Cell upper = cell->second;
    cell->second.end = at;
    cells_.emplace_hint(next, at, std::move(upper));
}

std::optional<Shadow::Conflict> Shadow::read(std::uint32_t begin, std::uint32_t end, const Access &access,
                                             const VectorClock &clock, bool unwritten) {
    split(begin);
    split(end);
    std::uint32_t covered = begin;
    for (auto cell = cells_.lower_bound(begin); cell != cells_.end() && cell->first < end; ++cell) {
        if (unwritten && cell->first > covered)
            return Conflict{covered, std::nullopt};
        covered = cell->second.end;
        const auto &writer = cell->second.writer;
        if (writer && !writer->before(clock))
            return Conflict{cell->first, *writer, true};
        auto &readers = cell->second.readers;
        const auto same = std::ranges::find(readers, access.agent, &Access::agent);
        if (same == readers.end())
            readers.push_back(access);
        else
            *same = access;
    }
    if (unwritten && covered < end)
        return Conflict{covered, std::nullopt};
    return std::nullopt;
}

std::optional<Shadow::Conflict> Shadow::write(std::uint32_t begin, std::uint32_t end, const Access &access,
                                              const VectorClock &clock) {
    split(begin);
    split(end);
    const auto first = cells_.lower_bound(begin);
    auto last = first;
    for (; last != cells_.end() && last->first < end; ++last) {
        const auto &[writer_end, writer, readers] = last->second;
        if (writer && !writer->before(clock))
            return Conflict{last->first, *writer, true};
        for (const Access &reader : readers)
            if (!reader.before(clock))
                return Conflict{last->first, reader, false};
    }
    cells_.emplace_hint(cells_.erase(first, last), begin, Cell{end, access, {}});
    return std::nullopt;
}

} // namespace neuron::chip::hazard
