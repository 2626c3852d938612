// SPDX-License-Identifier: MIT
// A queue in user mode, as a process drives it: ring, seqno and stamps in its own memory, doorbell mapped.
#pragma once

#include "support.hpp"

namespace kmod {

/// A bound host buffer for what a queue in user mode needs: the ring, then the seqno, then the stamps.
struct UserMemory {
    UserMemory(const File &file, std::uint32_t ring_log2);

    std::uint64_t entries() const { return std::uint64_t{1} << ring_log2; }
    std::uint64_t seqno_offset() const;
    std::uint64_t stamps_offset() const;
    std::uint64_t size() const;
    /// What QUEUE_CREATE is to be told.
    drm_neuron_queue_create request() const;

    std::uint32_t ring_log2;
    std::uint32_t handle;
    std::uint64_t va;
    Mapping memory;
};

/// mmap() of a buffer: 0 or -errno.
int map_buffer(const File &file, std::uint32_t handle, std::size_t bytes, int prot, int flags, void **where);

/// A mapping of a page of doorbells; fails the test when it cannot be had.
class DoorbellPage {
public:
    DoorbellPage(const File &file, std::uint32_t handle);
    ~DoorbellPage();
    DoorbellPage(DoorbellPage &&) = delete;

    void write(std::uint32_t offset, std::uint32_t value) const { *at(offset) = value; }
    std::uint32_t read(std::uint32_t offset) const { return *at(offset); }

private:
    volatile std::uint32_t *at(std::uint32_t offset) const {
        return reinterpret_cast<volatile std::uint32_t *>(page_ + offset);
    }

    std::byte *page_;
};

/// A queue in user mode; fails the test when there is none.
class UserQueue {
public:
    explicit UserQueue(const File &file, std::uint32_t ring_log2 = 4, std::uint32_t timeout_ms = 0);
    UserQueue(const File &file, std::uint32_t ring_log2, const drm_neuron_queue_create &options);

    std::uint32_t id() const { return created_.queue_id; }
    const drm_neuron_queue_create &created() const { return created_; }
    const UserMemory &memory() const { return memory_; }
    const DoorbellPage &doorbells() const { return page_; }
    /// Packets written.
    std::uint64_t tail() const { return tail_; }

    /// Writes packets behind the tail, each with these header flags, and does not ring. There must be room.
    void write(std::span<const Packet> packets, std::uint8_t flags);
    /// Announces all that has been written.
    void ring() const;
    /// Waits for room, writes, asks for seqno and interrupt with the last packet, and rings. Return: number of the last
    /// packet.
    std::uint64_t submit(std::span<const Packet> packets);
    /// What the device has written.
    std::uint64_t seqno() const;
    neuron::spec::Stamp stamp(std::uint64_t packet) const;
    /// Looks at the seqno until it is there; fails the test when that takes too long.
    void await(std::uint64_t seqno) const;

private:
    UserMemory memory_;
    drm_neuron_queue_create created_;
    DoorbellPage page_;
    std::uint64_t tail_ = 0;
};

inline constexpr std::uint8_t SEQNO = static_cast<std::uint8_t>(neuron::spec::PacketFlag::SEQNO);
inline constexpr std::uint8_t SEQNO_IRQ = neuron::spec::PacketFlag::SEQNO | neuron::spec::PacketFlag::IRQ;

} // namespace kmod
