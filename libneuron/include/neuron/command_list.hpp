// SPDX-License-Identifier: MIT
/**
 * @file
 * Packets of a job.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <neuron/spec.hpp>

namespace neuron {

/** A queue packet as it lies in the ring (spec/packets.toml). The flags byte must be 0: it belongs to the driver. */
using Packet = std::array<std::byte, spec::PACKET_BYTES>;

/**
 * Builds the packets of a job; they run in order, one at a time. A plain value without a device behind it. All addresses
 * are context addresses, as Buffer::va() gives them. Nothing is checked here: the device checks.
 */
class CommandList {
public:
    CommandList &nop() { return add(spec::PacketNop{}); }
    /** Copies @p bytes bytes; any alignment, no overlap. */
    CommandList &copy(std::uint64_t dst, std::uint64_t src, std::uint64_t bytes) {
        spec::PacketCopy packet{};
        packet.src = src;
        packet.dst = dst;
        packet.bytes = bytes;
        return add(packet);
    }
    /** Repeats an 8-byte little-endian pattern over @p bytes bytes. */
    CommandList &fill(std::uint64_t dst, std::uint64_t bytes, std::uint64_t pattern) {
        spec::PacketFill packet{};
        packet.dst = dst;
        packet.bytes = bytes;
        packet.pattern = pattern;
        return add(packet);
    }
    /**
     * Runs a program: Program::launch() does this with less to go wrong.
     * @param program Address of a program_header, 64-byte aligned.
     * @param args Address of @p arg_count 64-bit arguments; they must stay until the job is done.
     */
    CommandList &launch(std::uint64_t program, std::uint64_t args, std::uint32_t arg_count, std::uint32_t core_mask) {
        spec::PacketLaunch packet{};
        packet.core_mask = core_mask;
        packet.program = program;
        packet.args = args;
        packet.arg_count = arg_count;
        return add(packet);
    }
    /** Writes @p value to 8-byte aligned memory once all earlier packets have retired. */
    CommandList &fence(std::uint64_t addr, std::uint64_t value) {
        spec::PacketFence packet{};
        packet.addr = addr;
        packet.value = value;
        return add(packet);
    }
    /** Adds any packet of the contract, e.g. spec::PacketCopyStrided. */
    template<class T>
    CommandList &add(const T &packet) {
        packets_.push_back(spec::packed(packet));
        return *this;
    }
    /** Adds 64 bytes as they are. */
    CommandList &add(const Packet &packet) {
        packets_.push_back(packet);
        return *this;
    }

    std::span<const Packet> packets() const noexcept { return packets_; }
    bool empty() const noexcept { return packets_.empty(); }
    void clear() noexcept { packets_.clear(); }

private:
    std::vector<Packet> packets_;
};

} // namespace neuron
