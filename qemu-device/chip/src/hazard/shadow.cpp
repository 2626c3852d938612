// SPDX-License-Identifier: MIT
#include "shadow.hpp"

#include <algorithm>

namespace neuron::chip::hazard {

void Shadow::forget() { cells_.clear(); }

void Shadow::settle() {
    Cells settled;
    for (const auto &[begin, cell] : cells_) {
        if (!cell.written)
            continue;
        // Neighbours differ only in who touched them, which no longer matters.
        if (!settled.empty() && settled.rbegin()->second.end == begin)
            settled.rbegin()->second.end = cell.end;
        else
            settled.emplace_hint(settled.end(), begin, Cell{cell.end, true, std::nullopt, {}});
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

void Shadow::cover(std::uint32_t begin, std::uint32_t end) {
    split(begin);
    split(end);
    auto cell = cells_.lower_bound(begin);
    for (std::uint32_t at = begin; at < end;) {
        const std::uint32_t next = cell == cells_.end() ? end : std::min(end, cell->first);
        if (at < next)
            cells_.emplace_hint(cell, at, Cell{next, false, std::nullopt, {}});
        if (cell == cells_.end() || cell->first >= end)
            return;
        at = cell->second.end;
        ++cell;
    }
}

Shadow::ReadResult Shadow::read(std::uint32_t begin, std::uint32_t end, const Access &access,
                                const VectorClock &clock) {
    ReadResult result;
    cover(begin, end);
    for (auto cell = cells_.lower_bound(begin); cell != cells_.end() && cell->first < end; ++cell) {
        const auto &writer = cell->second.writer;
        if (writer && !writer->before(clock)) {
            result.conflict = Conflict{cell->first, *writer, true};
            return result;
        }
        if (!cell->second.written && !result.unwritten)
            result.unwritten = cell->first;
        auto &readers = cell->second.readers;
        const auto same = std::ranges::find(readers, access.agent, &Access::agent);
        if (same == readers.end())
            readers.push_back(access);
        else
            *same = access;
    }
    return result;
}

std::optional<Shadow::Conflict> Shadow::write(std::uint32_t begin, std::uint32_t end, const Access &access,
                                              const VectorClock &clock) {
    split(begin);
    split(end);
    const auto first = cells_.lower_bound(begin);
    auto last = first;
    for (; last != cells_.end() && last->first < end; ++last) {
        const auto &[cell_end, written, writer, readers] = last->second;
        if (writer && !writer->before(clock))
            return Conflict{last->first, *writer, true};
        for (const Access &reader : readers)
            if (!reader.before(clock))
                return Conflict{last->first, reader, false};
    }
    cells_.emplace_hint(cells_.erase(first, last), begin, Cell{end, true, access, {}});
    return std::nullopt;
}

} // namespace neuron::chip::hazard
