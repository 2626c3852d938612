// SPDX-License-Identifier: MIT
#pragma once

#include "compute/core_memory.hpp"
#include "compute/tile_view.hpp"
#include "memory_block.hpp"

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

namespace neuron::chip {

class Core;

/// A tile of this core, or of another one of the launch, as an end of a transfer.
struct DmaTile {
    /// Elements of one partition that are equally far apart.
    struct Segment {
        std::byte *at; ///< the first one
        std::int64_t step;
        std::size_t count;
    };

    TileView view;
    CoreMemory *memory;

    /// Element `element` of partition `row` of the tile, and as many after it as are equally far apart.
    Segment at(unsigned row, std::uint32_t element) const;
};

/// A block of the context's memory as an end of a transfer.
struct DmaBlock {
    MemoryBlock block;
    spec::Dtype dtype;
};

using DmaEnd = std::variant<DmaTile, DmaBlock>;

inline spec::Dtype dtype_of(const DmaEnd &end) {
    const auto *const tile = std::get_if<DmaTile>(&end);
    return tile != nullptr ? tile->view.dtype() : std::get<DmaBlock>(end).dtype;
}

/// Which rows of its block a gather or scatter uses.
struct DmaIndex {
    TileView tile; ///< of this core; read when the transfer starts
    std::uint32_t bound;
    spec::OobMode oob;
};

/// What a gather, scatter or reduction adds to a plain move is in the optional parts. Plain value.
struct DmaJob {
    enum class Kind : std::uint8_t {
        MOVE,      ///< row by row, element by element
        TRANSPOSE, ///< tile to tile; rows and elements are those of dst
        REDUCE,    ///< `sources` blocks to a tile
    };
    /// The tile of another core that DMA_SEND writes to is in `dst`; this is what its core hears of it.
    struct Peer {
        Core *core;
        std::uint8_t semaphore;
        std::uint32_t value;
    };

    Kind kind = Kind::MOVE;
    spec::DmaOp op = spec::DmaOp::WRITE;
    DmaEnd dst;
    DmaEnd src;
    std::uint32_t rows;
    std::uint64_t elements; ///< of a row
    std::optional<DmaIndex> index;
    std::uint32_t sources = 1;
    std::int64_t source_stride = 0; ///< bytes
    std::optional<Peer> peer;

    spec::InstructionHeader header; ///< its update fires at the end
    std::uint32_t pc;
    spec::Engine engine;         ///< that issued it
    std::uint64_t since = ~0ULL; ///< see Actor; of a chip with a sanitizer

    /// Whether nothing is done to the elements but to move their bits.
    bool plain() const { return kind != Kind::REDUCE && op == spec::DmaOp::WRITE && dtype_of(dst) == dtype_of(src); }
};

} // namespace neuron::chip
