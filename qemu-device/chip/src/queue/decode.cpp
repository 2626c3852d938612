// SPDX-License-Identifier: MIT
#include "decode.hpp"

#include <algorithm>

namespace neuron::chip {

namespace {

using Raw = std::span<const std::byte, spec::PACKET_BYTES>;
using Decoded = tl::expected<PacketJob, FaultInfo>;
using spec::PacketFlag;
using spec::PacketOp;

constexpr std::uint64_t PROGRAM_ALIGN = 64;
constexpr std::uint64_t NOTIFY_ALIGN = 64;

tl::unexpected<FaultInfo> illegal(PacketOp op) {
    return tl::unexpected(FaultInfo{.code = spec::Fault::ILLEGAL_PACKET, .info = spec::raw(op)});
}

bool flags_legal(std::uint8_t flags) {
    constexpr std::uint8_t known = PacketFlag::SEQNO | PacketFlag::IRQ;
    return (flags & ~known) == 0 && (!(flags & PacketFlag::IRQ) || (flags & PacketFlag::SEQNO));
}

Decoded decode_copy(Raw raw) {
    const auto packet = spec::unpack<spec::PacketCopy>(raw);
    if (const auto range = check_range(packet.src, packet.bytes, false); !range)
        return packet_fault(range.error());
    if (const auto range = check_range(packet.dst, packet.bytes, true); !range)
        return packet_fault(range.error());
    if (packet.src < packet.dst + packet.bytes && packet.dst < packet.src + packet.bytes && packet.bytes != 0)
        return illegal(packet.OPCODE);
    return CopyJob{packet.src, packet.dst, packet.bytes};
}

Decoded decode_strided(Raw raw) {
    const auto packet = spec::unpack<spec::PacketCopyStrided>(raw);
    if (packet.row_bytes == 0 || std::ranges::count(packet.count, 0U) != 0)
        return illegal(packet.OPCODE);
    return StridedCopyJob(packet);
}

Decoded decode_fill(Raw raw) {
    const auto packet = spec::unpack<spec::PacketFill>(raw);
    if (const auto range = check_range(packet.dst, packet.bytes, true); !range)
        return packet_fault(range.error());
    return FillJob{packet.dst, packet.bytes, packet.pattern};
}

bool trace_known(std::uint8_t trace) {
    std::uint64_t known = 0;
    for (const spec::TraceFlag flag : spec::values<spec::TraceFlag>())
        known |= spec::raw(flag);
    return (trace & ~known) == 0;
}

bool notify_legal(const spec::PacketLaunch &packet) {
    if (packet.notify == 0)
        return packet.notify_log2 == 0 && packet.trace == 0;
    return packet.notify % NOTIFY_ALIGN == 0 && packet.notify_log2 <= spec::NOTIFY_LOG2_MAX &&
           trace_known(packet.trace);
}

Decoded decode_launch(Raw raw, std::uint32_t cores, Launch &launch) {
    const auto packet = spec::unpack<spec::PacketLaunch>(raw);
    const std::uint64_t existing = (1ULL << cores) - 1;
    const bool args_aligned = packet.arg_count == 0 || packet.args % sizeof(std::uint64_t) == 0;
    if (packet.core_mask == 0 || (packet.core_mask & ~existing) != 0 || packet.arg_count > spec::LAUNCH_ARGS ||
        !args_aligned || !notify_legal(packet))
        return illegal(packet.OPCODE);
    const std::uint64_t ring_bytes = std::uint64_t{spec::Notification::BYTES} << packet.notify_log2;
    if (const auto range = check_range(packet.notify, ring_bytes, true); packet.notify != 0 && !range)
        return packet_fault(range.error());
    if (packet.program % PROGRAM_ALIGN != 0)
        return tl::unexpected(FaultInfo{.code = spec::Fault::PROGRAM_HEADER, .info = packet.program});
    return LaunchJob(packet, launch);
}

Decoded decode_fence(Raw raw) {
    const auto packet = spec::unpack<spec::PacketFence>(raw);
    if (packet.addr % sizeof(std::uint64_t) != 0)
        return illegal(packet.OPCODE);
    return FenceJob{packet.addr, packet.value};
}

} // namespace

tl::expected<PacketJob, FaultInfo> decode_packet(Raw raw, std::uint32_t cores, Launch &launch) {
    const auto header = spec::unpack<spec::PacketHeader>(raw.first<spec::PacketHeader::BYTES>());
    if (!spec::reserved_clear(header.opcode, raw) || !flags_legal(header.flags))
        return illegal(header.opcode);
    switch (header.opcode) {
    case PacketOp::NOP: return NopJob{};
    case PacketOp::COPY: return decode_copy(raw);
    case PacketOp::COPY_STRIDED: return decode_strided(raw);
    case PacketOp::FILL: return decode_fill(raw);
    case PacketOp::LAUNCH: return decode_launch(raw, cores, launch);
    case PacketOp::FENCE: return decode_fence(raw);
    }
    return illegal(header.opcode);
}

} // namespace neuron::chip
