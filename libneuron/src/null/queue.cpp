// SPDX-License-Identifier: MIT
#include "queue.hpp"

#include "../eventfd.hpp"

namespace neuron::null {

detail::Submitted Queue::submit(detail::JobSpan jobs) {
    const std::uint64_t newest = jobs_.fetch_add(jobs.size(), std::memory_order_release) + jobs.size();
    if (own_)
        own_->reach(newest);
    return {};
}

// The library has checked that the points are of timelines of the queue's context, which are ours.
detail::Submitted Queue::submit_signalling(std::span<const Packet> packets, std::span<const TimelinePoint> points) {
    auto result = submit({&packets, 1});
    for (const TimelinePoint &point : points)
        static_cast<Timeline &>(*point.timeline).reach(point.value);
    return result;
}

Result<std::optional<detail::JobStatus>> Queue::wait(std::uint64_t, detail::Deadline) { return detail::JobStatus{0}; }

Result<std::optional<detail::JobStatus>> Queue::wait_shared(std::uint64_t, detail::Deadline) {
    return detail::JobStatus{0};
}

Result<QueueStatus> Queue::query() {
    QueueStatus status;
    status.id = id_;
    status.priority = priority_;
    status.submitted = status.completed = jobs_.load(std::memory_order_acquire);
    return status;
}

Result<void> Queue::notify(std::uint64_t, int eventfd) { return detail::add_to_eventfd(eventfd); }

Result<std::shared_ptr<detail::TimelinePort>> Queue::timeline(const void *owner) {
    if (!own_)
        own_ = std::make_shared<Timeline>(owner, true, jobs_.load(std::memory_order_acquire));
    return own_;
}

} // namespace neuron::null
