// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "../job_ledger.hpp"
#include "device.hpp"
#include "timeline.hpp"
#include "watchdog.hpp"

namespace neuron::sim {

/** A queue as the driver runs it: the ring, its jobs, and what became of them. */
class Queue final : public detail::QueuePort, public std::enable_shared_from_this<Queue> {
public:
    static Result<std::shared_ptr<detail::QueuePort>> create(std::shared_ptr<Device> device, std::uint32_t context,
                                                             const QueueOptions &options);
    ~Queue() override { Queue::close(); }

    void close() override;
    detail::Submitted submit(detail::JobSpan jobs) override;
    detail::Submitted submit_signalling(std::span<const Packet> packets,
                                        std::span<const TimelinePoint> points) override;
    Result<std::optional<detail::JobStatus>> wait(std::uint64_t job, detail::Deadline deadline) override {
        return wait_shared(job, deadline);
    }
    Result<std::optional<detail::JobStatus>> wait_shared(std::uint64_t job, detail::Deadline deadline) override;
    Result<detail::QueueStatus> query() override;
    Result<std::optional<JobTimes>> times(std::uint64_t job) override;
    Result<void> notify(std::uint64_t job, int eventfd) override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline(const void *owner) override;
    bool thread_bound() const noexcept override { return false; }
    std::string_view path() const noexcept override { return "direct"; }

    /** An event record of this queue; called with the device's lock held. @return what to tell, if it is news */
    std::optional<DeviceEvent> fault(const spec::EventRecord &record);
    std::uint32_t context() const noexcept { return context_; }

private:
    using State = detail::QueueStatus::State;

    Queue(std::shared_ptr<Device> device, std::uint32_t context, const QueueOptions &options);
    Result<void> start();
    Result<void> allocate();
    std::optional<Error> submit_one(std::span<const Packet> packets);
    void write_packets(std::span<const Packet> packets);
    void ring();
    std::chrono::microseconds interval() const;
    std::optional<detail::JobStatus> status_of(std::uint64_t job);
    void update();
    void notice_stop();
    std::uint64_t ended() const;
    void check_progress(detail::Clock::time_point since);
    void stop(State state, detail::JobStatus first_status, std::uint64_t first_job);
    spec::QueueState hardware_state() const;

    std::uint64_t ring_packets() const noexcept { return std::uint64_t{1} << options_.ring_log2; }

    std::shared_ptr<Device> device_;
    const std::uint32_t context_;
    const QueueOptions options_;
    const std::chrono::milliseconds timeout_;
    std::optional<std::uint32_t> id_; // set by start(); also the doorbell slot
    HostMemory::Block ring_;
    HostMemory::Block seqno_;
    HostMemory::Block stamps_;

    std::mutex lock_;        // protects all below
    detail::JobLedger jobs_; // those that were retired have ended well
    std::uint64_t rung_ = 0; // packets announced
    Watchdog watchdog_;
    State state_ = State::ok;
    std::uint64_t failed_job_ = 0;        // once state_ is not ok: the first job that did not end well,
    detail::JobStatus failed_status_ = 0; // and how it ended; those after it were canceled
    std::optional<FaultInfo> fault_;
    std::optional<detail::Clock::time_point> fault_seen_; // the chip says FAULTED, its record is due
    bool closed_ = false;
    std::weak_ptr<TimelineState> timeline_; // which holds the queue
    std::chrono::nanoseconds busy_time_{0}; // once closed_
    std::chrono::nanoseconds core_time_{0};
};

} // namespace neuron::sim
