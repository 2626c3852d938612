// SPDX-License-Identifier: MIT
#pragma once

#include "../state/archive.hpp"
#include "dma_job.hpp"
#include "dma_memory.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace neuron::chip {

/// Moves the elements of one job at a time, a chunk per call. Not thread-safe; allocates only when it is made.
///
/// A row is moved in pieces. A piece goes straight from the one end to the other where both are consecutive bytes and
/// nothing is done to them, and otherwise through buffers: load, convert, store, each of which may take several steps.
class DmaTransfer {
public:
    /// `max_row_bytes`: of a partition.
    explicit DmaTransfer(std::uint32_t max_row_bytes);

    /// Takes up a job. Reads its index tile.
    void begin(const DmaJob &job);
    /// Rows of the tile that the job of begin() moves: all but those whose index it skips.
    std::bitset<spec::PARTITIONS> rows(const DmaJob &job) const;
    /// Moves a chunk of the job of begin(). True: it is complete. Errors: memory faults, and INDEX_RANGE with the index;
    /// what has been moved stays.
    MemoryResult<bool> advance(const DmaJob &job, const Access &access, const Host &host);
    /// Bytes that have arrived since the last call.
    std::uint64_t take_moved() { return std::exchange(moved_, 0); }

    /// Progress between two calls of advance(). Reading, `job` is the same; what it says is checked against it.
    void serialize(Archive &archive, const DmaJob &job);

private:
    /// Most elements of a piece that goes through the buffers.
    static constexpr std::size_t PIECE = 8192;
    /// True: done. False: the budget is used up.
    using Progress = MemoryResult<bool>;

    /// How the present piece moves.
    enum class Path : std::uint8_t {
        STAGED,
        INTO_PLACE, ///< memory to consecutive elements of a tile
        FROM_PLACE, ///< the reverse
        COPY,       ///< memory to memory
    };

    /// What lives as long as a step.
    struct Step {
        Step(const DmaJob &job, const Access &access, const Host &host,
             std::span<std::byte, DmaMemory::BOUNCE_BYTES> bounce)
            : job(job),
              access(access),
              host(host),
              src(access, host, budget, bounce),
              dst(access, host, budget, bounce),
              src_bytes(spec::bytes(dtype_of(job.src))),
              dst_bytes(spec::bytes(dtype_of(job.dst))) {}

        const DmaJob &job;
        const Access &access;
        const Host &host;
        DmaBudget budget;
        DmaMemory src;
        DmaMemory dst;
        std::uint32_t src_bytes; ///< of an element
        std::uint32_t dst_bytes;
    };

    Progress advance_rows(Step &step);
    /// False: there is no piece, the row is skipped.
    MemoryResult<bool> begin_piece(Step &step);
    void plan(const DmaJob &job);
    Progress move_piece(Step &step);
    void end_piece(const DmaJob &job);

    void serialize_piece(Archive &archive, const DmaJob &job);
    /// Of the buffers, what the rest of the row needs.
    void serialize_buffers(Archive &archive, const DmaJob &job);
    /// Where store() finds what convert_piece() has left.
    std::byte *converted_at(const DmaJob &job) const;

    Progress copy_piece(Step &step);
    Progress stage_piece(Step &step);
    Progress load(Step &step);
    void load_tile(Step &step, const DmaTile &tile);
    Progress load_block(Step &step, const MemoryBlock &block, std::byte *to);
    Progress load_sources(Step &step);
    void add_source(Step &step);
    void convert_piece(const DmaJob &job);
    Progress store(Step &step);
    Progress store_tile(Step &step, const DmaTile &tile);
    Progress store_block(Step &step, const MemoryBlock &block, const std::byte *from);

    static bool runs_along_columns(const DmaJob &job);
    Progress advance_columns(Step &step);
    MemoryResult<void> move_columns(Step &step, const MemoryBlock &block, const DmaTile &tile);

    void transpose(const DmaJob &job);

    // Progress of the job. An index of -1 and below, or of bound and above, is out of bounds.
    std::array<std::int64_t, spec::PARTITIONS> rows_{};
    bool columns_ = false;
    std::uint64_t row_ = 0;
    std::uint64_t memory_row_ = 0; ///< which row of the block that is
    std::uint64_t element_ = 0;    ///< of the row, where the piece begins

    std::uint64_t moved_ = 0; ///< see take_moved()

    // Progress of the piece.
    Path path_ = Path::STAGED;
    bool in_piece_ = false;
    bool converted_ = false;
    std::uint64_t count_ = 0;  ///< elements
    std::uint64_t loaded_ = 0; ///< elements; bytes on path COPY
    std::uint64_t stored_ = 0; ///< elements
    std::uint32_t source_ = 0;
    std::byte *ready_ = nullptr; ///< what store() stores: elements of dst's type, or floats for an operation

    // Untouched until something needs them.
    std::unique_ptr<std::byte[]> buffers_;
    std::span<std::byte> in_;  ///< a row of a tile, or a piece from memory
    std::span<std::byte> out_; ///< a piece, of four bytes per element
    std::byte *bounce_;        ///< DmaMemory::BOUNCE_BYTES
};

} // namespace neuron::chip
