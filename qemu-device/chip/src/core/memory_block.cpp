// SPDX-License-Identifier: MIT
#include "memory_block.hpp"

#include "../memory/transfer.hpp"

#include <limits>

namespace neuron::chip {

MemoryBlock::MemoryBlock(const spec::Mem &mem, std::span<const std::uint64_t, spec::LAUNCH_ARGS> args,
                         std::uint32_t reg_value, std::uint32_t element_bytes)
    : row_(args[mem.arg]), row_stride_(mem.partition_stride), run_bytes_(element_bytes) {
    const auto sign_extended = static_cast<std::int64_t>(static_cast<std::int32_t>(reg_value));
    row_ += mem.offset;
    row_ += static_cast<Wide>(mem.reg == 0 ? 0 : sign_extended) * (static_cast<Wide>(1) << mem.shift);
    run_ = row_;
    std::size_t used = 0;
    for (std::size_t i = 0; i < mem.num.size(); ++i) {
        const bool follows = used == 0 && mem.stride[i] == static_cast<std::int64_t>(run_bytes_);
        if (mem.num[i] == 1 || follows)
            run_bytes_ *= mem.num[i];
        else
            loops_[used++] = {mem.num[i], 0, mem.stride[i]};
    }
}

std::uint64_t MemoryBlock::elements(const spec::Mem &mem) {
    const std::uint64_t inner = std::uint64_t{mem.num[0]} * mem.num[1];
    if (mem.num[2] != 0 && inner > std::numeric_limits<std::uint64_t>::max() / mem.num[2])
        return std::numeric_limits<std::uint64_t>::max();
    return inner * mem.num[2];
}

MemoryResult<std::uint64_t> MemoryBlock::address(std::uint64_t offset, std::uint64_t bytes, bool write) const {
    const Wide at = run_ + offset;
    const auto va = static_cast<std::uint64_t>(at);
    if (at < 0 || at >> spec::MMU_VA_BITS != 0)
        return tl::unexpected(MemoryFault{spec::Fault::BAD_ADDRESS, va, 0, write});
    if (const auto range = check_range(va, bytes, write); !range)
        return tl::unexpected(range.error());
    return va;
}

bool MemoryBlock::next_run() {
    for (Loop &loop : loops_) {
        if (++loop.index < loop.count) {
            run_ += loop.stride;
            return true;
        }
        run_ -= static_cast<Wide>(loop.stride) * (loop.count - 1);
        loop.index = 0;
    }
    row_ += row_stride_;
    run_ = row_;
    return false;
}

} // namespace neuron::chip
