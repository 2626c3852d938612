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
        std::optional<Access> other; ///< nobody: the bytes were never written
        bool other_writes = false;
    };

    /// Nothing was ever written.
    void forget();
    /// What was written stays so, and comes before everything from now on.
    void settle();

    /// Checks and records a read of [begin, end) by somebody who knows `clock`. `unwritten`: reading bytes that nobody
    /// wrote is a conflict.
    std::optional<Conflict> read(std::uint32_t begin, std::uint32_t end, const Access &access, const VectorClock &clock,
                                 bool unwritten);
    /// Checks and records a write.
    std::optional<Conflict> write(std::uint32_t begin, std::uint32_t end, const Access &access,
                                  const VectorClock &clock);

private:
    struct Cell {
        std::uint32_t end;
        std::optional<Access> writer; ///< of this launch
        std::vector<Access> readers;  ///< since then, one per agent
    };
    using Cells = std::map<std::uint32_t, Cell>; ///< by first byte; what is in no cell was never written

    /// Makes `at` a border between cells.
    void split(std::uint32_t at);

    Cells cells_;
};

} // namespace neuron::chip::hazard
