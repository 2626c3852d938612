// SPDX-License-Identifier: MIT
#include "places.hpp"

#include <fmt/format.h>

#include "../report.hpp"

namespace neuronctl::explain {
namespace {

/// What is farther is no neighbour: that it is near says nothing.
constexpr std::uint64_t NEAR = 1ULL << 30;

bool is_near(std::uint64_t low, std::uint64_t high) { return low <= high && high - low <= NEAR; }

bool used(const Range &range) { return range.what != "free"; }

// Exact up to where nobody counts any more.
std::string distance(std::uint64_t bytes) {
    return bytes < 1U << 20 ? fmt::format("{} bytes", bytes) : bytes_text(bytes);
}

std::string process_text(const Process &process) {
    return process.pid == 0 ? std::string() : fmt::format(" of {} ({})", process.comm, process.pid);
}

} // namespace

Place find_place(const std::vector<Range> &ranges, std::uint64_t address) {
    Place out;
    for (const Range &range : ranges) {
        if (!used(range) || range.size == 0)
            continue;
        if (range.holds(address))
            out.in = &range;
        else if (range.start > address && (out.above == nullptr || range.start < out.above->start))
            out.above = &range;
        else if (range.start < address &&
                 (out.below == nullptr || range.start + range.size > out.below->start + out.below->size))
            out.below = &range;
    }
    if (out.below != nullptr && !is_near(out.below->start + out.below->size, address))
        out.below = nullptr;
    if (out.above != nullptr && !is_near(address, out.above->start))
        out.above = nullptr;
    return out;
}

std::vector<Range> mapped(const State &state, std::uint64_t ctx) {
    std::vector<Range> out;
    const auto owner = state.contexts.find(ctx);
    for (const Mapping &mapping : state.mappings)
        if (mapping.ctx == ctx)
            out.push_back({.start = mapping.va,
                           .size = mapping.size,
                           .what = mapping.place == "process" ? "process" : "buffer",
                           .buffer = mapping.buffer,
                           .offset = mapping.offset,
                           .more = fmt::format("context {}", ctx),
                           .process = owner != state.contexts.end() ? owner->second : Process{}});
    return out;
}

std::string name_of(const Range &range, const State &state) {
    if (range.what == "process")
        return fmt::format("memory of a DMA job{}", process_text(range.process));
    if (range.what != "buffer")
        return range.more.empty() ? range.what : fmt::format("{} of {}", range.what, range.more);
    const auto found = state.buffers.find(range.buffer);
    if (found == state.buffers.end())
        return fmt::format("buffer {}{}", range.buffer, process_text(range.process));
    const Buffer &buffer = found->second;
    const std::string label = buffer.label.empty() ? std::string() : fmt::format(" '{}'", buffer.label);
    const std::string made = buffer.made.empty() ? std::string() : fmt::format(", made at {}", buffer.made);
    return fmt::format("buffer {}{} ({}, {}{}){}", buffer.id, label, buffer.place, bytes_text(buffer.size), made,
                       process_text(buffer.owner));
}

std::string place_text(const Place &place, std::uint64_t address, const State &state) {
    if (place.in != nullptr)
        return fmt::format("byte {} of {}", place.in->offset + (address - place.in->start), name_of(*place.in, state));
    std::string out;
    if (place.below != nullptr)
        out = fmt::format("{} behind the end of {}", distance(address - (place.below->start + place.below->size)),
                          name_of(*place.below, state));
    if (place.above != nullptr)
        out += fmt::format("{}{} before {}", out.empty() ? "" : ", ", distance(place.above->start - address),
                           name_of(*place.above, state));
    return out.empty() ? "nothing is near" : out;
}

} // namespace neuronctl::explain
