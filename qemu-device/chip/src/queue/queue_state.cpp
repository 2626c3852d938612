// SPDX-License-Identifier: MIT
// What a queue's unit writes into a stream.
#include "../core/core.hpp"
#include "queue.hpp"

namespace neuron::chip {

void Queue::clear() {
    job_.reset();
    spoilt_ = {};
    postponed_.forget();
    late_ = false;
    completing_ = false;
    fetched_count_ = 0;
    stamp_start_.reset();
}

void Queue::serialize(Archive &archive) {
    archive.number("flags", flags_);
    archive.number("generation", generation_);
    archive.flag("completing", completing_);
    log_.serialize(archive);
    bool stamped = stamp_start_.has_value();
    std::uint64_t stamp = stamp_start_.value_or(0);
    archive.flag("has a stamp", stamped);
    archive.number("stamp", stamp);
    stamp_start_ = stamped ? std::optional(stamp) : std::nullopt;

    archive.number("first packet", fetched_first_);
    archive.number("packets", fetched_count_, 0, FETCH_AHEAD);
    for (std::uint64_t i = 0; i < fetched_count_; ++i)
        archive.bytes(fetched_[i]);

    bool job = job_.has_value();
    archive.flag("has a packet in flight", job);
    archive.require(control_.busy || !(job || completing_), "packet in flight", "is that of a queue that is not busy");
    archive.require(!(job && completing_), "completing", "is set, but the packet is still in flight");
    if (!job)
        return;
    archive.number("packet in flight", taken_, 0, FETCH_AHEAD - 1);
    archive.bytes(fetched_[taken_]); // of a queue that is being stopped it may be no longer among the others
    if (archive.loading()) {
        auto made = decode_packet(fetched_[taken_], static_cast<std::uint32_t>(cores_.size()), launch_);
        archive.require(made.has_value(), "packet in flight", "is none that could be");
        job_.emplace(std::move(*made));
    }
    PacketContext packet = context();
    std::visit([&](auto &it) { it.serialize(archive, packet); }, *job_);
}

Launch *Queue::running_launch() const {
    const auto *const launch = job_ ? std::get_if<LaunchJob>(&*job_) : nullptr;
    return launch != nullptr ? launch->running() : nullptr;
}

bool Queue::told_cores() const {
    const auto *const launch = job_ ? std::get_if<LaunchJob>(&*job_) : nullptr;
    return launch != nullptr && launch->told_cores();
}

void Queue::check_claim(Archive &archive) const {
    const std::uint32_t waits = pool_.waits_for(*this);
    const std::uint32_t has = pool_.has(*this);
    const auto *const launch = job_ ? std::get_if<LaunchJob>(&*job_) : nullptr;
    archive.require(launch != nullptr ? launch->claim_fits(waits, has) : waits == 0 && has == 0, "claim",
                    "is not that of the queue's launch");
}

} // namespace neuron::chip
