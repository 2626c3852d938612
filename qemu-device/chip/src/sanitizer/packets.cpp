// SPDX-License-Identifier: MIT
// Where packets reach.
#include "sanitizer.hpp"

#include "../queue/reach.hpp"

namespace neuron::chip {

void Sanitizer::takes(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw) {
    {
        const std::lock_guard lock(mutex_);
        opcodes_[actor.queue] = actor.opcode;
    }
    const auto op = static_cast<spec::PacketOp>(actor.opcode);
    if (op == spec::PacketOp::FENCE) // its access speaks for itself
        return;
    for (const Reach &reach : Reaches(op, raw))
        reaches(actor, reach.first, reach.low, reach.high, reach.write);
}

} // namespace neuron::chip
