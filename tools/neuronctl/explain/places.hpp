// SPDX-License-Identifier: MIT
/**
 * @file
 * Where an address lies among ranges that belong to somebody.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "state.hpp"

namespace neuronctl::explain {

/** Bytes of an address space that are used for something. */
struct Range {
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    std::string what{}; ///< "buffer", "ring", "stamps", "seqno", "table", "events", "process", "free", "scrubbing".
    std::uint64_t buffer = 0; ///< 0: none.
    std::uint64_t offset = 0; ///< Of the first byte in what it belongs to.
    std::string more{};       ///< "queue 3", "context 1".
    Process process{};        ///< Whose; pid 0: not known, or the driver's.

    /** Whether the address is in it. */
    bool holds(std::uint64_t at) const { return at >= start && at - start < size; }
};

/** The range that an address lies in, or the nearest ones within 1 GiB. Pointers into the ranges that were searched. */
struct Place {
    const Range *in = nullptr;
    const Range *below = nullptr;
    const Range *above = nullptr;
};

/** Ranges in any order. Free ones count as nothing. */
Place find_place(const std::vector<Range> &ranges, std::uint64_t address);

/** What a context has mapped. */
std::vector<Range> mapped(const State &state, std::uint64_t ctx);

/** "buffer 3 'weights' (hbm, 8 KiB) of matmul (812)", "ring of queue 3 (driver)". */
std::string name_of(const Range &range, const State &state);

/** "byte 64 of NAME", or "64 bytes behind the end of NAME, 4.0 KiB before NAME"; "nothing is near" without neighbours. */
std::string place_text(const Place &place, std::uint64_t address, const State &state);

} // namespace neuronctl::explain
