// SPDX-License-Identifier: MIT
// The sanitizer: looks at every access to memory, and compares it with what the driver has told.
#pragma once

#include "../clock.hpp"
#include "../control/fault_info.hpp"
#include "../control/queue_control.hpp"
#include "../recorder/book.hpp"
#include "actor.hpp"
#include "completions.hpp"
#include "dma_map.hpp"
#include "flights.hpp"
#include "reports.hpp"
#include "written_map.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>

namespace neuron::chip {

class AddressSpace;

/// Any thread. What units tell it they tell before they do it. Its lock comes before that of the book and after all
/// others; it calls the host without it.
class Sanitizer {
public:
    Sanitizer(const DeviceClock &clock, const Book &book, std::unique_ptr<WrittenMap> written, const Host &host,
              Executor &executor, bool observer)
        : clock_(clock),
          book_(book),
          written_(std::move(written)),
          host_(host),
          reports_(host, observer ? nullptr : &executor),
          observer_(observer) {}

    /// Whether the chip shall work as if nobody looked: memory stays as it is.
    bool observes_only() const { return observer_; }

    /// An access to the memory of a context: consecutive bytes on both sides.
    struct Touch {
        std::uint64_t va;
        std::uint64_t bytes;
        std::uint64_t bus; ///< or the HBM offset
        bool hbm;
        bool write;
        const AddressSpace *space = nullptr; ///< that led there; nullptr: it led nowhere
    };
    void touched(const Actor &actor, const Touch &touch);
    /// What is about to touch memory from `first` on will stay within [low, high]: whoever begins in a buffer must not leave
    /// it for another one.
    void reaches(const Actor &actor, std::uint64_t first, std::uint64_t low, std::uint64_t high, bool write);
    /// A queue faults. `actor` lacks what a fault does not tell.
    void faulted(Actor actor, const FaultInfo &info);

    /// A queue takes up a packet; of what will be touched, it looks at the ends.
    void takes(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw);
    /// The queue itself accesses host memory by a bus address: its ring, its seqno, its stamps.
    void touched_bus(const Actor &actor, std::uint64_t bus, std::uint64_t bytes, bool write);

    /// What a slot of a ring is overwritten with when its packet is done: it is none any more.
    static constexpr std::byte SPENT{0xdb};
    /// A packet was fetched. False: it is none that its driver has put there; a fault follows.
    bool fetched(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw);
    /// A register is about to announce the packets [from, to) of a ring in host memory. The caller holds no lock of the chip.
    void look_at_ring(std::uint32_t queue, const QueueConfig &config, std::uint64_t from, std::uint64_t to);
    /// The packet is done, and stands in its ring as it does now.
    void compare(const Actor &actor, std::span<const std::byte> fetched, std::span<const std::byte> now);
    /// The packet or transfer is over.
    void ends(const Actor &actor);

    // Completions. Interrupts are asked for that nothing holds back.
    void asks_seqno(const Actor &actor);
    void writes_seqno(const Actor &actor, std::uint64_t seqno);
    void asks_interrupt(const Actor &actor, std::uint32_t vector);
    /// The queue has nothing to do any more.
    void rests(const Actor &actor) { found(actor, completions_.owed(actor.queue)); }
    void raises(std::uint32_t vector) { completions_.raise(vector); }

    /// The driver tells, of which the book does not know yet.
    void tells(const spec::DebugRecord &record);
    /// A queue begins anew.
    void started(std::uint32_t queue);
    /// A doorbell gave a queue the packets before `tail`.
    void announced(std::uint32_t queue, std::uint64_t tail);
    /// What came before packet `packet` of a queue was announced. Packets are asked for in their order.
    struct Since {
        std::uint64_t told;
        std::uint64_t moment;
    };
    Since since(std::uint32_t queue, std::uint64_t packet);
    std::uint64_t told() const { return book_.told(); }

    Reports &reports() { return reports_; }
    const Reports &reports() const { return reports_; }

private:
    /// Packets that one doorbell announced.
    struct Announced {
        std::uint64_t tail;
        Since since;
    };

    static spec::SanitizerReport about(const Actor &actor, const Touch &touch, spec::SanitizerKind kind);
    void report(spec::SanitizerReport report, const spec::BlameRecord &blame);
    void found(const Actor &actor, const std::optional<Completions::Finding> &finding);
    static bool moves_data(const Actor &actor);
    /// Whether others are at the same bytes.
    void look_for_races(const Actor &actor, const Touch &touch);
    void look_for_withdrawn(const Actor &actor, const Touch &touch);
    void look_for_leaks(const spec::DebugRecord &record);
    /// Whether these bytes are a packet; a report has these flags.
    bool judge(const Actor &actor, std::span<const std::byte, spec::PACKET_BYTES> raw, std::uint16_t flags);
    /// A read of HBM in a buffer.
    void look_for_unwritten(const Actor &actor, const Touch &touch);
    void look_for_foreign(const Actor &actor, const Touch &touch, std::uint64_t buffer);
    /// Nothing faulted, though it should have: PERMITTED, or CACHED.
    static std::uint16_t why_no_fault(const Touch &touch);
    /// The access is to no buffer's own bytes.
    void stray(const Actor &actor, const Touch &touch, const Book::Probe &there, std::uint16_t flags);
    /// It begins in a buffer that ends at `end`, and goes on to `va`.
    void overrun(const Actor &actor, const Touch &touch, const Book::Probe &from, std::uint64_t va);

    const DeviceClock &clock_;
    const Book &book_;
    const std::unique_ptr<WrittenMap> written_;
    const Host &host_;
    Reports reports_;
    const bool observer_;
    DmaMap dma_map_;
    Flights flights_;
    Completions completions_;

    std::mutex mutex_; ///< guards all below
    std::array<std::deque<Announced>, spec::MAX_QUEUES> announced_;
    std::array<std::uint64_t, spec::MAX_QUEUES> launched_{}; ///< the moment of the end of the last LAUNCH
    std::array<std::uint8_t, spec::MAX_QUEUES> opcodes_{};   ///< of the packets in flight
};

} // namespace neuron::chip
