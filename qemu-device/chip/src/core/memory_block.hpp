// SPDX-License-Identifier: MIT
#pragma once

#include "../mmu/memory_fault.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// A struct mem of an instruction with its argument and register applied: rows of runs of consecutive bytes. Elements
/// that follow each other in memory are merged into runs.
class MemoryBlock {
public:
    MemoryBlock(const spec::Mem &mem, std::span<const std::uint64_t, spec::LAUNCH_ARGS> args, std::uint32_t reg_value,
                std::uint32_t element_bytes);

    /// Elements of one row of `mem`; saturates.
    static std::uint64_t elements(const spec::Mem &mem);

    std::uint64_t run_bytes() const { return run_bytes_; }
    /// Address of byte `offset` of the present run, checked for `bytes` bytes.
    MemoryResult<std::uint64_t> address(std::uint64_t offset, std::uint64_t bytes, bool write) const;
    /// Goes to the next run of the row; false: that was the last one, and the block stands at the next row.
    bool next_run();

private:
    /// Wide enough for any sum of an argument, an offset, a shifted register and four products of stride and index.
    __extension__ using Wide = __int128;

    struct Loop {
        std::uint32_t count = 1;
        std::uint32_t index = 0;
        std::int64_t stride = 0;
    };

    Wide row_;
    Wide run_;
    std::int64_t row_stride_;
    std::uint64_t run_bytes_;
    std::array<Loop, 3> loops_; ///< innermost first
};

} // namespace neuron::chip
