// SPDX-License-Identifier: MIT
#pragma once

#include "access.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace neuron::chip::hazard {

/// What is known of the bytes of one partition of one memory: who wrote them last, and who has read them since. Byte-exact:
/// neighbours in a word do not disturb each other.
class Shadow {
public:
    /// The first conflict of an access.
    struct Conflict {
        std::uint32_t byte;
        Access other;
        bool other_writes;
    };

    /// What a read found out.
    struct ReadResult {
        std::optional<Conflict> conflict;
        std::optional<std::uint32_t> unwritten; ///< first byte that nobody has written
    };

    /// Nothing was ever written.
    void forget();
    /// What was written stays so, and comes before everything from now on.
    void settle();

    /// Checks and records a read of [begin, end) by somebody who knows `clock`. A conflict ends it.
    ReadResult read(std::uint32_t begin, std::uint32_t end, const Access &access, const VectorClock &clock);
    /// Checks and records a write.
    std::optional<Conflict> write(std::uint32_t begin, std::uint32_t end, const Access &access,
                                  const VectorClock &clock);

private:
    struct Cell {
        std::uint32_t end;
        bool written;
        std::optional<Access> writer; ///< of this launch
        std::vector<Access> readers;  ///< since then, one per agent
    };
    using Cells = std::map<std::uint32_t, Cell>; ///< by first byte; what is in no cell was never touched

    /// Makes `at` a border between cells.
    void split(std::uint32_t at);
    /// Puts cells where [begin, end) has none.
    void cover(std::uint32_t begin, std::uint32_t end);

    Cells cells_;
};

} // namespace neuron::chip::hazard
