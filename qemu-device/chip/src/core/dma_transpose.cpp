// SPDX-License-Identifier: MIT
// The transfers of dma_transfer.hpp that go across rows: DMA_TRANSPOSE, and loads whose strides transpose.
#include "dma_elements.hpp"
#include "dma_transfer.hpp"

#include <algorithm>
#include <cstdlib>

namespace neuron::chip {

namespace {

/// Rows that lie side by side in memory: one element of each of them is a line.
struct Lines {
    std::uint64_t bytes;   ///< of a line
    std::uint64_t spacing; ///< from line to line
    std::uint64_t lowest;  ///< bytes that the first row's element lies above the line's start
};

Lines lines_of(const MemoryBlock &block, std::int64_t stride, std::uint64_t rows) {
    const std::uint64_t width = static_cast<std::uint64_t>(std::llabs(block.row_stride())) * (rows - 1);
    return {.bytes = width + block.element_bytes(),
            .spacing = static_cast<std::uint64_t>(std::llabs(stride)),
            .lowest = block.row_stride() < 0 ? width : 0};
}

} // namespace

/// Whether a load's memory has the elements of a row further apart than the rows: read that way it would touch each of its
/// pages once per row.
bool DmaTransfer::runs_along_columns(const DmaJob &job) {
    constexpr std::uint64_t MIN_ROWS = 4;
    constexpr std::uint64_t MAX_SPREAD = 8; // bytes read for each one that is wanted
    const auto *const source = std::get_if<DmaBlock>(&job.src);
    if (source == nullptr || !std::holds_alternative<DmaTile>(job.dst) || !job.plain() || job.index ||
        job.rows < MIN_ROWS)
        return false;
    const auto lane = source->block.at(0, 0);
    const Lines lines = lines_of(source->block, lane.stride, job.rows);
    return lane.count > 1 && lines.spacing > static_cast<std::uint64_t>(std::llabs(source->block.row_stride())) &&
           lines.bytes <= MAX_SPREAD * job.rows * source->block.element_bytes();
}

DmaTransfer::Progress DmaTransfer::advance_columns(Step &step) {
    const MemoryBlock &block = std::get<DmaBlock>(step.job.src).block;
    const DmaTile &tile = std::get<DmaTile>(step.job.dst);
    while (element_ < step.job.elements) {
        if (step.budget.used_up())
            return false;
        if (const auto moved = move_columns(step, block, tile); !moved)
            return tl::unexpected(moved.error());
    }
    return true;
}

// The next few elements of all rows: their lines into the buffer, from there a column to each partition.
MemoryResult<void> DmaTransfer::move_columns(Step &step, const MemoryBlock &block, const DmaTile &tile) {
    const std::uint32_t bytes = step.src_bytes;
    const std::uint64_t rows = step.job.rows;
    const auto segment = block.at(0, element_);
    const Lines lines = lines_of(block, segment.stride, rows);
    // Lines with little between them are read as one block.
    const bool dense = lines.spacing <= 2 * lines.bytes;
    const std::uint64_t pitch = dense ? lines.spacing : lines.bytes;
    const std::uint64_t fits = (CHUNK - lines.bytes) / pitch + 1;
    const std::uint64_t wanted = std::max<std::uint64_t>(CHUNK / (rows * bytes), 1);
    const std::uint64_t count =
        std::min({segment.count, fits, wanted, dense ? wanted : std::uint64_t{step.budget.runs}});

    const bool down = segment.stride < 0;
    const WideAddress low = segment.address - lines.lowest;
    const std::uint64_t reach = dense ? lines.spacing * (count - 1) + lines.bytes : lines.bytes;
    for (std::uint64_t i = 0; i < (dense ? 1 : count); ++i) {
        const WideAddress first = dense ? low + (down ? segment.stride * static_cast<std::int64_t>(count - 1) : 0)
                                        : low + static_cast<WideAddress>(segment.stride) * i;
        const auto va = context_address(first, reach, false);
        if (!va)
            return tl::unexpected(va.error());
        const auto place = dense ? in_.first(reach) : in_.subspan(i * pitch, reach);
        if (const auto done = read(step.access, step.host, *va, place); !done)
            return done;
        step.budget.spend(reach);
    }

    const std::int64_t along = dense && down ? -static_cast<std::int64_t>(pitch) : static_cast<std::int64_t>(pitch);
    const std::byte *const origin = in_.data() + lines.lowest + (dense && down ? pitch * (count - 1) : 0);
    for (std::uint64_t row = 0; row < rows; ++row) {
        const std::byte *const from = origin + static_cast<std::int64_t>(row) * block.row_stride();
        for (std::uint64_t done = 0; done < count;) {
            const auto part = tile.at(static_cast<unsigned>(row), static_cast<std::uint32_t>(element_ + done));
            const std::uint64_t n = std::min<std::uint64_t>(part.count, count - done);
            copy_elements(bytes, part.at, part.step, from + static_cast<std::int64_t>(done) * along, along, n);
            done += n;
        }
    }
    element_ += count;
    moved_ += rows * count * bytes;
    return {};
}

// At most 128 times 128 elements: one step, and all of src fits into the buffer.
void DmaTransfer::transpose(const DmaJob &job) {
    static_assert(std::size_t{spec::PARTITIONS} * spec::PARTITIONS * sizeof(std::uint32_t) <= CHUNK);
    const DmaTile &src = std::get<DmaTile>(job.src);
    const DmaTile &dst = std::get<DmaTile>(job.dst);
    const std::uint32_t bytes = src.view.element_bytes();
    const std::uint32_t row_bytes = src.view.row_bytes();
    moved_ += std::uint64_t{src.view.partitions()} * row_bytes;
    for (unsigned row = 0; row < src.view.partitions(); ++row) {
        for (std::uint32_t done = 0; done < src.view.elements();) {
            const auto part = src.at(row, done);
            copy_elements(bytes, in_.data() + std::size_t{row} * row_bytes + std::size_t{done} * bytes, bytes, part.at,
                          part.step, part.count);
            done += static_cast<std::uint32_t>(part.count);
        }
    }
    for (unsigned row = 0; row < dst.view.partitions(); ++row) {
        for (std::uint32_t done = 0; done < dst.view.elements();) {
            const auto part = dst.at(row, done);
            copy_elements(bytes, part.at, part.step,
                          in_.data() + std::size_t{row} * bytes + std::size_t{done} * row_bytes, row_bytes, part.count);
            done += static_cast<std::uint32_t>(part.count);
        }
    }
}

} // namespace neuron::chip
