// SPDX-License-Identifier: MIT
// The memory of the in-process platform, as the chip sees it through the bus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <span>

#include <neuron/error.hpp>
#include <neuron/fd.hpp>

#include "range_allocator.hpp"

namespace neuron::sim {

/**
 * Host memory with bus addresses. A bus address is a number handed out here, never a pointer, and every access of the
 * chip is checked against the live allocations; the gaps between them and freed ones refuse, as an IOMMU would.
 *
 * Shared blocks are memory of several of these, and of other processes: a memfd. Aligned words of up to 8 bytes are
 * written and read whole, and in order with all else, so that they can announce what lies beside them. So are those of
 * a short read of several, as page tables are read.
 *
 * Threading: any thread. An access and a free exclude each other.
 */
class HostMemory {
public:
    HostMemory();

    /** A piece of memory, zero at first, freed with the object. The HostMemory must outlive it. */
    class Block {
    public:
        Block() = default;
        Block(Block &&other) noexcept { swap(other); }
        Block &operator=(Block &&other) noexcept {
            swap(other);
            return *this;
        }
        ~Block();
        std::uint64_t bus() const noexcept { return bus_; }
        std::span<std::byte> bytes() const noexcept { return bytes_; }
        /** The memfd of a shared block, or none. */
        const Fd &file() const noexcept { return file_; }

    private:
        friend class HostMemory;
        void swap(Block &other) noexcept;
        HostMemory *owner_ = nullptr;
        std::uint64_t bus_ = 0;
        std::span<std::byte> bytes_;
        Fd file_;
    };

    /** @param size Bytes, rounded up to pages. Blocks of a large page and more are aligned to it. */
    Result<Block> allocate(std::uint64_t size);
    /** The same as a shared block. */
    Result<Block> allocate_shared(std::uint64_t size);
    /** The memory of a shared block once more. @param fd Stays the caller's. */
    Result<Block> import(int fd);

    /** Bus accesses. @return 0, or -EFAULT if the range is not inside one block */
    int read(std::uint64_t bus, std::span<std::byte> to) const;
    int write(std::uint64_t bus, std::span<const std::byte> from);

    /** Aligned little-endian 64-bit words that the chip and this side exchange without a lock. */
    static std::uint64_t load_word(const std::byte *at);
    static void store_word(std::byte *at, std::uint64_t value);

private:
    Result<Block> enter(std::span<std::byte> bytes, Fd file);
    std::byte *find(std::uint64_t bus, std::size_t size) const;

    mutable std::shared_mutex lock_; // protects all below; shared while bytes move
    RangeAllocator addresses_;
    std::map<std::uint64_t, std::span<std::byte>> blocks_;
};

} // namespace neuron::sim
