// SPDX-License-Identifier: MIT
#include "compute/walk.hpp"

#include "compute/dma_tile.hpp"

#include <algorithm>
#include <cstring>

namespace neuron::chip {

namespace {

// A scratch buffer has a float per byte of a partition.
constexpr unsigned ROWS_PER_BUFFER = sizeof(float);
static_assert(ROWS_PER_BUFFER * CoreMemory::SCRATCH_ROWS >= QUADRANT);

// Calls visit(byte offset of the piece's first element, its elements) for the pieces of lanes that
// make up `count` elements of the walk from `first` on.
template<class Visit>
void for_each_piece(const TileView &view, std::uint32_t first, std::uint32_t count, Visit &&visit) {
    const auto &[inner, middle, outer] = view.outer();
    const TileView::Loop lane = view.lane();
    while (count > 0) {
        const std::uint32_t number = first / lane.count;
        const std::uint32_t within = first % lane.count;
        const std::uint32_t piece = std::min(count, lane.count - within);
        const std::int64_t k = number % inner.count;
        const std::int64_t j = number / inner.count % middle.count;
        const std::int64_t i = number / inner.count / middle.count;
        visit(view.first_byte() + i * outer.step + j * middle.step + k * inner.step + within * lane.step, piece);
        first += piece;
        count -= piece;
    }
}

template<std::size_t BYTES>
void move_elements(std::byte *out, std::int64_t out_step, const std::byte *in, std::int64_t in_step,
                   std::uint32_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        std::memcpy(out + i * out_step, in + i * in_step, BYTES);
    }
}

void move_piece(std::uint32_t element_bytes, std::byte *out, std::int64_t out_step, const std::byte *in,
                std::int64_t in_step, std::uint32_t count) {
    if (out_step == in_step) { // both consecutive: one side always is
        std::memcpy(out, in, std::size_t{count} * element_bytes);
        return;
    }
    switch (element_bytes) {
    case 1: return move_elements<1>(out, out_step, in, in_step, count);
    case 2: return move_elements<2>(out, out_step, in, in_step, count);
    default: return move_elements<4>(out, out_step, in, in_step, count);
    }
}

} // namespace

void gather_part(const CoreMemory &memory, const TileView &view, unsigned row, std::uint32_t first, std::uint32_t count,
                 std::byte *out) {
    const std::byte *const base = memory.partition(view.space(), view.first_partition() + row).data();
    const std::uint32_t size = view.element_bytes();
    for_each_piece(view, first, count, [&](std::int64_t at, std::uint32_t piece) {
        move_piece(size, out, size, base + at, view.lane().step, piece);
        out += std::size_t{piece} * size;
    });
}

void scatter_part(CoreMemory &memory, const TileView &view, unsigned row, std::uint32_t first, std::uint32_t count,
                  const std::byte *in) {
    std::byte *const base = memory.partition(view.space(), view.first_partition() + row).data();
    const std::uint32_t size = view.element_bytes();
    for_each_piece(view, first, count, [&](std::int64_t at, std::uint32_t piece) {
        move_piece(size, base + at, view.lane().step, in, size, piece);
        in += std::size_t{piece} * size;
    });
}

const std::byte *row_bytes_of(ExecContext &context, const TileView &view, unsigned row, unsigned which, bool in_place) {
    if (in_place && view.contiguous()) {
        return row_in_place(context.memory, view, row).data();
    }
    const std::span<std::byte> copy = context.memory.scratch(context.engine, which).first(view.row_bytes());
    gather(context.memory, view, row, copy);
    return copy.data();
}

void store_row(ExecContext &context, const TileView &view, unsigned row, const std::byte *in) {
    scatter(context.memory, view, row, {in, view.row_bytes()});
}

Block<std::byte> block_in_place(ExecContext &context, const TileView &view, unsigned row, std::uint32_t first) {
    return {context.memory.partition(view.space(), view.first_partition() + row).data() + view.first_byte() +
                std::size_t{first} * view.element_bytes(),
            context.memory.partition_stride(view.space())};
}

std::byte *quadrant_row(ExecContext &context, unsigned k, std::uint32_t row_bytes) {
    return context.memory.scratch(context.engine, k / ROWS_PER_BUFFER).data() +
           std::size_t{k % ROWS_PER_BUFFER} * row_bytes;
}

} // namespace neuron::chip
