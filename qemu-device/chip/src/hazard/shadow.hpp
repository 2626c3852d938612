// SPDX-License-Identifier: MIT
#pragma once

#include "access.hpp"
#include "compute/tile_view.hpp"
#include "history.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace neuron::chip::hazard {

/// How an operand is accessed.
enum class Mode : std::uint8_t {
    READ,
    READ_PARTLY, ///< only some elements, which only the data tells
    WRITE,
    MODIFY,       ///< read, then written
    WRITE_PARTLY, ///< some elements may keep what they had
};

constexpr bool reads(Mode mode) { return mode == Mode::READ || mode == Mode::READ_PARTLY || mode == Mode::MODIFY; }
constexpr bool writes(Mode mode) { return mode != Mode::READ && mode != Mode::READ_PARTLY; }

/// The part of a tile that is accessed.
struct Region {
    using Rows = std::bitset<spec::PARTITIONS>;
    static Rows all_rows() { return Rows().set(); }

    // NOLINTNEXTLINE(google-explicit-constructor): most often all of it is
    Region(const TileView &view) : tile(view), elements(view.elements()) {}

    TileView tile;
    Rows rows = all_rows();  ///< of the tile, counted from 0
    std::uint32_t first = 0; ///< element of the walk
    std::uint32_t elements;
};

/// What has happened to the bytes of a core's SBUF and PSUM. Byte-exact: neighbours in a word do not disturb each other.
///
/// An access takes time in proportion to the elements that it names, whatever was there before, and memory is bounded: two
/// bytes per byte, and a table of histories. A program that fills the table has all that lies behind it taken for ordered;
/// that takes about 65000 accesses that still matter and differ in instruction, order or readers.
class Shadow {
public:
    /// Throws std::bad_alloc.
    explicit Shadow(std::uint32_t sbuf_bytes_per_partition);

    struct Place {
        unsigned partition;
        std::uint32_t byte;
    };
    struct Conflict {
        Place place;
        Access other;
        bool other_writes;
    };
    struct Found {
        std::optional<Conflict> conflict; ///< the first one; it ends the access
        std::optional<Place> unwritten;   ///< the first byte that was read and that nobody has written
    };

    /// Nothing was ever written.
    void forget();
    /// What was written stays so, and comes before everything from now on.
    void settle();

    /// Checks and records an access to `region` by somebody who knows `clock`.
    Found access(const Region &region, Mode mode, const Access &access, const VectorClock &clock);

    /// Number of different histories.
    std::size_t histories() const { return histories_.size(); }

private:
    using Id = Histories::Id;
    static constexpr std::size_t ROWS = 2 * std::size_t{spec::PARTITIONS};

    /// The histories of a partition's bytes.
    struct Row {
        Id *bytes;
        std::uint32_t touched = 0; ///< from here on all are UNTOUCHED
    };
    struct Free {
        void operator()(void *memory) const { std::free(memory); }
    };
    /// What the present access makes of a history; of no use to later ones.
    struct Next {
        std::uint32_t step = 0; ///< that has found it out
        Id id = 0;
    };
    class Step;

    Row &row(spec::Space space, unsigned partition) { return rows_[spec::raw(space) * spec::PARTITIONS + partition]; }
    void new_step();
    /// Makes the table of histories shorter.
    void make_room();

    std::unique_ptr<Id[], Free> bytes_; ///< of the rows; the host backs what was touched
    std::array<Row, ROWS> rows_;
    Histories histories_;
    std::vector<Next> next_; ///< by history
    std::uint32_t step_ = 0;
};

} // namespace neuron::chip::hazard
