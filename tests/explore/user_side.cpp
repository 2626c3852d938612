// SPDX-License-Identifier: MIT
#include "kernel_side.h"

#include "accel/user_ring.hpp"

#include <array>

void explore_user_submit(void *ring, std::uint64_t entries, std::uint64_t tail, const void *packets, std::size_t count,
                         std::uint8_t flags, void *doorbell) {
    using Packet = std::array<std::byte, neuron::spec::PACKET_BYTES>;
    neuron::accel::write_packets(static_cast<std::byte *>(ring), entries, tail,
                                 std::span(static_cast<const Packet *>(packets), count), flags);
    neuron::accel::ring_doorbell(static_cast<std::byte *>(doorbell), tail + count);
}
