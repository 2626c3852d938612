// SPDX-License-Identifier: MIT
#pragma once

#include "../control/queue_control.hpp"
#include "../mmu/address_space.hpp"
#include "../recorder/recorder.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// What the recorder hears of a queue's packets: one record of each when it ends, and one when it begins if it takes more
/// than a step. Only the queue's step() uses it. Each call costs a branch while nothing is recorded.
///
/// A look at the clock costs as much as all the rest of a packet that does nothing. Such packets have the time of the
/// last look, which is at most one fetch of packets ago.
class PacketLog {
public:
    using Raw = std::span<const std::byte, spec::PACKET_BYTES>;

    PacketLog(Recorder &recorder, const QueueControl &queue, std::uint32_t index)
        : recorder_(recorder), queue_(queue), index_(static_cast<std::uint8_t>(index)) {}

    /// Packets were fetched.
    void fetched() {
        if (recorder_.on())
            look();
    }
    /// Packet number `packet` is taken up.
    void begin(const spec::PacketHeader &header, std::uint64_t packet) {
        header_ = header;
        packet_ = packet;
        if (recorder_.on())
            note_start();
    }
    /// A step of it is over, and another one follows.
    void goes_on(Raw raw) {
        if (recorder_.on() && !long_)
            record_start(raw);
    }
    /// It has done its work, or given it up. `flags`: FAILED, or what becomes of its interrupt, or nothing.
    void end(Raw raw, AddressSpace &space, std::uint8_t flags) {
        if (recorder_.on())
            record_end(raw, space, flags);
        long_ = false;
    }
    /// Number of the packet of begin().
    std::uint64_t packet() const { return packet_; }
    void serialize(Archive &archive);

private:
    /// Where a packet reads and writes.
    struct Ends {
        std::uint64_t dst = 0;
        std::uint64_t src = 0;
        std::uint64_t bytes = 0;
    };
    static Ends ends(spec::PacketOp op, Raw raw);

    bool quick() const {
        return !long_ && (header_.opcode == spec::PacketOp::NOP || header_.opcode == spec::PacketOp::FENCE);
    }
    void look() {
        now_ns_ = recorder_.now_ns();
        exact_ = true;
    }
    void note_start();
    void record_start(Raw raw);
    void record_end(Raw raw, AddressSpace &space, std::uint8_t flags);
    spec::RecordHead head(std::uint8_t flags) const;
    static std::uint8_t place_flags(const Ends &ends, AddressSpace &space);

    Recorder &recorder_;
    const QueueControl &queue_;
    const std::uint8_t index_;

    spec::PacketHeader header_{};
    std::uint64_t packet_ = 0;
    std::uint64_t now_ns_ = 0; ///< when it looked at the clock last
    bool exact_ = false;       ///< nothing has happened since
    bool long_ = false;        ///< the packet has a record of its start
    std::uint64_t start_ns_ = 0;
    std::uint64_t moved_ = 0; ///< bytes of the queue when the packet began
};

} // namespace neuron::chip
