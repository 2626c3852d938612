// SPDX-License-Identifier: MIT
// On-chip memory of one core: SBUF, PSUM, and the scratch rows of its engines.
#ifndef NEURON_CHIP_COMPUTE_CORE_MEMORY_HPP
#define NEURON_CHIP_COMPUTE_CORE_MEMORY_HPP

#include "neuron/spec.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// SBUF and PSUM of one core, zero at first. Backed by the host page by page as they are touched.
///
/// Threading: the accessors may be called from any thread. The bytes behind the spans have no lock:
/// semaphores of the program order its accesses, as on the chip. clear() needs a core that is idle,
/// engines and DMA rings included.
class CoreMemory {
public:
    /// Never throws. If the host has no address space left, ok() is false, bytes() is 0 for every
    /// space, and so every tile is out of range.
    explicit CoreMemory(std::uint32_t sbuf_bytes_per_partition) noexcept;
    ~CoreMemory();
    CoreMemory(const CoreMemory &) = delete;
    CoreMemory &operator=(const CoreMemory &) = delete;

    /// Whether the memory could be reserved. Check it once, after construction.
    bool ok() const noexcept { return base_ != nullptr; }

    /// Bytes of `space` in one partition.
    std::uint32_t bytes(spec::Space space) const noexcept {
        return space == spec::Space::PSUM ? psum_.bytes : sbuf_.bytes;
    }

    /// Partition `p` (below PARTITIONS) of `space`, 64-byte aligned. Valid as long as the object.
    std::span<std::byte> partition(spec::Space space, unsigned p) noexcept {
        const Region &region = space == spec::Space::PSUM ? psum_ : sbuf_;
        return {row(region, p), region.bytes};
    }
    std::span<const std::byte> partition(spec::Space space, unsigned p) const noexcept {
        const Region &region = space == spec::Space::PSUM ? psum_ : sbuf_;
        return {row(region, p), region.bytes};
    }

    /// Bytes from one partition of `space` to the next, a multiple of 64.
    std::size_t partition_stride(spec::Space space) const noexcept {
        return space == spec::Space::PSUM ? psum_.stride : sbuf_.stride;
    }

    /// Working memory that only the sequencer of `engine` uses: SCRATCH_ROWS rows, each of a float
    /// per byte of the largest partition, 64-byte aligned. It is reserved here so that no
    /// instruction can fail for lack of memory.
    std::span<std::byte> scratch(spec::Engine engine, unsigned which) noexcept;
    static constexpr unsigned SCRATCH_ROWS = 8;

    /// All that the host has reserved for it.
    std::span<const std::byte> mapping() const noexcept { return {base_, mapped_}; }

    /// Zero everything. Costs next to nothing when little was touched.
    void clear() noexcept;

private:
    struct Region {
        std::size_t offset = 0; ///< of partition 0, from base_
        std::size_t stride = 0;
        std::uint32_t bytes = 0;
    };

    std::byte *row(const Region &region, unsigned p) const noexcept {
        return base_ + region.offset + p * region.stride;
    }

    /// Only in a build with the address sanitizer does this do anything.
    void forbid_gaps() noexcept;

    std::byte *base_ = nullptr;
    std::size_t mapped_ = 0;
    Region sbuf_;
    Region psum_;
    Region scratch_;
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_CORE_MEMORY_HPP
