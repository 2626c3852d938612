// SPDX-License-Identifier: MIT
#include "packet_log.hpp"

namespace neuron::chip {

using spec::PacketOp;
using spec::RecordFlag;

namespace {

bool in_hbm(const AddressSpace::Access &access, std::uint64_t va, bool write) {
    const auto run = access.space().translate(access, va, 1, write);
    return run && run->hbm != nullptr;
}

} // namespace

PacketLog::Ends PacketLog::ends(PacketOp op, Raw raw) {
    switch (op) {
    case PacketOp::NOP: break;
    case PacketOp::COPY: {
        const auto packet = spec::unpack<spec::PacketCopy>(raw);
        return {packet.dst, packet.src, packet.bytes};
    }
    case PacketOp::COPY_STRIDED: {
        const auto packet = spec::unpack<spec::PacketCopyStrided>(raw);
        std::uint64_t bytes = packet.row_bytes;
        for (const std::uint32_t count : packet.count)
            bytes *= count;
        return {packet.dst, packet.src, bytes};
    }
    case PacketOp::FILL: {
        const auto packet = spec::unpack<spec::PacketFill>(raw);
        return {packet.dst, 0, packet.bytes};
    }
    case PacketOp::FENCE: return {spec::unpack<spec::PacketFence>(raw).addr, 0, sizeof(std::uint64_t)};
    case PacketOp::LAUNCH: return {0, spec::unpack<spec::PacketLaunch>(raw).program, 0};
    }
    return {};
}

spec::RecordHead PacketLog::head(std::uint8_t flags) const {
    return {.time_ns = now_ns_,
            .flags = flags,
            .ctx = static_cast<std::uint8_t>(queue_.active.ctx()),
            .queue = index_,
            .code = spec::raw(header_.opcode),
            .packet = packet_};
}

void PacketLog::note_start() {
    if (quick()) {
        exact_ = false;
    } else {
        if (!exact_)
            look();
        moved_ = queue_.moved_bytes.load(std::memory_order_relaxed);
    }
    start_ns_ = now_ns_;
}

void PacketLog::record_start(Raw raw) {
    const Ends what = ends(header_.opcode, raw);
    spec::RecordHead begun = head(0);
    begun.time_ns = start_ns_;
    recorder_.add(spec::RecordPacketStart{.head = begun, .dst = what.dst, .src = what.src, .bytes = what.bytes},
                  spec::RecordKind::PACKET_START);
    long_ = true;
}

std::uint8_t PacketLog::place_flags(const Ends &ends, AddressSpace &space) {
    std::uint8_t flags = 0;
    const AddressSpace::Access access(space);
    if (in_hbm(access, ends.dst, true))
        flags |= spec::raw(RecordFlag::DST_HBM);
    if (ends.src != 0 && in_hbm(access, ends.src, false))
        flags |= spec::raw(RecordFlag::SRC_HBM);
    return flags;
}

void PacketLog::record_end(Raw raw, AddressSpace &space, std::uint8_t flags) {
    const Ends what = ends(header_.opcode, raw);
    std::uint64_t bytes = 0;
    if (!quick()) {
        bytes = queue_.moved_bytes.load(std::memory_order_relaxed) - moved_;
        if (header_.opcode != PacketOp::LAUNCH)
            flags |= place_flags(what, space);
        look();
    }
    recorder_.add(
        spec::RecordPacket{
            .head = head(flags), .dst = what.dst, .src = what.src, .bytes = bytes, .start_ns = start_ns_},
        spec::RecordKind::PACKET);
}

// What a packet that is in flight is stands in the ring.
void PacketLog::serialize(Archive &archive) {
    archive.flag("start recorded", long_);
    archive.number("packet", packet_);
    archive.number("packet start", start_ns_);
    archive.number("moved before", moved_);
    archive.number("last look", now_ns_);
    exact_ = false;
}

} // namespace neuron::chip
