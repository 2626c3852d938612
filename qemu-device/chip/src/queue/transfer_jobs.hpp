// SPDX-License-Identifier: MIT
// The packets that move data. Each is a plain value whose step() moves one chunk; decode_packet() has checked it.
#pragma once

#include "packet_job.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>

namespace neuron::chip {

// serialize() is about progress only: reading, the job is as decode_packet() has made it of the same packet.

struct NopJob {
    JobResult step(PacketContext &) { return JobStep::DONE; }
    void serialize(Archive &, PacketContext &) {}
};

struct CopyJob {
    std::uint64_t src;
    std::uint64_t dst;
    std::uint64_t left;

    JobResult step(PacketContext &context);
    void serialize(Archive &archive, PacketContext &context);
};

struct FillJob {
    std::uint64_t dst;
    std::uint64_t left;
    std::uint64_t pattern;
    std::uint64_t done = 0;

    JobResult step(PacketContext &context);
    void serialize(Archive &archive, PacketContext &context);
};

struct FenceJob {
    std::uint64_t addr;
    std::uint64_t value;

    JobResult step(PacketContext &context);
    void serialize(Archive &, PacketContext &) {}
};

class StridedCopyJob {
public:
    explicit StridedCopyJob(const spec::PacketCopyStrided &packet);
    JobResult step(PacketContext &context);
    void serialize(Archive &archive, PacketContext &context);

private:
    /// Address arithmetic that no packet can overflow: 2^32 rows times 2^31 bytes, three times, on a 64-bit base.
    __extension__ using Wide = __int128;

    void merge_rows();
    /// Moves to the next row; false after the last one.
    bool advance();
    static MemoryResult<std::uint64_t> row_address(Wide address, std::uint64_t bytes, bool write);

    Wide src_;
    Wide dst_;
    std::uint64_t row_bytes_;
    std::array<std::uint64_t, 3> count_;
    std::array<std::int64_t, 3> src_stride_;
    std::array<std::int64_t, 3> dst_stride_;
    std::array<std::uint64_t, 3> index_{};
    std::uint64_t done_ = 0; ///< bytes of the present row
};

} // namespace neuron::chip
