// SPDX-License-Identifier: MIT
// Pieces of rows turned by 90 degrees, as fp32: the elements of one index of all partitions side by
// side. What is sequential within a partition runs over all partitions at once.
#ifndef NEURON_CHIP_COMPUTE_COLUMNS_HPP
#define NEURON_CHIP_COMPUTE_COLUMNS_HPP

#include "compute/exec_context.hpp"
#include "compute/tile_view.hpp"
#include "neuron/spec.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// Indices of the walk that are turned at a time.
inline constexpr std::uint32_t COLUMN_CHUNK = 32;

/// Element [i][p]: index i of the piece, row p of the batch.
struct alignas(64) Columns {
    std::array<std::array<float, spec::PARTITIONS>, COLUMN_CHUNK> at;
};

/// Rows of a tile as columns. Takes three scratch buffers from `which` on while it lives, if
/// `buffered`.
class ColumnReader {
public:
    /// Rows that can be read at once if the reader is buffered.
    static constexpr unsigned BUFFERED_ROWS = 12;

    /// `buffered`: the rows are copied by begin(), because what is written meanwhile may lie where
    /// they do.
    ColumnReader(ExecContext &context, const TileView &view, unsigned which, bool buffered)
        : context_(context), view_(view), which_(which), buffered_(buffered) {}

    /// The following read() are for `rows` rows from `first_row` on.
    void begin(unsigned first_row, unsigned rows);
    /// Elements first to first + count - 1 of these rows. Columns above `rows`, up to a multiple of
    /// 4, hold anything.
    void read(std::uint32_t first, std::uint32_t count, Columns &out);

private:
    const std::byte *piece(unsigned row, std::uint32_t first, std::uint32_t count, std::byte *copy);
    std::byte *buffered_row(unsigned row);

    ExecContext &context_;
    const TileView &view_;
    unsigned which_;
    bool buffered_;
    unsigned first_row_ = 0;
    unsigned rows_ = 0;
};

/// Columns to the rows of a dst tile: converted, rounding as the engine's state says. NaNs are
/// canonical already. An instruction has one.
class ColumnWriter {
public:
    ColumnWriter(ExecContext &context, const TileView &view) : context_(context), view_(view) {}
    /// All is written: counts the random words that were taken.
    ~ColumnWriter();
    ColumnWriter(const ColumnWriter &) = delete;
    ColumnWriter &operator=(const ColumnWriter &) = delete;

    void begin(unsigned first_row, unsigned rows);
    void write(std::uint32_t first, std::uint32_t count, const Columns &in);

private:
    void convert_piece(unsigned row, std::uint32_t first, std::uint32_t count, const float *in, std::byte *out);

    ExecContext &context_;
    const TileView &view_;
    unsigned first_row_ = 0;
    unsigned rows_ = 0;
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_COLUMNS_HPP
