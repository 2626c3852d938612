// SPDX-License-Identifier: MIT
#include "reach.hpp"

#include <algorithm>

namespace neuron::chip {

using spec::PacketOp;

Reaches::Reaches(PacketOp op, std::span<const std::byte, spec::PACKET_BYTES> raw) {
    switch (op) {
    case PacketOp::COPY: {
        const auto packet = spec::unpack<spec::PacketCopy>(raw);
        add_bytes(packet.src, packet.bytes, false);
        add_bytes(packet.dst, packet.bytes, true);
        return;
    }
    case PacketOp::COPY_STRIDED: {
        const auto packet = spec::unpack<spec::PacketCopyStrided>(raw);
        std::array<std::int64_t, 3> src{}, dst{};
        std::ranges::copy(packet.src_stride, src.begin());
        std::ranges::copy(packet.dst_stride, dst.begin());
        add_rows(packet, packet.src, src, false);
        add_rows(packet, packet.dst, dst, true);
        return;
    }
    case PacketOp::FILL: {
        const auto packet = spec::unpack<spec::PacketFill>(raw);
        add_bytes(packet.dst, packet.bytes, true);
        return;
    }
    case PacketOp::FENCE: add_bytes(spec::unpack<spec::PacketFence>(raw).addr, sizeof(std::uint64_t), true); return;
    case PacketOp::NOP:
    case PacketOp::LAUNCH: return;
    }
}

void Reaches::add(Wide first, Wide low, Wide high, bool write) {
    constexpr Wide VA_END = static_cast<Wide>(1) << spec::MMU_VA_BITS;
    if (low >= 0 && high < VA_END)
        all_[count_++] = {static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(low),
                          static_cast<std::uint64_t>(high), write};
}

void Reaches::add_bytes(std::uint64_t va, std::uint64_t bytes, bool write) {
    if (bytes != 0)
        add(va, va, static_cast<Wide>(va) + bytes - 1, write);
}

void Reaches::add_rows(const spec::PacketCopyStrided &packet, std::uint64_t va,
                       const std::array<std::int64_t, 3> &strides, bool write) {
    Wide low = va, high = static_cast<Wide>(va) + packet.row_bytes - 1;
    for (std::size_t i = 0; i < strides.size(); ++i) {
        const Wide far = static_cast<Wide>(strides[i]) * (packet.count[i] - 1);
        (far < 0 ? low : high) += far;
    }
    add(va, low, high, write);
}

} // namespace neuron::chip
