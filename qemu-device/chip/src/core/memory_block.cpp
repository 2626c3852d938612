// SPDX-License-Identifier: MIT
#include "memory_block.hpp"

#include "../memory/transfer.hpp"

#include <limits>

namespace neuron::chip {

MemoryResult<std::uint64_t> context_address(WideAddress address, std::uint64_t bytes, bool write) {
    const auto va = static_cast<std::uint64_t>(address);
    if (address < 0 || address >> spec::MMU_VA_BITS != 0)
        return tl::unexpected(MemoryFault{spec::Fault::BAD_ADDRESS, va, 0, write});
    if (const auto range = check_range(va, bytes, write); !range)
        return tl::unexpected(range.error());
    return va;
}

MemoryBlock::MemoryBlock(const spec::Mem &mem, std::span<const std::uint64_t, spec::LAUNCH_ARGS> args,
                         std::uint32_t reg_value, std::uint32_t element_bytes)
    : base_(args[mem.arg]), row_stride_(mem.partition_stride), element_bytes_(element_bytes) {
    const auto sign_extended = static_cast<std::int64_t>(static_cast<std::int32_t>(reg_value));
    base_ += mem.offset;
    base_ += static_cast<WideAddress>(mem.reg == 0 ? 0 : sign_extended) * (static_cast<WideAddress>(1) << mem.shift);
    std::size_t used = 0;
    for (std::size_t i = 0; i < mem.num.size(); ++i) {
        const Loop next{mem.num[i], mem.stride[i]};
        if (next.count == 1)
            continue;
        if (used > 0 && static_cast<WideAddress>(next.stride) ==
                            static_cast<WideAddress>(loops_[used - 1].stride) * loops_[used - 1].count)
            loops_[used - 1].count *= next.count;
        else
            loops_[used++] = next;
    }
    if (used == 0)
        loops_[0].stride = element_bytes_; // one element is contiguous whatever its strides say
}

std::uint64_t MemoryBlock::elements(const spec::Mem &mem) {
    const std::uint64_t inner = std::uint64_t{mem.num[0]} * mem.num[1];
    if (mem.num[2] != 0 && inner > std::numeric_limits<std::uint64_t>::max() / mem.num[2])
        return std::numeric_limits<std::uint64_t>::max();
    return inner * mem.num[2];
}

MemoryBlock::Segment MemoryBlock::at(std::uint64_t row, std::uint64_t element) const {
    Segment segment{base_ + static_cast<WideAddress>(row_stride_) * row, lane().stride, lane().count};
    std::uint64_t index = element;
    if (loops_[1].count != 1) {
        const std::uint64_t outer = element / lane().count;
        index = element % lane().count;
        segment.address += static_cast<WideAddress>(loops_[1].stride) * (outer % loops_[1].count);
        segment.address += static_cast<WideAddress>(loops_[2].stride) * (outer / loops_[1].count);
    }
    segment.address += static_cast<WideAddress>(lane().stride) * index;
    segment.count -= index;
    return segment;
}

MemoryResult<std::uint64_t> MemoryBlock::address(std::uint64_t offset, std::uint64_t bytes, bool write) const {
    return context_address(base_ + offset, bytes, write);
}

std::pair<WideAddress, WideAddress> MemoryBlock::reach(std::uint64_t rows) const {
    WideAddress low = base_, high = base_ + element_bytes_ - 1;
    const auto stretch = [&](std::int64_t stride, std::uint64_t count) {
        const WideAddress far = static_cast<WideAddress>(stride) * (count - 1);
        (far < 0 ? low : high) += far;
    };
    stretch(row_stride_, rows);
    for (const Loop &loop : loops_)
        stretch(loop.stride, loop.count);
    return {low, high};
}

MemoryBlock MemoryBlock::moved(WideAddress bytes) const {
    MemoryBlock block = *this;
    block.base_ += bytes;
    return block;
}

bool MemoryBlock::rows_follow(std::uint64_t rows) const {
    return rows == 1 || (contiguous() && static_cast<WideAddress>(row_stride_) ==
                                             static_cast<WideAddress>(lane().count) * element_bytes_);
}

} // namespace neuron::chip
