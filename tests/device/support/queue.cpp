// SPDX-License-Identifier: MIT
#include "queue.hpp"

namespace neuron::test {

Queue::Queue(Neuron &device, QueueConfig config)
    : device_(device),
      config_(config),
      ring_(device.machine().allocate(std::uint64_t{spec::PACKET_BYTES} << config.ring_log2)),
      seqno_addr_(device.machine().allocate(8, 8)) {
    const std::uint32_t q = config.queue;
    device.set64(spec::reg::QUEUE_RING_BASE(q), ring_);
    device.set64(spec::reg::QUEUE_SEQNO_ADDR(q), seqno_addr_);
    device.set32(spec::reg::QUEUE_RING_LOG2(q), config.ring_log2);
    device.set32(spec::reg::QUEUE_CFG(q), spec::field::QUEUE_CFG_CTX.set(config.ctx) |
                                              spec::field::QUEUE_CFG_VECTOR.set(config.vector) |
                                              spec::field::QUEUE_CFG_SLOT.set(config.slot));
    device.set32(spec::reg::QUEUE_CTRL(q), spec::field::QUEUE_CTRL_ENABLE.set(1));
}

void Queue::push_raw(const std::array<std::byte, spec::PACKET_BYTES> &packet) {
    const std::uint64_t slot = pushed_ & ((1ull << config_.ring_log2) - 1);
    device_.machine().write(ring_ + slot * spec::PACKET_BYTES, packet);
    pushed_++;
}

void Queue::ring() const { device_.ring(config_.ctx, config_.slot, static_cast<std::uint32_t>(pushed_)); }

spec::QueueState Queue::state() const {
    return static_cast<spec::QueueState>(spec::field::QUEUE_STATUS_STATE.get(status()));
}

spec::Fault Queue::fault() const { return static_cast<spec::Fault>(spec::field::QUEUE_STATUS_FAULT.get(status())); }

bool Queue::busy() const { return spec::field::QUEUE_STATUS_BUSY.get(status()); }

} // namespace neuron::test
