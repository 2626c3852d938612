// SPDX-License-Identifier: MIT
#pragma once

#include "../mmu/memory_fault.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace neuron::chip {

/// Wide enough for any sum of an argument, an offset, a shifted register and products of stride and index.
__extension__ using WideAddress = __int128;

/// `address` as a context address of `bytes` bytes. Errors: BAD_ADDRESS unless all of them are in the context's range.
MemoryResult<std::uint64_t> context_address(WideAddress address, std::uint64_t bytes, bool write);

/// A struct mem of an instruction with its argument and register applied: where the elements of each row are. Knows nothing
/// of page tables, so addresses may be any number. Plain value.
class MemoryBlock {
public:
    /// Elements of one row that are equally far apart.
    struct Segment {
        WideAddress address; ///< of the first one
        std::int64_t stride; ///< bytes from one to the next
        std::uint64_t count;
    };

    /// No num of `mem` is 0, and their product is at most 2^32.
    MemoryBlock(const spec::Mem &mem, std::span<const std::uint64_t, spec::LAUNCH_ARGS> args, std::uint32_t reg_value,
                std::uint32_t element_bytes);

    /// Elements of one row of `mem`; saturates.
    static std::uint64_t elements(const spec::Mem &mem);

    std::uint32_t element_bytes() const { return element_bytes_; }
    std::int64_t row_stride() const { return row_stride_; }
    /// Whether each row is consecutive bytes in ascending order.
    bool contiguous() const { return loops_[1].count == 1 && loops_[2].count == 1 && lane().stride == element_bytes_; }

    /// Element `element` of row `row`, and as many of its row after it as are equally far apart.
    Segment at(std::uint64_t row, std::uint64_t element) const;

    /// Context address `offset` bytes after the first element, checked for `bytes` bytes. Errors: BAD_ADDRESS.
    MemoryResult<std::uint64_t> address(std::uint64_t offset, std::uint64_t bytes, bool write) const;

    /// The first and the last byte of its first `rows` rows.
    std::pair<WideAddress, WideAddress> reach(std::uint64_t rows) const;
    /// The same block `bytes` further up.
    MemoryBlock moved(WideAddress bytes) const;
    /// Whether `rows` rows are consecutive bytes, and can be made one by merge_rows().
    bool rows_follow(std::uint64_t rows) const;
    void merge_rows(std::uint64_t rows) { loops_[0].count *= rows; }

private:
    struct Loop {
        std::uint64_t count = 1;
        std::int64_t stride = 0;
    };
    const Loop &lane() const { return loops_[0]; }

    WideAddress base_;
    std::int64_t row_stride_;
    std::uint32_t element_bytes_;
    std::array<Loop, 3> loops_; ///< innermost first; those that continue each other are merged
};

} // namespace neuron::chip
