// SPDX-License-Identifier: MIT
#pragma once

#include "../memory/transfer.hpp"
#include "memory_block.hpp"

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// What one step of a ring may still do. It is used up when one of the two is; the last thing may go a little beyond.
struct DmaBudget {
    /// Accesses of one step: bounds a step over single elements.
    static constexpr unsigned MAX_RUNS = 256;

    std::size_t bytes = CHUNK;
    unsigned runs = MAX_RUNS;

    bool used_up() const { return bytes == 0 || runs == 0; }
    void spend(std::size_t count) {
        bytes -= count < bytes ? count : bytes;
        runs -= runs != 0 ? 1 : 0;
    }
};

/// One side of a transfer in the memory of a context, during one step of a ring. Keeps the translation it used last, so
/// that neighbours cost none; that is why it must not outlive the Access.
///
/// Every function works on the first elements of a segment, at least one, and says how many; those that a translation and the
/// budget allow. Errors: those of AddressSpace::translate() with the first address that failed, and HOST_BUS.
class DmaMemory {
public:
    using Segment = MemoryBlock::Segment;
    /// Bytes of `bounce`.
    static constexpr std::size_t BOUNCE_BYTES = spec::PAGE_SIZE;

    DmaMemory(const Access &access, const Host &host, DmaBudget &budget, std::span<std::byte, BOUNCE_BYTES> bounce)
        : access_(access), host_(host), budget_(budget), bounce_(bounce) {}

    /// To `out`, one after the other.
    MemoryResult<std::size_t> load(const Segment &segment, std::uint32_t element_bytes, std::byte *out);
    /// From `in`, where they are one after the other. Where the segment names a byte twice, the later one stays.
    MemoryResult<std::size_t> store(const Segment &segment, std::uint32_t element_bytes, const std::byte *in);
    /// Element = element op in[i]; each sees the ones before. `op` is not WRITE. Needs DefaultFpEnvironment.
    MemoryResult<std::size_t> combine(const Segment &segment, spec::Dtype dtype, spec::DmaOp op, const float *in);

private:
    /// The elements that one translation reaches.
    struct Place {
        std::uint64_t va;
        std::byte *hbm;    ///< of the first one; nullptr: host memory at `bus`
        std::uint64_t bus; ///< where it is in HBM if hbm is not nullptr
        std::size_t count; ///< 0: already the first one crosses the end of what is consecutive
    };

    MemoryResult<Place> locate(const Segment &segment, std::uint32_t element_bytes, bool write);
    MemoryResult<void> translate(std::uint64_t va, const Segment &segment, std::uint32_t element_bytes, bool write);
    MemoryResult<std::size_t> load_host(const Place &place, std::int64_t stride, std::uint32_t element_bytes,
                                        std::byte *out);
    MemoryResult<void> combine_dense(const Place &place, spec::Dtype dtype, spec::DmaOp op, const float *in,
                                     std::size_t count);
    /// Of `count` elements at a place in HBM, how many may be read: those before the first that touches a spoilt byte.
    MemoryResult<std::size_t> sound_elements(const Place &place, std::int64_t stride, std::uint32_t element_bytes,
                                             std::size_t count) const;
    void elements_written(const Place &place, std::int64_t stride, std::uint32_t element_bytes,
                          std::size_t count) const;
    /// Of chip::touch(), for `count` elements.
    void touch_elements(const Place &place, std::int64_t stride, std::uint32_t element_bytes, std::size_t count,
                        bool write) const {
        if (access_.actor() != nullptr) [[unlikely]]
            tell_sanitizer(place, stride, element_bytes, count, write);
    }
    void tell_sanitizer(const Place &place, std::int64_t stride, std::uint32_t element_bytes, std::size_t count,
                        bool write) const;
    /// Elements of `element_bytes` that the budget allows, at least 1.
    std::size_t affordable(std::size_t count, std::uint32_t element_bytes) const;

    const Access &access_;
    const Host &host_;
    DmaBudget &budget_;
    std::span<std::byte, BOUNCE_BYTES> bounce_;

    // [va_, va_ + run_.bytes) is at run_; for writing too if writable_.
    std::uint64_t va_ = 0;
    PhysicalRun run_{nullptr, 0, 0};
    bool writable_ = false;
};

} // namespace neuron::chip
