// SPDX-License-Identifier: MIT
// Behind Queue: what all backends share.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <thread>

#include <neuron/source_place.hpp>

#include "job_error.hpp"
#include "job_history.hpp"
#include "state.hpp"

namespace neuron::detail {

class Callbacks;

class QueueState {
public:
    QueueState(std::shared_ptr<ContextState> owner, std::shared_ptr<QueuePort> port, std::uint32_t ring_packets);
    ~QueueState();
    QueueState(const QueueState &) = delete;
    QueueState &operator=(const QueueState &) = delete;

    /** @return The last job. */
    Result<Job> submit(JobSpan jobs, SourcePlace where);
    Result<Job> submit(std::span<const Packet> packets, const SubmitOptions &options, SourcePlace where);
    Result<void> wait(Job job, Deadline deadline);
    Result<void> wait_idle(Deadline deadline);
    Result<bool> done(Job job);
    Result<JobTimes> times(Job job) const;
    Callbacks &callbacks() noexcept { return *callbacks_; }
    Result<QueueStatus> status() const;

    /** Room for the arguments of one launch. */
    struct ArgumentSlot {
        std::span<std::byte> bytes;
        std::uint64_t va;
    };
    /** The next slot, once the job that used it last is done. */
    Result<ArgumentSlot> next_argument_slot();
    /** The slot given out last belongs to @p job. */
    void argument_slot_used(Job job) { argument_jobs_[argument_next_++ % argument_slots] = job.number; }

    /** Buffer for copies by the CPU on one side and packets on the other; made at the first call. */
    Result<Buffer *> staging();

    const std::shared_ptr<QueuePort> &port() const noexcept { return port_; }
    std::uint32_t ring_packets() const noexcept { return ring_packets_; }
    std::uint64_t last_job() const noexcept { return last_job_; }

    const std::shared_ptr<ContextState> context;

    static constexpr std::uint64_t staging_bytes = 4u << 20; // two halves of one large page

private:
    Result<void> take_over();
    Result<void> check_packets(JobSpan jobs) const;
    Result<void> check_points(const SubmitOptions &options) const;
    Result<Job> accept(JobSpan jobs, Submitted submitted, SourcePlace where);
    Result<void> check_job(Job job) const;
    Result<std::optional<JobStatus>> status_of(std::uint64_t job, Deadline deadline);
    Result<std::uint64_t> first_failed();
    QueueKnowledge knowledge() const { return {&history_, *context->addresses, &context->queues}; }

    static constexpr std::size_t argument_slots = 64;

    std::shared_ptr<QueuePort> port_;
    std::uint32_t ring_packets_;
    JobHistory history_;
    std::thread::id owner_ = std::this_thread::get_id();
    std::uint64_t last_job_ = 0; // newest accepted
    std::unique_ptr<Callbacks> callbacks_;
    std::optional<Buffer> staging_;
    std::optional<Buffer> arguments_;
    std::array<std::uint64_t, argument_slots> argument_jobs_{}; // job that uses each slot
    std::uint64_t argument_next_ = 0;
};

} // namespace neuron::detail
