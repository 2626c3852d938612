// SPDX-License-Identifier: MIT
#include "compute/columns.hpp"

#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/rows.hpp"
#include "compute/walk.hpp"

namespace neuron::chip {

namespace {

constexpr std::size_t STEP = transpose_multiple(sizeof(float));
constexpr std::size_t COLUMNS_STRIDE = sizeof(float) * spec::PARTITIONS;
static_assert(COLUMN_CHUNK % STEP == 0 && spec::PARTITIONS % STEP == 0);
// Whole partitions in one scratch buffer.
constexpr unsigned ROWS_PER_BUFFER = sizeof(float);
static_assert(ColumnReader::BUFFERED_ROWS == 3 * ROWS_PER_BUFFER);

// A piece of each row, before or after they are turned.
using Piece = std::array<float, COLUMN_CHUNK>;
struct alignas(64) Pieces {
    std::array<Piece, spec::PARTITIONS> rows;
};

// What is turned: whole squares. Elements beyond those asked for hold anything.
std::size_t whole(std::size_t n) { return (n + STEP - 1) / STEP * STEP; }

Block<std::byte> columns_block(Columns &columns) {
    return {reinterpret_cast<std::byte *>(columns.at.data()), COLUMNS_STRIDE};
}
Block<const std::byte> columns_block(const Columns &columns) {
    return {reinterpret_cast<const std::byte *>(columns.at.data()), COLUMNS_STRIDE};
}

// Whether the rows themselves can be turned, without a copy.
bool turns_in_place(const TileView &view, unsigned rows, std::uint32_t count) {
    return view.dtype() == spec::Dtype::F32 && view.contiguous() && rows % STEP == 0 && count % STEP == 0;
}

} // namespace

std::byte *ColumnReader::buffered_row(unsigned row) {
    return context_.memory.scratch(context_.engine, which_ + row / ROWS_PER_BUFFER).data() +
           std::size_t{row % ROWS_PER_BUFFER} * view_.row_bytes();
}

void ColumnReader::begin(unsigned first_row, unsigned rows) {
    first_row_ = first_row;
    rows_ = rows;
    for (unsigned row = 0; buffered_ && row < rows; ++row) {
        gather(context_.memory, view_, first_row + row, {buffered_row(row), view_.row_bytes()});
    }
}

const std::byte *ColumnReader::piece(unsigned row, std::uint32_t first, std::uint32_t count, std::byte *copy) {
    const std::size_t at = std::size_t{first} * view_.element_bytes();
    if (buffered_) {
        return buffered_row(row) + at;
    }
    if (view_.contiguous()) {
        return row_in_place(context_.memory, view_, first_row_ + row).data() + at;
    }
    gather_part(context_.memory, view_, first_row_ + row, first, count, copy);
    return copy;
}

void ColumnReader::read(std::uint32_t first, std::uint32_t count, Columns &out) {
    if (!buffered_ && turns_in_place(view_, rows_, count)) {
        const Block<std::byte> in = block_in_place(context_, view_, first_row_, first);
        return transpose_block(sizeof(float), columns_block(out), {in.first, in.stride}, rows_, count);
    }
    Pieces pieces;
    for (unsigned row = 0; row < rows_; ++row) {
        alignas(64) std::array<std::byte, sizeof(Piece)> copy;
        convert(spec::Dtype::F32, reinterpret_cast<std::byte *>(pieces.rows[row].data()), view_.dtype(),
                piece(row, first, count, copy.data()), count);
    }
    transpose_block(sizeof(float), columns_block(out),
                    {reinterpret_cast<const std::byte *>(pieces.rows.data()), sizeof(Piece)}, whole(rows_),
                    whole(count));
}

ColumnWriter::~ColumnWriter() {
    if (rounds_stochastically(context_.state, view_.dtype())) {
        context_.state.words += view_.elements();
    }
}

void ColumnWriter::begin(unsigned first_row, unsigned rows) {
    first_row_ = first_row;
    rows_ = rows;
}

void ColumnWriter::convert_piece(unsigned row, std::uint32_t first, std::uint32_t count, const float *in,
                                 std::byte *out) {
    if (rounds_stochastically(context_.state, view_.dtype())) {
        convert_stochastic(view_.dtype(), out, in, count, row_stream(context_, view_, row).from(first));
    } else {
        convert(view_.dtype(), out, spec::Dtype::F32, reinterpret_cast<const std::byte *>(in), count);
    }
}

void ColumnWriter::write(std::uint32_t first, std::uint32_t count, const Columns &in) {
    if (turns_in_place(view_, rows_, count)) {
        return transpose_block(sizeof(float), block_in_place(context_, view_, first_row_, first), columns_block(in),
                               count, rows_);
    }
    Pieces pieces;
    transpose_block(sizeof(float), {reinterpret_cast<std::byte *>(pieces.rows.data()), sizeof(Piece)},
                    columns_block(in), whole(count), whole(rows_));
    for (unsigned k = 0; k < rows_; ++k) {
        const unsigned row = first_row_ + k;
        const float *const values = pieces.rows[k].data();
        if (const std::span<std::byte> place = row_in_place(context_.memory, view_, row); !place.empty()) {
            convert_piece(row, first, count, values, place.data() + std::size_t{first} * view_.element_bytes());
        } else {
            alignas(64) std::array<std::byte, sizeof(Piece)> converted;
            convert_piece(row, first, count, values, converted.data());
            scatter_part(context_.memory, view_, row, first, count, converted.data());
        }
    }
}

} // namespace neuron::chip
