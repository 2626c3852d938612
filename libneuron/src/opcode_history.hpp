// SPDX-License-Identifier: MIT
// Remembers what the packets of recent jobs were, so that a fault can name them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <neuron/command_list.hpp>

namespace neuron::detail {

/**
 * Opcodes of the packets of the newest jobs, a ring's worth: older jobs have ended, and a faulted one stays among the
 * newest because the queue takes no more.
 */
class OpcodeHistory {
public:
    explicit OpcodeHistory(std::uint32_t ring_packets) : opcodes_(ring_packets), first_packet_(ring_packets) {}

    /** Adds job number jobs() + 1. It has at most a ring of packets. */
    void add(std::span<const Packet> packets) {
        first_packet_[jobs_++ % first_packet_.size()] = packets_;
        for (const Packet &packet : packets)
            opcodes_[packets_++ % opcodes_.size()] = static_cast<spec::PacketOp>(packet[0]);
    }

    std::optional<spec::PacketOp> find(std::uint64_t job, std::uint64_t packet) const {
        if (job == 0 || job > jobs_ || jobs_ - job >= first_packet_.size())
            return std::nullopt;
        const std::uint64_t at = first_packet_[(job - 1) % first_packet_.size()] + packet;
        if (at >= packets_ || packets_ - at > opcodes_.size())
            return std::nullopt;
        return opcodes_[at % opcodes_.size()];
    }

private:
    std::vector<spec::PacketOp> opcodes_;     // by packet since the queue was made, modulo size
    std::vector<std::uint64_t> first_packet_; // by job, modulo size
    std::uint64_t jobs_ = 0;
    std::uint64_t packets_ = 0;
};

} // namespace neuron::detail
