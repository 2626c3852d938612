// SPDX-License-Identifier: MIT
// What has happened to a byte of on-chip memory.
#pragma once

#include "access.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace neuron::chip::hazard {

/// Whether a byte was ever written, who of this launch wrote it last, and who has read it since.
struct History {
    bool written = false;
    std::optional<Access> writer;
    std::vector<Access> readers; ///< one per agent, in ascending order

    friend bool operator==(const History &, const History &) = default;
};

/// The histories of a core's bytes, each kept once and known by a number: that of a byte fits into two, however many have
/// the same one. Not thread-safe.
class Histories {
public:
    using Id = std::uint16_t;
    /// Nothing has happened; written, by somebody who comes before everybody. These two are always there.
    static constexpr Id UNTOUCHED = 0;
    static constexpr Id SETTLED = 1;
    static constexpr std::size_t MAX = std::size_t{1} << 16;
    using Ids = std::bitset<MAX>;

    Histories();

    const History &operator[](Id id) const { return *by_id_[id]; }
    /// Number of them.
    std::size_t size() const { return ids_.size(); }
    bool full() const { return size() == MAX; }

    /// The number of `history`. There must be room for one more.
    Id id_of(History history);
    /// Forgets all that are not in `used`.
    void keep(const Ids &used);

private:
    struct Hash {
        std::size_t operator()(const History &history) const;
    };

    std::unordered_map<History, Id, Hash> ids_;
    std::vector<const History *> by_id_; ///< nullptr: free
    std::vector<Id> free_;
};

} // namespace neuron::chip::hazard
