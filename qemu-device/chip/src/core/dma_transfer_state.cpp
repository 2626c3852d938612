// SPDX-License-Identifier: MIT
// What a transfer in flight writes into a stream. How its present piece moves follows from the job and the place in it.
#include "dma_transfer.hpp"

#include <limits>

namespace neuron::chip {

namespace {

bool in_bounds(std::int64_t row, const DmaIndex &index) { return row >= 0 && row < std::int64_t{index.bound}; }

bool between_tiles(const DmaJob &job) {
    return std::holds_alternative<DmaTile>(job.src) && std::holds_alternative<DmaTile>(job.dst);
}

} // namespace

void DmaTransfer::serialize(Archive &archive, const DmaJob &job) {
    if (job.index)
        for (unsigned row = 0; row < job.rows; ++row)
            archive.number("index", rows_[row], std::numeric_limits<std::int32_t>::min(),
                           std::numeric_limits<std::uint32_t>::max());
    archive.flag("by columns", columns_);
    archive.number("row", row_, 0, job.rows);
    archive.number("element", element_, 0, columns_ ? job.elements : job.elements - 1);
    archive.flag("in a piece", in_piece_);
    archive.require(!columns_ || (runs_along_columns(job) && row_ == 0 && !in_piece_), "by columns",
                    "is set, but the transfer is none of that kind");
    archive.require(row_ < job.rows || (element_ == 0 && !in_piece_), "row", "is the last one already");
    archive.require(job.kind != DmaJob::Kind::TRANSPOSE || (row_ == 0 && element_ == 0 && !in_piece_), "row",
                    "is that of a transposition, which takes one step");
    if (in_piece_)
        serialize_piece(archive, job);
    if (!columns_ && (in_piece_ || element_ != 0))
        serialize_buffers(archive, job);
    moved_ = archive.loading() ? 0 : moved_;
}

void DmaTransfer::serialize_piece(Archive &archive, const DmaJob &job) {
    if (archive.loading()) {
        archive.require(!job.index || in_bounds(rows_[row_], *job.index), "index", "is out of bounds");
        memory_row_ = job.index ? static_cast<std::uint64_t>(rows_[row_]) : row_;
        plan(job);
    }
    const std::uint64_t loaded = path_ == Path::COPY ? count_ * spec::bytes(dtype_of(job.src)) : count_;
    archive.flag("converted", converted_);
    archive.number("loaded", loaded_, 0, loaded);
    archive.number("stored", stored_, 0, count_);
    archive.number("source", source_, 0, job.kind == DmaJob::Kind::REDUCE ? job.sources : 0);
    archive.require(!converted_ || path_ == Path::STAGED, "converted", "is set for a piece that is not");
    if (archive.loading())
        ready_ = converted_ ? converted_at(job) : in_.data();
}

std::byte *DmaTransfer::converted_at(const DmaJob &job) const {
    if (job.kind == DmaJob::Kind::REDUCE)
        return in_.data();
    if (job.op != spec::DmaOp::WRITE || !job.plain())
        return out_.data();
    // The whole row lies there.
    return in_.data() + (between_tiles(job) ? element_ * spec::bytes(dtype_of(job.src)) : 0);
}

void DmaTransfer::serialize_buffers(Archive &archive, const DmaJob &job) {
    const std::uint64_t src_bytes = spec::bytes(dtype_of(job.src));
    if (between_tiles(job))
        archive.bytes(in_.first(job.elements * src_bytes));
    if (!in_piece_ || path_ != Path::STAGED)
        return;
    const bool reduces = job.kind == DmaJob::Kind::REDUCE;
    if (converted_)
        archive.bytes(
            {ready_, count_ * (job.op != spec::DmaOp::WRITE ? sizeof(float) : spec::bytes(dtype_of(job.dst)))});
    else if (!between_tiles(job))
        archive.bytes(in_.first(loaded_ * src_bytes));
    if (reduces && !converted_ && source_ != 0)
        archive.bytes(out_.first(count_ * sizeof(float)));
}

} // namespace neuron::chip
