// SPDX-License-Identifier: MIT
#pragma once

#include "../control/control.hpp"
#include "../control/core_pool.hpp"
#include "../memory/transfer.hpp"
#include "../services.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <tl/expected.hpp>

namespace neuron::chip {

class Core;

/// What a packet in execution works with.
struct PacketContext {
    Services &services;
    CorePool &pool;
    std::deque<Core> &cores;
    Unit &self; ///< the queue, to be woken
    QueueControl &queue;
    std::uint32_t queue_index;
    std::uint64_t packet; ///< index of this one
    AddressSpace &space;
    std::uint64_t generation;    ///< of the context
    std::span<std::byte> bounce; ///< CHUNK bytes
    const Actor *actor;          ///< nullptr: no sanitizer looks
};

enum class JobStep : std::uint8_t {
    MORE,
    BLOCKED, ///< the queue will be woken
    DONE,
};

/// A packet in execution advances in steps of at most one chunk. A fault ends it.
using JobResult = tl::expected<JobStep, FaultInfo>;

inline tl::unexpected<FaultInfo> packet_fault(const MemoryFault &fault) {
    return tl::unexpected(FaultInfo::of_memory(fault));
}

} // namespace neuron::chip
