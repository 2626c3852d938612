// SPDX-License-Identifier: MIT
// Remembers what the packets of recent jobs were and who submitted them, so that a fault can name them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <neuron/command_list.hpp>
#include <neuron/source_place.hpp>

namespace neuron::detail {

/**
 * The newest jobs, with the opcodes of a ring's worth of packets: older jobs have ended, and a faulted one stays among the
 * newest because the queue takes no more.
 */
class JobHistory {
public:
    explicit JobHistory(std::uint32_t ring_packets) : opcodes_(ring_packets), newest_(ring_packets) {}

    /** A program, by its address and how many had been loaded then: AddressMap::program_at(). */
    struct Launched {
        std::uint64_t va = 0;
        std::uint64_t loads = 0;
    };

    /** Adds job number jobs() + 1. It has at most a ring of packets. @p loads: of AddressMap, now. */
    void add(std::span<const Packet> packets, SourcePlace where, std::uint64_t loads) {
        newest_[jobs_++ % newest_.size()] = {packets_, where, loads};
        for (const Packet &packet : packets) {
            const auto opcode = static_cast<spec::PacketOp>(packet[0]);
            if (opcode == spec::PacketOp::LAUNCH)
                add_launch(packet);
            opcodes_[packets_++ % opcodes_.size()] = opcode;
        }
    }

    /** What a packet of a job was. */
    std::optional<spec::PacketOp> opcode(std::uint64_t job, std::uint64_t packet) const {
        const auto at = slot(job, packet);
        return at ? std::optional(opcodes_[*at]) : std::nullopt;
    }

    /** Which program a packet of a job has launched; nothing if it is no launch. */
    std::optional<Launched> launched(std::uint64_t job, std::uint64_t packet) const {
        const auto at = slot(job, packet);
        if (!at || opcodes_[*at] != spec::PacketOp::LAUNCH)
            return std::nullopt;
        return Launched{programs_[*at], find(job)->loads};
    }

    /** Who submitted a job; line 0: nobody knows. */
    SourcePlace where(std::uint64_t job) const {
        const Entry *entry = find(job);
        return entry != nullptr ? entry->where : SourcePlace();
    }

private:
    struct Entry {
        std::uint64_t first_packet = 0;
        SourcePlace where{};
        std::uint64_t loads = 0;
    };

    // Of the next packet. Queues that launch nothing need no room for it.
    void add_launch(const Packet &packet) {
        programs_.resize(opcodes_.size());
        programs_[packets_ % opcodes_.size()] = spec::unpack<spec::PacketLaunch>(packet).program;
    }

    /** Where a packet of a job is kept, if it still is. */
    std::optional<std::size_t> slot(std::uint64_t job, std::uint64_t packet) const {
        const Entry *entry = find(job);
        if (entry == nullptr)
            return std::nullopt;
        const std::uint64_t at = entry->first_packet + packet;
        if (at >= packets_ || packets_ - at > opcodes_.size())
            return std::nullopt;
        return at % opcodes_.size();
    }

    const Entry *find(std::uint64_t job) const {
        if (job == 0 || job > jobs_ || jobs_ - job >= newest_.size())
            return nullptr;
        return &newest_[(job - 1) % newest_.size()];
    }

    std::vector<spec::PacketOp> opcodes_; // by packet since the queue was made, modulo size
    std::vector<std::uint64_t> programs_; // likewise, of those that are launches
    std::vector<Entry> newest_;           // by job, modulo size
    std::uint64_t jobs_ = 0;
    std::uint64_t packets_ = 0;
};

} // namespace neuron::detail
