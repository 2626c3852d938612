// SPDX-License-Identifier: MIT
#pragma once

#include "hbm_watcher.hpp"

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace neuron::chip {

/// Hears of what the queues do, in the thread that does it.
class PacketWatcher {
public:
    virtual ~PacketWatcher() = default;
    /// Packet number `packet` is looked at for the first time; it may be none of the contract.
    virtual void taken_up(std::uint32_t queue, std::uint64_t packet,
                          std::span<const std::byte, spec::PACKET_BYTES> raw) = 0;
    /// It has done its work, and nobody has been told.
    virtual void retired(std::uint32_t queue, std::uint64_t packet) = 0;
};

/// Who looks at a chip from outside: records it, or replays it.
class Watcher : public HbmWatcher, public PacketWatcher {};

} // namespace neuron::chip
