// SPDX-License-Identifier: MIT
// Where packets reach.
#include "sanitizer.hpp"

#include <algorithm>

namespace neuron::chip {

using spec::PacketOp;

namespace {

__extension__ using Wide = __int128;

struct Reach {
    Wide first, low, high;
};

Reach rows_of(const spec::PacketCopyStrided &packet, std::uint64_t address,
              const std::array<std::int64_t, 3> &strides) {
    Reach reach{address, address, static_cast<Wide>(address) + packet.row_bytes - 1};
    for (std::size_t i = 0; i < strides.size(); ++i) {
        const Wide far = static_cast<Wide>(strides[i]) * (packet.count[i] - 1);
        (far < 0 ? reach.low : reach.high) += far;
    }
    return reach;
}

} // namespace

void Sanitizer::takes(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw) {
    {
        const std::lock_guard lock(mutex_);
        opcodes_[actor.queue] = actor.opcode;
    }
    const auto reach = [&](const Reach &at, bool write) {
        constexpr Wide VA_END = static_cast<Wide>(1) << spec::MMU_VA_BITS;
        if (at.low >= 0 && at.high < VA_END) // else it will fault
            reaches(actor, static_cast<std::uint64_t>(at.first), static_cast<std::uint64_t>(at.low),
                    static_cast<std::uint64_t>(at.high), write);
    };
    const auto bytes = [&](Wide va, std::uint64_t count, bool write) {
        if (count != 0)
            reach({va, va, va + count - 1}, write);
    };
    switch (static_cast<PacketOp>(actor.opcode)) {
    case PacketOp::COPY: {
        const auto packet = spec::unpack<spec::PacketCopy>(raw);
        bytes(packet.src, packet.bytes, false);
        bytes(packet.dst, packet.bytes, true);
        return;
    }
    case PacketOp::COPY_STRIDED: {
        const auto packet = spec::unpack<spec::PacketCopyStrided>(raw);
        std::array<std::int64_t, 3> src{}, dst{};
        std::ranges::copy(packet.src_stride, src.begin());
        std::ranges::copy(packet.dst_stride, dst.begin());
        reach(rows_of(packet, packet.src, src), false);
        reach(rows_of(packet, packet.dst, dst), true);
        return;
    }
    case PacketOp::FILL: {
        const auto packet = spec::unpack<spec::PacketFill>(raw);
        return bytes(packet.dst, packet.bytes, true);
    }
    case PacketOp::NOP:
    case PacketOp::FENCE:
    case PacketOp::LAUNCH: return; // each access speaks for itself
    }
}

} // namespace neuron::chip
