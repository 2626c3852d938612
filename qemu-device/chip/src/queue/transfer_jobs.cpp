// SPDX-License-Identifier: MIT
#include "transfer_jobs.hpp"

#include <algorithm>

namespace neuron::chip {

namespace {
/// Rows of a strided copy in one step: bounds a step over tiny rows.
constexpr unsigned MAX_ROWS = 256;
} // namespace

JobResult CopyJob::step(PacketContext &context) {
    if (left == 0)
        return JobStep::DONE;
    const Access access(context.space, context.actor);
    const auto moved = copy(access, context.services.host, dst, src, left, context.bounce);
    if (!moved)
        return packet_fault(moved.error());
    src += *moved;
    dst += *moved;
    left -= *moved;
    context.queue.moved(*moved);
    return left == 0 ? JobStep::DONE : JobStep::MORE;
}

JobResult FillJob::step(PacketContext &context) {
    if (left == 0)
        return JobStep::DONE;
    const Access access(context.space, context.actor);
    const auto filled = fill(access, context.services.host, dst, left, pattern, done, context.bounce);
    if (!filled)
        return packet_fault(filled.error());
    dst += *filled;
    done += *filled;
    left -= *filled;
    context.queue.moved(*filled);
    return left == 0 ? JobStep::DONE : JobStep::MORE;
}

JobResult FenceJob::step(PacketContext &context) {
    const Access access(context.space, context.actor);
    if (const auto written = write_u64(access, context.services.host, addr, value); !written)
        return packet_fault(written.error());
    return JobStep::DONE;
}

StridedCopyJob::StridedCopyJob(const spec::PacketCopyStrided &packet)
    : src_(packet.src), dst_(packet.dst), row_bytes_(packet.row_bytes) {
    std::ranges::copy(packet.count, count_.begin());
    std::ranges::copy(packet.src_stride, src_stride_.begin());
    std::ranges::copy(packet.dst_stride, dst_stride_.begin());
    merge_rows();
}

void CopyJob::serialize(Archive &archive, PacketContext &) {
    const std::uint64_t bytes = left;
    archive.number("left", left, 0, bytes);
    src += bytes - left;
    dst += bytes - left;
}

void FillJob::serialize(Archive &archive, PacketContext &) {
    const std::uint64_t bytes = left;
    archive.number("left", left, 0, bytes);
    dst += bytes - left;
    done += bytes - left;
}

void StridedCopyJob::serialize(Archive &archive, PacketContext &) {
    for (std::size_t i = 0; i < count_.size(); ++i) {
        archive.number("row", index_[i], 0, count_[i] - 1);
        if (!archive.loading())
            continue;
        src_ += static_cast<Wide>(index_[i]) * src_stride_[i];
        dst_ += static_cast<Wide>(index_[i]) * dst_stride_[i];
    }
    archive.number("byte of the row", done_, 0, row_bytes_ - 1);
}

// Rows that follow each other without a gap on both sides are one longer row.
void StridedCopyJob::merge_rows() {
    for (std::size_t i = 0; i < count_.size(); ++i) {
        const auto row = static_cast<std::int64_t>(row_bytes_);
        const bool follows = src_stride_[i] == row && dst_stride_[i] == row;
        const bool fits = count_[i] <= (1ULL << spec::MMU_VA_BITS) / row_bytes_;
        if (count_[i] != 1 && !(follows && fits))
            return;
        row_bytes_ *= count_[i];
        count_[i] = 1;
    }
}

MemoryResult<std::uint64_t> StridedCopyJob::row_address(Wide address, std::uint64_t bytes, bool write) {
    const auto va = static_cast<std::uint64_t>(address);
    if (address < 0 || address >> spec::MMU_VA_BITS != 0)
        return tl::unexpected(MemoryFault{spec::Fault::BAD_ADDRESS, va, 0, write});
    if (const auto range = check_range(va, bytes, write); !range)
        return tl::unexpected(range.error());
    return va;
}

bool StridedCopyJob::advance() {
    done_ = 0;
    for (std::size_t i = 0; i < count_.size(); ++i) {
        if (++index_[i] < count_[i]) {
            src_ += src_stride_[i];
            dst_ += dst_stride_[i];
            return true;
        }
        const auto back = static_cast<Wide>(count_[i] - 1);
        src_ -= back * src_stride_[i];
        dst_ -= back * dst_stride_[i];
        index_[i] = 0;
    }
    return false;
}

JobResult StridedCopyJob::step(PacketContext &context) {
    const Access access(context.space, context.actor);
    std::size_t budget = CHUNK;
    for (unsigned rows = 0; rows < MAX_ROWS && budget != 0;) {
        const auto src = row_address(src_, row_bytes_, false);
        const auto dst = row_address(dst_, row_bytes_, true);
        if (!src || !dst)
            return packet_fault(src ? dst.error() : src.error());
        const std::uint64_t want = std::min<std::uint64_t>(row_bytes_ - done_, budget);
        const auto moved = copy(access, context.services.host, *dst + done_, *src + done_, want, context.bounce);
        if (!moved)
            return packet_fault(moved.error());
        budget -= *moved;
        done_ += *moved;
        if (done_ != row_bytes_)
            continue;
        ++rows;
        if (!advance()) {
            context.queue.moved(CHUNK - budget);
            return JobStep::DONE;
        }
    }
    context.queue.moved(CHUNK - budget);
    return JobStep::MORE;
}

} // namespace neuron::chip
