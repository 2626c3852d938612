// SPDX-License-Identifier: MIT
// Moving bytes to and from the memory of a context. Every function works on at most one chunk, inside one
// AddressSpace::Access, so that aborts and TLB flushes never wait for more than that.
#pragma once

#include "../host.hpp"
#include "../mmu/address_space.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

using Access = AddressSpace::Access;

/// Most bytes that one call moves.
inline constexpr std::size_t CHUNK = Host::MAX_TRANSFER;

/// BAD_ADDRESS unless [va, va + bytes) lies in the context's address range.
MemoryResult<void> check_range(std::uint64_t va, std::uint64_t bytes, bool write);

/// Of `bytes` bytes of a run at `va`, how many may be read: all, or those before the first one that an error of HBM has
/// spoilt. HBM_ECC if there are none.
MemoryResult<std::uint64_t> sound(const Access &access, std::uint64_t va, const PhysicalRun &run, std::uint64_t bytes);
/// `bytes` bytes of a run have been written.
inline void written(const Access &access, const PhysicalRun &run, std::uint64_t bytes) {
    if (run.hbm != nullptr)
        access.space().hbm_errors().written(run.bus, bytes);
}

void tell_sanitizer(const Access &access, std::uint64_t va, const PhysicalRun &run, std::uint64_t bytes, bool write);
/// `bytes` bytes of a run at `va` are about to be read or written.
inline void touch(const Access &access, std::uint64_t va, const PhysicalRun &run, std::uint64_t bytes, bool write) {
    if (access.actor() != nullptr) [[unlikely]]
        tell_sanitizer(access, va, run, bytes, write);
}

/// Moves all of the span, or faults having moved a part of it.
MemoryResult<void> read(const Access &access, const Host &host, std::uint64_t va, std::span<std::byte> out);
MemoryResult<void> write(const Access &access, const Host &host, std::uint64_t va, std::span<const std::byte> in);
/// One aligned store, seen whole or not at all by anybody who looks at it in HBM.
MemoryResult<void> write_u64(const Access &access, const Host &host, std::uint64_t va, std::uint64_t value);

/// Copies the first bytes of a block, as many as are consecutive on both sides and at least one. `bounce` holds CHUNK
/// bytes and serves copies from host memory to host memory. Returns how many.
MemoryResult<std::size_t> copy(const Access &access, const Host &host, std::uint64_t dst, std::uint64_t src,
                               std::uint64_t bytes, std::span<std::byte> bounce);

/// Repeats `pattern` over the first bytes of a block. `phase` is the number of bytes filled before, `bounce` holds
/// CHUNK bytes. Returns how many it filled, at least one.
MemoryResult<std::size_t> fill(const Access &access, const Host &host, std::uint64_t dst, std::uint64_t bytes,
                               std::uint64_t pattern, std::uint64_t phase, std::span<std::byte> bounce);

} // namespace neuron::chip
