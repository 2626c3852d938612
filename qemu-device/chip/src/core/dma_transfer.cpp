// SPDX-License-Identifier: MIT
#include "dma_transfer.hpp"

#include "compute/convert.hpp"
#include "compute/fp_environment.hpp"
#include "dma_elements.hpp"

#include <algorithm>
#include <cstring>

namespace neuron::chip {

namespace {

/// Shorter runs of consecutive bytes are collected before they go to memory, where each access has its price.
constexpr std::size_t WORTH_AN_ACCESS = 256;

float *floats(std::byte *at) { return reinterpret_cast<float *>(at); }

std::int64_t value_of_index(spec::Dtype dtype, const std::byte *at) {
    std::uint32_t raw = 0;
    std::memcpy(&raw, at, spec::bytes(dtype));
    return dtype == spec::Dtype::I32 ? static_cast<std::int32_t>(raw) : std::int64_t{raw};
}

// The elements from `element` on, `left` of them at most.
MemoryBlock::Segment part_of(const MemoryBlock &block, std::uint64_t row, std::uint64_t element, std::uint64_t left) {
    MemoryBlock::Segment segment = block.at(row, element);
    segment.count = std::min(segment.count, left);
    return segment;
}

DmaTile::Segment part_of(const DmaTile &tile, std::uint64_t row, std::uint64_t element, std::uint64_t left) {
    DmaTile::Segment segment = tile.at(static_cast<unsigned>(row), static_cast<std::uint32_t>(element));
    segment.count = std::min<std::uint64_t>(segment.count, left);
    return segment;
}

} // namespace

DmaTransfer::DmaTransfer(std::uint32_t max_row_bytes) {
    const std::size_t in_bytes = std::max<std::size_t>(max_row_bytes, CHUNK);
    const std::size_t out_bytes = PIECE * sizeof(float);
    buffers_ = std::make_unique_for_overwrite<std::byte[]>(in_bytes + out_bytes + DmaMemory::BOUNCE_BYTES);
    in_ = {buffers_.get(), in_bytes};
    out_ = {in_.data() + in_bytes, out_bytes};
    bounce_ = out_.data() + out_bytes;
}

void DmaTransfer::begin(const DmaJob &job) {
    row_ = 0;
    element_ = 0;
    in_piece_ = false;
    columns_ = runs_along_columns(job);
    if (!job.index)
        return;
    const TileView &index = job.index->tile;
    const DmaTile column{index, std::get_if<DmaTile>(&job.src) != nullptr ? std::get<DmaTile>(job.src).memory
                                                                          : std::get<DmaTile>(job.dst).memory};
    for (unsigned row = 0; row < job.rows; ++row)
        rows_[row] = value_of_index(index.dtype(), column.at(row, 0).at);
}

MemoryResult<bool> DmaTransfer::advance(const DmaJob &job, const Access &access, const Host &host) {
    const DefaultFpEnvironment environment;
    if (job.kind == DmaJob::Kind::TRANSPOSE) {
        transpose(job);
        return true;
    }
    Step step(job, access, host, std::span<std::byte, DmaMemory::BOUNCE_BYTES>(bounce_, DmaMemory::BOUNCE_BYTES));
    if (columns_) {
        if (const auto done = advance_columns(step))
            return done;
        // Row by row finds the fault that comes first, and moves what comes before it.
        columns_ = false;
        element_ = 0;
    }
    return advance_rows(step);
}

DmaTransfer::Progress DmaTransfer::advance_rows(Step &step) {
    while (row_ < step.job.rows) {
        if (step.budget.used_up())
            return false;
        if (!in_piece_) {
            const auto begun = begin_piece(step);
            if (!begun)
                return begun;
            if (!*begun)
                continue;
        }
        const auto moved = move_piece(step);
        if (!moved || !*moved)
            return moved;
        end_piece(step.job);
    }
    return true;
}

MemoryResult<bool> DmaTransfer::begin_piece(Step &step) {
    memory_row_ = row_;
    if (const auto &index = step.job.index) {
        const std::int64_t row = rows_[row_];
        if (row < 0 || row >= std::int64_t{index->bound}) {
            step.budget.spend(0);
            if (index->oob == spec::OobMode::FAULT)
                return tl::unexpected(MemoryFault{spec::Fault::INDEX_RANGE, 0, static_cast<std::uint64_t>(row)});
            ++row_;
            return false;
        }
        memory_row_ = static_cast<std::uint64_t>(row);
    }
    plan(step.job);
    in_piece_ = true;
    converted_ = false;
    loaded_ = 0;
    stored_ = 0;
    source_ = 0;
    return true;
}

void DmaTransfer::plan(const DmaJob &job) {
    const std::uint64_t left = job.elements - element_;
    path_ = Path::STAGED;
    count_ = std::min<std::uint64_t>(left, PIECE);
    if (!job.plain())
        return;
    const auto bytes = static_cast<std::int64_t>(spec::bytes(dtype_of(job.dst)));
    const auto *const from = std::get_if<DmaTile>(&job.src);
    const auto *const to = std::get_if<DmaTile>(&job.dst);
    if (from != nullptr && to != nullptr)
        return;
    if (from == nullptr && to == nullptr) {
        const auto source = part_of(std::get<DmaBlock>(job.src).block, memory_row_, element_, left);
        const auto target = part_of(std::get<DmaBlock>(job.dst).block, memory_row_, element_, source.count);
        if (source.stride == bytes && target.stride == bytes) {
            path_ = Path::COPY;
            count_ = target.count;
        }
        return;
    }
    const auto place = part_of(from != nullptr ? *from : *to, row_, element_, left);
    if (place.step == bytes &&
        (place.count == left || place.count * spec::bytes(dtype_of(job.dst)) >= WORTH_AN_ACCESS)) {
        path_ = from != nullptr ? Path::FROM_PLACE : Path::INTO_PLACE;
        count_ = place.count;
    }
}

DmaTransfer::Progress DmaTransfer::move_piece(Step &step) {
    switch (path_) {
    case Path::COPY: return copy_piece(step);
    case Path::INTO_PLACE: {
        const auto place =
            std::get<DmaTile>(step.job.dst).at(static_cast<unsigned>(row_), static_cast<std::uint32_t>(element_));
        return load_block(step, std::get<DmaBlock>(step.job.src).block, place.at);
    }
    case Path::FROM_PLACE: {
        const auto place =
            std::get<DmaTile>(step.job.src).at(static_cast<unsigned>(row_), static_cast<std::uint32_t>(element_));
        return store_block(step, std::get<DmaBlock>(step.job.dst).block, place.at);
    }
    case Path::STAGED: break;
    }
    return stage_piece(step);
}

void DmaTransfer::end_piece(const DmaJob &job) {
    in_piece_ = false;
    if (path_ != Path::COPY)
        moved_ += count_ * spec::bytes(dtype_of(job.dst));
    element_ += count_;
    if (element_ == job.elements) {
        element_ = 0;
        ++row_;
    }
}

DmaTransfer::Progress DmaTransfer::copy_piece(Step &step) {
    constexpr std::uint64_t VA_END = 1ULL << spec::MMU_VA_BITS;
    const auto source = std::get<DmaBlock>(step.job.src).block.at(memory_row_, element_);
    const auto target = std::get<DmaBlock>(step.job.dst).block.at(memory_row_, element_);
    const std::uint64_t bytes = count_ * step.src_bytes;
    while (loaded_ < bytes) {
        if (step.budget.used_up())
            return false;
        const auto src = context_address(source.address + loaded_, 1, false);
        const auto dst = context_address(target.address + loaded_, 1, true);
        if (!src || !dst)
            return tl::unexpected(src ? dst.error() : src.error());
        // All that is left, for copy() takes another way for a lot. It moves a chunk of it.
        const std::uint64_t left = std::min({bytes - loaded_, VA_END - *src, VA_END - *dst});
        const auto copied = copy(step.access, step.host, *dst, *src, left, in_);
        if (!copied)
            return tl::unexpected(copied.error());
        loaded_ += *copied;
        moved_ += *copied;
        step.budget.spend(*copied);
    }
    return true;
}

DmaTransfer::Progress DmaTransfer::stage_piece(Step &step) {
    if (!converted_) {
        const auto loaded = load(step);
        if (!loaded || !*loaded)
            return loaded;
        convert_piece(step.job);
        converted_ = true;
    }
    return store(step);
}

DmaTransfer::Progress DmaTransfer::load(Step &step) {
    if (step.job.kind == DmaJob::Kind::REDUCE)
        return load_sources(step);
    ready_ = in_.data();
    if (const auto *const tile = std::get_if<DmaTile>(&step.job.src)) {
        load_tile(step, *tile);
        return true;
    }
    return load_block(step, std::get<DmaBlock>(step.job.src).block, in_.data());
}

// Of a tile that goes to a tile, the whole row at its first piece: the two may overlap.
void DmaTransfer::load_tile(Step &step, const DmaTile &tile) {
    const bool whole_row = std::holds_alternative<DmaTile>(step.job.dst);
    const std::uint32_t bytes = step.src_bytes;
    if (whole_row)
        ready_ += element_ * bytes;
    if (whole_row && element_ != 0)
        return;
    const std::uint64_t count = whole_row ? step.job.elements : count_;
    for (std::uint64_t done = 0; done < count;) {
        const auto part = part_of(tile, row_, element_ + done, count - done);
        copy_elements(bytes, in_.data() + done * bytes, bytes, part.at, part.step, part.count);
        done += part.count;
    }
    step.budget.spend(count * bytes);
}

DmaTransfer::Progress DmaTransfer::load_block(Step &step, const MemoryBlock &block, std::byte *to) {
    const std::uint32_t bytes = step.src_bytes;
    while (loaded_ < count_) {
        if (step.budget.used_up())
            return false;
        const auto part = part_of(block, memory_row_, element_ + loaded_, count_ - loaded_);
        const auto loaded = step.src.load(part, bytes, to + loaded_ * bytes);
        if (!loaded)
            return tl::unexpected(loaded.error());
        loaded_ += *loaded;
    }
    return true;
}

DmaTransfer::Progress DmaTransfer::load_sources(Step &step) {
    const MemoryBlock &first = std::get<DmaBlock>(step.job.src).block;
    for (; source_ < step.job.sources; ++source_) {
        const auto offset = static_cast<WideAddress>(step.job.source_stride) * source_;
        const auto loaded = load_block(step, first.moved(offset), in_.data());
        if (!loaded || !*loaded)
            return loaded;
        add_source(step);
        loaded_ = 0;
    }
    return true;
}

void DmaTransfer::add_source(Step &step) {
    const spec::Dtype dtype = dtype_of(step.job.src);
    if (source_ == 0) {
        convert_to_f32(floats(out_.data()), dtype, in_.data(), count_);
        return;
    }
    alignas(64) float block[COMBINE_ELEMENTS];
    for (std::size_t done = 0; done < count_; done += COMBINE_ELEMENTS) {
        const std::size_t part = std::min<std::size_t>(COMBINE_ELEMENTS, count_ - done);
        convert_to_f32(block, dtype, in_.data() + done * step.src_bytes, part);
        add_floats(floats(out_.data()) + done, block, part);
    }
}

void DmaTransfer::convert_piece(const DmaJob &job) {
    if (job.kind == DmaJob::Kind::REDUCE) {
        canonicalize(floats(out_.data()), count_);
        convert(dtype_of(job.dst), in_.data(), spec::Dtype::F32, out_.data(), count_);
        ready_ = in_.data();
    } else if (job.op != spec::DmaOp::WRITE) {
        convert_to_f32(floats(out_.data()), dtype_of(job.src), ready_, count_);
        ready_ = out_.data();
    } else if (!job.plain()) {
        convert(dtype_of(job.dst), out_.data(), dtype_of(job.src), ready_, count_);
        ready_ = out_.data();
    }
}

DmaTransfer::Progress DmaTransfer::store(Step &step) {
    if (const auto *const tile = std::get_if<DmaTile>(&step.job.dst))
        return store_tile(step, *tile);
    return store_block(step, std::get<DmaBlock>(step.job.dst).block, ready_);
}

DmaTransfer::Progress DmaTransfer::store_tile(Step &step, const DmaTile &tile) {
    const std::uint32_t bytes = step.dst_bytes;
    const bool write = step.job.op == spec::DmaOp::WRITE;
    while (stored_ < count_) {
        auto part = part_of(tile, row_, element_ + stored_, count_ - stored_);
        if (write) {
            copy_elements(bytes, part.at, part.step, ready_ + stored_ * bytes, bytes, part.count);
        } else {
            if (step.budget.used_up())
                return false;
            // An element that the walk repeats sees what arrived before.
            part.count = part.step == 0 ? 1 : std::min(part.count, COMBINE_ELEMENTS);
            combine(step.job.op, tile.view.dtype(), part.at, part.step, floats(ready_) + stored_, part.count);
            step.budget.spend(part.count * bytes);
        }
        stored_ += part.count;
    }
    if (write)
        step.budget.spend(count_ * bytes);
    return true;
}

DmaTransfer::Progress DmaTransfer::store_block(Step &step, const MemoryBlock &block, const std::byte *from) {
    const std::uint32_t bytes = step.dst_bytes;
    const spec::DmaOp op = step.job.op;
    while (stored_ < count_) {
        if (step.budget.used_up())
            return false;
        const auto part = part_of(block, memory_row_, element_ + stored_, count_ - stored_);
        const auto stored =
            op == spec::DmaOp::WRITE
                ? step.dst.store(part, bytes, from + stored_ * bytes)
                : step.dst.combine(part, dtype_of(step.job.dst), op, reinterpret_cast<const float *>(from) + stored_);
        if (!stored)
            return tl::unexpected(stored.error());
        stored_ += *stored;
    }
    return true;
}

} // namespace neuron::chip
