// SPDX-License-Identifier: MIT
// What a process writes into a queue of its own, and in what order. It knows neither the driver nor how the memory was come by, so that
// tests can look at the order alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>

#include <neuron/spec.hpp>

namespace neuron::accel {

/** Writes packets behind `tail` into a ring of 2^n entries; `last` are the flags of the last one. */
template<class Packet>
void write_packets(std::byte *ring, std::uint64_t entries, std::uint64_t tail, std::span<const Packet> packets,
                   std::uint8_t last) {
    // The last packet's flags, which are 0 so far; whatever else is wrong with a packet is for the chip to judge.
    const auto completion = spec::packed(spec::PacketHeader{.opcode = {}, .flags = last});
    for (std::size_t i = 0; i < packets.size(); ++i) {
        std::byte *slot = ring + (tail + i) % entries * spec::PACKET_BYTES;
        std::memcpy(slot, packets[i].data(), spec::PACKET_BYTES);
        if (i + 1 == packets.size())
            std::transform(slot, slot + completion.size(), completion.begin(), slot, std::bit_or<>{});
    }
}

/** Announces packets up to `tail`; all stores before it come first. */
inline void ring_doorbell(std::byte *slot, std::uint64_t tail) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    *reinterpret_cast<volatile std::uint32_t *>(slot) = static_cast<std::uint32_t>(tail);
}

} // namespace neuron::accel
