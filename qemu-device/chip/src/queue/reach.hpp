// SPDX-License-Identifier: MIT
// Where packets reach.
#pragma once

#include <neuron/spec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// Context addresses that a packet moves bytes from or to.
struct Reach {
    std::uint64_t first; ///< of the first byte
    std::uint64_t low, high;
    bool write;
};

class Reaches {
public:
    /// Of a packet that moves bytes, what it reads, and what it writes: the whole stretch, of rows that have gaps between them, too. What
    /// is no context address is left out, as it will fault. LAUNCH has none: what a program touches is in the program.
    Reaches(spec::PacketOp op, std::span<const std::byte, spec::PACKET_BYTES> raw);
    const Reach *begin() const { return all_.data(); }
    const Reach *end() const { return all_.data() + count_; }

private:
    __extension__ using Wide = __int128;

    void add(Wide first, Wide low, Wide high, bool write);
    void add_bytes(std::uint64_t va, std::uint64_t bytes, bool write);
    void add_rows(const spec::PacketCopyStrided &packet, std::uint64_t va, const std::array<std::int64_t, 3> &strides,
                  bool write);

    std::array<Reach, 2> all_{};
    std::size_t count_ = 0;
};

} // namespace neuron::chip
