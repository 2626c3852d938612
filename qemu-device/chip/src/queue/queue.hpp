// SPDX-License-Identifier: MIT
#pragma once

#include "../plan/spoil.hpp"
#include "../sanitizer/actor.hpp"
#include "decode.hpp"
#include "packet_job.hpp"
#include "packet_log.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace neuron::chip {

/// Fetches the packets of one queue, runs them one at a time, and completes them. What the driver sees of the queue is
/// in QueueControl.
class Queue final : public Unit {
public:
    Queue(Services &services, CorePool &pool, std::deque<Core> &cores, std::uint32_t index);

    Step step() override;
    void failed() noexcept override;

    /// Whether it has anything to remember besides what is in QueueControl.
    bool at_work() const { return job_ || completing_ || stamp_start_ || fetched_count_ != 0; }
    /// Whether it does what a fault plan has put off. Only while paused.
    bool catches_up() const { return late_; }
    void serialize(Archive &archive);
    void clear();
    /// The launch whose cores are at work for this queue, if there is one.
    Launch *running_launch() const;
    /// Whether it is being stopped and has told the cores of that launch.
    bool told_cores() const;
    /// StateError unless the pool says of this queue what its packet has asked for.
    void check_claim(Archive &archive) const;

private:
    using RawPacket = std::array<std::byte, spec::PACKET_BYTES>;
    /// Packets fetched at once. Announced packets do not change any more, so they may be fetched ahead.
    static constexpr std::size_t FETCH_AHEAD = 16;

    PacketContext context();
    // For the sanitizer.
    Actor self(std::uint64_t packet) const;
    static void tell_bus_access(const Actor &actor, std::uint64_t bus, std::uint64_t bytes, bool write);
    void spend_slot();
    void introduce(const spec::PacketHeader &header, std::uint64_t packet);
    /// What a fault plan makes of the job.
    void meet_plan(spec::PacketOp op, const RawPacket &raw);
    /// Whether there is one more packet to be done before this one has ended.
    bool take_postponed();
    /// One step, of whoever acts.
    Step go_on();
    Step idle();
    tl::expected<void, FaultInfo> fetch(const Control::Work &work);
    /// Reads the ring from `address` on, by the queue's kind of address.
    tl::expected<void, FaultInfo> read_ring(std::uint64_t address, std::span<std::byte> out);
    /// What a fault plan wants of the packet that has been taken up.
    Step run();
    Step complete();
    /// Writes the seqno, and before it the stamp, if any. A fault says which of them failed.
    tl::expected<void, FaultInfo> write_back(const Control::Retired &retired);
    MemoryResult<void> write_back_context(std::uint64_t stamp_at, const spec::Stamp &stamp, std::uint64_t seqno);
    std::uint8_t interrupt_flag() const;
    bool stamps() const { return control_.active.stamp_addr != 0; }
    Step wind_down();

    Services &services_;
    CorePool &pool_;
    std::deque<Core> &cores_;
    const std::uint32_t index_;
    QueueControl &control_;
    PacketLog log_;

    // Only step() touches what follows.
    std::array<RawPacket, FETCH_AHEAD> fetched_;
    std::uint64_t fetched_first_ = 0; ///< index of fetched_[0]
    std::uint64_t fetched_count_ = 0;
    std::size_t taken_ = 0; ///< place in fetched_ of the packet of job_
    std::uint8_t flags_ = 0;
    std::uint64_t generation_ = 0;
    std::optional<PacketJob> job_;
    plan::Spoilt spoilt_; ///< what the fault plan makes of the job
    plan::Postponed<RawPacket> postponed_;
    bool late_ = false;                     ///< job_ is one of those, and no more the packet that was taken up
    std::optional<std::uint32_t> linger_{}; ///< steps for which the winding down is still put off
    bool completing_ = false;               ///< the job is done, seqno and interrupt are not
    /// With stamps: when the first packet that none covers yet was taken up.
    std::optional<std::uint64_t> stamp_start_;
    Launch launch_;
    Actor actor_;                         ///< the packet of job_, for the sanitizer
    std::unique_ptr<std::byte[]> bounce_; ///< CHUNK bytes, untouched until a copy needs them
};

} // namespace neuron::chip
