// SPDX-License-Identifier: MIT
// The sanitizer: looks at every access to memory, and compares it with what the driver has told.
#pragma once

#include "../clock.hpp"
#include "../control/fault_info.hpp"
#include "../recorder/book.hpp"
#include "actor.hpp"
#include "reports.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>

namespace neuron::chip {

/// Any thread. What units tell it they tell before they do it. Its lock comes before that of the book and after all
/// others; it never calls the host.
class Sanitizer {
public:
    Sanitizer(const DeviceClock &clock, const Book &book, const Host &host, Executor &executor)
        : clock_(clock), book_(book), reports_(host, executor) {}

    /// An access to the memory of a context: consecutive bytes on both sides.
    struct Touch {
        std::uint64_t va;
        std::uint64_t bytes;
        std::uint64_t bus; ///< or the HBM offset
        bool hbm;
        bool write;
    };
    void touched(const Actor &actor, const Touch &touch);
    /// What is about to touch memory from `first` on will stay within [low, high]: whoever begins in a buffer must not leave
    /// it for another one.
    void reaches(const Actor &actor, std::uint64_t first, std::uint64_t low, std::uint64_t high, bool write);
    /// A queue faults. `actor` lacks what a fault does not tell.
    void faulted(Actor actor, const FaultInfo &info);

    /// A queue takes up a packet; of what will be touched, it looks at the ends.
    void takes(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw);
    /// A queue begins anew.
    void started(std::uint32_t queue);
    /// A doorbell gave a queue the packets before `tail`.
    void announced(std::uint32_t queue, std::uint64_t tail);
    /// What had been told when packet `packet` of a queue was announced. Packets are asked for in their order.
    std::uint64_t since(std::uint32_t queue, std::uint64_t packet);
    std::uint64_t told() const { return book_.told(); }

    Reports &reports() { return reports_; }
    const Reports &reports() const { return reports_; }

private:
    /// Packets that one doorbell announced.
    struct Announced {
        std::uint64_t tail;
        std::uint64_t told;
    };

    static spec::SanitizerReport about(const Actor &actor, const Touch &touch, spec::SanitizerKind kind);
    void report(spec::SanitizerReport report, const spec::BlameRecord &blame);
    /// The access is to no buffer's own bytes.
    void stray(const Actor &actor, const Touch &touch, const Book::Probe &there, std::uint16_t flags);
    /// It begins in a buffer that ends at `end`, and goes on to `va`.
    void overrun(const Actor &actor, const Touch &touch, const Book::Probe &from, std::uint64_t va);

    const DeviceClock &clock_;
    const Book &book_;
    Reports reports_;

    std::mutex mutex_; ///< guards all below
    std::array<std::deque<Announced>, spec::MAX_QUEUES> announced_;
    std::array<std::uint8_t, spec::MAX_QUEUES> opcodes_{}; ///< of the packets in flight
};

} // namespace neuron::chip
