// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include "timeline.hpp"

namespace neuron::null {

/** Jobs that have ended when they are accepted. */
class Queue final : public detail::QueuePort {
public:
    Queue(std::uint32_t id, Priority priority) : id_(id), priority_(priority) {}

    void close() override {}
    detail::Submitted submit(detail::JobSpan jobs) override;
    detail::Submitted submit_signalling(std::span<const Packet> packets,
                                        std::span<const TimelinePoint> points) override;
    Result<std::optional<detail::JobStatus>> wait(std::uint64_t job, detail::Deadline deadline) override;
    Result<std::optional<detail::JobStatus>> wait_shared(std::uint64_t job, detail::Deadline deadline) override;
    Result<QueueStatus> query() override;
    Result<std::optional<JobTimes>> times(std::uint64_t) override { return std::nullopt; } // nothing ran
    Result<void> notify(std::uint64_t job, int eventfd) override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline(const void *owner) override;
    bool thread_bound() const noexcept override { return false; }
    std::string_view path() const noexcept override { return "null"; }

private:
    const std::uint32_t id_;
    const Priority priority_;
    std::atomic<std::uint64_t> jobs_{0};
    std::shared_ptr<Timeline> own_; // once it was asked for; used by the queue's thread
};

} // namespace neuron::null
