// SPDX-License-Identifier: MIT
// Jobs of a queue whose hardware counts packets.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace neuron::detail {

/** Which packets are which job, for as many jobs back as the ring has packets. Not thread-safe. */
class JobLedger {
public:
    explicit JobLedger(std::uint64_t ring_packets) : ends_(ring_packets) {}

    /** One more job, of so many packets; there must be room for them. */
    void add(std::uint64_t packets) {
        tail_ += packets;
        ends_[++submitted_ % ends_.size()] = tail_;
    }
    bool has_room(std::uint64_t packets) const noexcept { return tail_ - done_packets_ + packets <= ends_.size(); }

    /** The hardware has retired so many packets; jobs from @p limit on do not count as done. */
    void retire(std::uint64_t packets, std::uint64_t limit = UINT64_MAX) {
        while (done_ < submitted_ && done_ + 1 < limit && end(done_ + 1) <= packets)
            done_packets_ = end(++done_);
    }

    std::uint64_t tail() const noexcept { return tail_; }           ///< packets of all jobs
    std::uint64_t submitted() const noexcept { return submitted_; } ///< newest job
    std::uint64_t done() const noexcept { return done_; }           ///< newest job that was retired
    std::uint64_t done_packets() const noexcept { return done_packets_; }
    bool idle() const noexcept { return done_ == submitted_; }

    /** One past the last packet of a job, while the ring's entries of that packet are still the job's. */
    std::optional<std::uint64_t> end_of(std::uint64_t job) const {
        if (job == 0 || job > submitted_ || submitted_ - job >= ends_.size() || tail_ - end(job) >= ends_.size())
            return std::nullopt;
        return end(job);
    }

    struct Spot {
        std::uint64_t job;
        std::uint64_t packet; ///< in that job
    };
    /** The job of a packet that was not retired. */
    Spot locate(std::uint64_t packet) const {
        std::uint64_t job = done_ + 1;
        std::uint64_t start = done_packets_;
        for (; job <= submitted_ && end(job) <= packet; ++job)
            start = end(job);
        return {job, packet - start};
    }

private:
    std::uint64_t end(std::uint64_t job) const { return ends_[job % ends_.size()]; }

    std::vector<std::uint64_t> ends_; // by job, modulo size
    std::uint64_t tail_ = 0;
    std::uint64_t submitted_ = 0;
    std::uint64_t done_ = 0;
    std::uint64_t done_packets_ = 0;
};

} // namespace neuron::detail
