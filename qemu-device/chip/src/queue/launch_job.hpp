// SPDX-License-Identifier: MIT
#pragma once

#include "../core/launch.hpp"
#include "packet_job.hpp"

#include <neuron/spec.hpp>

#include <cstdint>

namespace neuron::chip {

/// LAUNCH: reads the header and the arguments, gets the cores, starts them and waits for the last one to be done.
class LaunchJob {
public:
    /// `launch` is the queue's; it must live until abandon() or step() says that the job is over.
    LaunchJob(const spec::PacketLaunch &packet, Launch &launch) : packet_(packet), launch_(launch) {}

    JobResult step(PacketContext &context);
    /// The queue is being stopped: gives up what the job holds. False: cores are still winding down, call again when woken.
    bool abandon(PacketContext &context);
    /// Progress; reading, the job is as decode_packet() has made it of the same packet. The state of the cores is theirs.
    void serialize(Archive &archive, PacketContext &context);
    /// The launch, if its cores are at work, or have ended and nobody has looked yet.
    Launch *running() const { return phase_ == Phase::RUN ? &launch_ : nullptr; }
    /// Whether those cores have been told to wind down.
    bool told_cores() const { return told_cores_; }
    /// Whether the pool may say of it that it waits for `waits` and has `has` (masks of cores).
    bool claim_fits(std::uint32_t waits, std::uint32_t has) const;

private:
    enum class Phase : std::uint8_t { HEADER, ARGS, ACQUIRE, PREPARE, RUN };

    MemoryResult<void> read_args(PacketContext &context);
    tl::expected<void, FaultInfo> read_header(PacketContext &context);
    /// Fills in what is known of the launch before it has its cores.
    void bind(PacketContext &context);
    void rank_cores(PacketContext &context);
    JobStep prepare_one(PacketContext &context);
    void start(PacketContext &context);
    /// Also from a place in the line for them.
    void give_cores(PacketContext &context);
    /// What hazard detection has to say only now that the launch is over.
    std::optional<FaultInfo> hazard_at_end(const PacketContext &context);

    spec::PacketLaunch packet_;
    Launch &launch_;
    Phase phase_ = Phase::HEADER;
    std::uint32_t unprepared_ = 0; ///< cores that are not ready for the program yet
    bool told_cores_ = false;      ///< that they shall wind down
};

} // namespace neuron::chip
