// SPDX-License-Identifier: MIT
#include "compute/dma_tile.hpp"

#include <cstring>

namespace neuron::chip {

namespace {

// Calls visit(byte offset of the lane's first element) for each lane of the walk, in order.
template<class Visit>
void for_each_lane(const TileView &view, Visit &&visit) {
    const auto &[inner, middle, outer] = view.outer();
    for (std::uint32_t i = 0; i < outer.count; ++i) {
        for (std::uint32_t j = 0; j < middle.count; ++j) {
            for (std::uint32_t k = 0; k < inner.count; ++k) {
                visit(view.first_byte() + i * outer.step + j * middle.step + k * inner.step);
            }
        }
    }
}

// `count` elements, the two sides each with its own step in bytes. A constant element size makes
// each move one load and one store.
template<std::size_t BYTES>
void move_lane(std::byte *out, std::int64_t out_step, const std::byte *in, std::int64_t in_step, std::uint32_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        std::memcpy(out + i * out_step, in + i * in_step, BYTES);
    }
}

using MoveLane = void (*)(std::byte *, std::int64_t, const std::byte *, std::int64_t, std::uint32_t);

MoveLane lane_mover(std::uint32_t element_bytes) {
    return element_bytes == 1 ? move_lane<1> : element_bytes == 2 ? move_lane<2> : move_lane<4>;
}

} // namespace

void gather(const CoreMemory &memory, const TileView &view, unsigned row, std::span<std::byte> out) {
    const std::byte *const base = memory.partition(view.space(), view.first_partition() + row).data();
    const TileView::Loop lane = view.lane();
    const std::size_t lane_bytes = std::size_t{lane.count} * view.element_bytes();
    const MoveLane move = lane_mover(view.element_bytes());
    std::byte *to = out.data();
    for_each_lane(view, [&](std::int64_t at) {
        if (lane.step == view.element_bytes()) {
            std::memcpy(to, base + at, lane_bytes);
        } else {
            move(to, view.element_bytes(), base + at, lane.step, lane.count);
        }
        to += lane_bytes;
    });
}

void scatter(CoreMemory &memory, const TileView &view, unsigned row, std::span<const std::byte> in) {
    std::byte *const base = memory.partition(view.space(), view.first_partition() + row).data();
    const TileView::Loop lane = view.lane();
    const std::size_t lane_bytes = std::size_t{lane.count} * view.element_bytes();
    const MoveLane move = lane_mover(view.element_bytes());
    const std::byte *from = in.data();
    for_each_lane(view, [&](std::int64_t at) {
        if (lane.step == view.element_bytes()) {
            std::memcpy(base + at, from, lane_bytes);
        } else {
            move(base + at, lane.step, from, view.element_bytes(), lane.count);
        }
        from += lane_bytes;
    });
}

std::span<std::byte> row_in_place(CoreMemory &memory, const TileView &view, unsigned row) {
    if (!view.contiguous()) {
        return {};
    }
    return memory.partition(view.space(), view.first_partition() + row).subspan(view.first_byte(), view.row_bytes());
}

} // namespace neuron::chip
