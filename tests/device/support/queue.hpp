// SPDX-License-Identifier: MIT
// A kernel-mode queue of the device: a ring in guest RAM, a doorbell, a seqno.
#pragma once

#include "neuron.hpp"

#include <array>
#include <cstdint>

namespace neuron::test {

struct QueueConfig {
    std::uint32_t queue = 0;
    std::uint32_t ctx = 0;
    std::uint32_t vector = 1;
    std::uint32_t slot = 0;
    unsigned ring_log2 = spec::RING_LOG2_MIN;
};

class Queue {
public:
    /// Set the queue up and enable it. Its context is enabled already. `device` must outlive the queue.
    Queue(Neuron &device, QueueConfig config = {});

    /// A queue of a device that was restored, as it was.
    Queue(Neuron &device, const Queue &before)
        : device_(device),
          config_(before.config_),
          ring_(before.ring_),
          seqno_addr_(before.seqno_addr_),
          pushed_(before.pushed_) {}

    /// Write a packet behind the last one; rings no doorbell. It asks for a seqno; with `irq` also for the vector.
    template<class Packet>
    void push(Packet packet, bool irq = false) {
        packet.flags = spec::raw(spec::PacketFlag::SEQNO);
        if (irq)
            packet.flags = packet.flags | spec::PacketFlag::IRQ;
        push_raw(spec::packed(packet));
    }
    void push_raw(const std::array<std::byte, spec::PACKET_BYTES> &packet);
    /// Tell the device about everything pushed.
    void ring() const;

    /// Packets pushed.
    std::uint64_t pushed() const { return pushed_; }
    /// Packets retired, as the device wrote it to memory.
    std::uint64_t seqno() const { return device_.machine().readq(seqno_addr_); }
    bool done() const { return seqno() == pushed_; }

    std::uint64_t head() const { return device_.reg64(spec::reg::QUEUE_HEAD(config_.queue)); }
    std::uint64_t progress() const { return device_.reg64(spec::reg::QUEUE_PROGRESS(config_.queue)); }
    spec::QueueState state() const;
    spec::Fault fault() const;
    bool busy() const;
    void disable() const { device_.set32(spec::reg::QUEUE_CTRL(config_.queue), 0); }

private:
    std::uint32_t status() const { return device_.reg32(spec::reg::QUEUE_STATUS(config_.queue)); }

    Neuron &device_;
    QueueConfig config_;
    std::uint64_t ring_;
    std::uint64_t seqno_addr_;
    std::uint64_t pushed_ = 0;
};

} // namespace neuron::test
