// SPDX-License-Identifier: MIT
#include <neuron/queue.hpp>

#include <vector>

#include "error.hpp"
#include "job_error.hpp"
#include "queue_state.hpp"
#include "transfer.hpp"

namespace neuron {

using detail::deadline_after;

Queue::Queue(std::unique_ptr<detail::QueueState> state) : state_(std::move(state)) {}
Queue::~Queue() = default;
Queue::Queue(Queue &&) noexcept = default;
Queue &Queue::operator=(Queue &&) noexcept = default;

Result<Queue> Queue::create(const Context &context, const QueueOptions &options) {
    QueueOptions wanted = options;
    if (wanted.ring_log2 == 0)
        wanted.ring_log2 = detail::default_ring_log2;
    if (wanted.ring_log2 < spec::RING_LOG2_MIN || wanted.ring_log2 > spec::RING_LOG2_MAX)
        return detail::fail(ErrorCode::invalid_argument, "a ring of 2^{} packets: 2^{} to 2^{} are possible",
                            wanted.ring_log2, spec::RING_LOG2_MIN, spec::RING_LOG2_MAX);
    constexpr std::chrono::milliseconds longest(std::numeric_limits<std::uint32_t>::max());
    if (wanted.job_timeout.count() < 0 || wanted.job_timeout > longest)
        return detail::fail(ErrorCode::invalid_argument, "a job timeout of {} ms", wanted.job_timeout.count());
    auto port = context.state()->backend->queue_create(wanted);
    if (!port)
        return detail::forward_error(port);
    return Queue(std::make_unique<detail::QueueState>(context.state(), std::move(*port), 1u << wanted.ring_log2));
}

Result<Job> Queue::submit(std::span<const Packet> packets) { return state_->submit({&packets, 1}); }

Result<Job> Queue::submit_batch(std::span<const CommandList> jobs) {
    std::vector<std::span<const Packet>> spans;
    spans.reserve(jobs.size());
    for (const CommandList &job : jobs)
        spans.push_back(job.packets());
    return state_->submit(spans);
}

Result<void> Queue::wait(Job job, std::chrono::nanoseconds timeout) {
    return state_->wait(job, deadline_after(timeout));
}
Result<void> Queue::wait_idle(std::chrono::nanoseconds timeout) { return state_->wait_idle(deadline_after(timeout)); }
Result<bool> Queue::done(Job job) { return state_->done(job); }

Result<Event> Queue::event(Job job) const {
    if (job.number == 0 || job.number > state_->last_job())
        return detail::fail(ErrorCode::invalid_argument, "job {}: the queue has had {} jobs", job.number,
                            state_->last_job());
    return Event(state_->port(), job.number);
}

Result<void> Queue::run(const CommandList &commands, std::chrono::nanoseconds timeout) {
    const auto job = submit(commands);
    return job ? wait(*job, timeout) : tl::unexpected(job.error());
}

Result<void> Queue::write(const Buffer &buffer, std::uint64_t offset, std::span<const std::byte> bytes) {
    return detail::write_buffer(*state_, buffer, offset, bytes);
}

Result<void> Queue::read(const Buffer &buffer, std::uint64_t offset, std::span<std::byte> bytes) {
    return detail::read_buffer(*state_, buffer, offset, bytes);
}

std::string_view Queue::path() const noexcept { return state_->port()->path(); }
std::uint32_t Queue::ring_packets() const noexcept { return state_->ring_packets(); }

Result<void> Event::wait(std::chrono::nanoseconds timeout) const {
    const auto status = port_->wait_shared(job_, deadline_after(timeout));
    if (!status)
        return tl::unexpected(status.error());
    if (!*status)
        return detail::fail(ErrorCode::timeout, "job {}: not done in time; it goes on", job_);
    return **status == 0 ? Result<void>{} : tl::unexpected(detail::job_error(*port_, job_, **status, nullptr));
}

Result<bool> Event::done() const {
    const auto status = port_->wait_shared(job_, detail::Deadline::min());
    return status ? Result<bool>(status->has_value()) : tl::unexpected(status.error());
}

} // namespace neuron
