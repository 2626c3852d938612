// SPDX-License-Identifier: MIT
#include <neuron/queue.hpp>

#include <limits>
#include <vector>

#include "callbacks.hpp"
#include "error.hpp"
#include "eventfd.hpp"
#include "job_error.hpp"
#include "queue_state.hpp"
#include "transfer.hpp"

namespace neuron {

using detail::deadline_after;

namespace {

Result<void> check_coalescing(const QueueOptions &options) {
    constexpr auto jobs_most = spec::field::QUEUE_COALESCE_COUNT.get(spec::field::QUEUE_COALESCE_COUNT.mask);
    constexpr auto time_most = spec::field::QUEUE_COALESCE_USECS.get(spec::field::QUEUE_COALESCE_USECS.mask);
    const auto time = options.coalesce_time.count();
    if (options.coalesce_jobs == 0 && time == 0)
        return {};
    if (options.coalesce_jobs == 0 || time <= 0)
        return detail::fail(ErrorCode::invalid_argument,
                            "coalescing of {} jobs within {} us: it needs a number and a time", options.coalesce_jobs,
                            time);
    if (options.coalesce_jobs > jobs_most || static_cast<std::uint64_t>(time) > time_most)
        return detail::fail(ErrorCode::invalid_argument, "coalescing of {} jobs within {} us: {} and {} are the most",
                            options.coalesce_jobs, time, jobs_most, time_most);
    if (options.polled)
        return detail::fail(ErrorCode::invalid_argument, "a polled queue has no interrupts to coalesce");
    return {};
}

Result<void> check_options(const QueueOptions &options) {
    if (options.ring_log2 < spec::RING_LOG2_MIN || options.ring_log2 > spec::RING_LOG2_MAX)
        return detail::fail(ErrorCode::invalid_argument, "a ring of 2^{} packets: 2^{} to 2^{} are possible",
                            options.ring_log2, spec::RING_LOG2_MIN, spec::RING_LOG2_MAX);
    constexpr std::chrono::milliseconds longest(std::numeric_limits<std::uint32_t>::max());
    if (options.job_timeout.count() < 0 || options.job_timeout > longest)
        return detail::fail(ErrorCode::invalid_argument, "a job timeout of {} ms", options.job_timeout.count());
    if (options.priority != Priority::normal && options.priority != Priority::low && options.priority != Priority::high)
        return detail::fail(ErrorCode::invalid_argument, "priority {}", static_cast<unsigned>(options.priority));
    if (options.path > SubmitPath::doorbell)
        return detail::fail(ErrorCode::invalid_argument, "path {}", static_cast<unsigned>(options.path));
    if (options.sqpoll && options.path != SubmitPath::uring && options.path != SubmitPath::automatic)
        return detail::fail(ErrorCode::invalid_argument, "sqpoll is for the path uring");
    if (options.sqpoll && (options.sqpoll_idle.count() <= 0 || options.sqpoll_idle > longest))
        return detail::fail(ErrorCode::invalid_argument, "an sqpoll thread that sleeps after {} ms",
                            options.sqpoll_idle.count());
    return check_coalescing(options);
}

} // namespace

Queue::Queue(std::unique_ptr<detail::QueueState> state) : state_(std::move(state)) {}
Queue::~Queue() = default;
Queue::Queue(Queue &&) noexcept = default;
Queue &Queue::operator=(Queue &&) noexcept = default;

Result<Queue> Queue::create(const Context &context, const QueueOptions &options) {
    QueueOptions wanted = options;
    if (wanted.ring_log2 == 0)
        wanted.ring_log2 = detail::default_ring_log2;
    if (auto good = check_options(wanted); !good)
        return detail::forward_error(good);
    auto port = context.state()->backend->queue_create(wanted);
    if (!port)
        return detail::forward_error(port);
    return Queue(std::make_unique<detail::QueueState>(context.state(), std::move(*port), 1u << wanted.ring_log2));
}

Result<Job> Queue::submit(std::span<const Packet> packets, Where where) { return state_->submit({&packets, 1}, where); }

Result<Job> Queue::submit(const CommandList &commands, const SubmitOptions &options, Where where) {
    return state_->submit(commands.packets(), options, where);
}

Result<Timeline> Queue::timeline() const {
    auto port = state_->port()->timeline(state_->context->backend.get());
    return port ? Result<Timeline>(Timeline(std::move(*port))) : detail::forward_error(port);
}

Result<Job> Queue::submit_batch(std::span<const CommandList> jobs, Where where) {
    std::vector<std::span<const Packet>> spans;
    spans.reserve(jobs.size());
    for (const CommandList &job : jobs)
        spans.push_back(job.packets());
    return state_->submit(spans, where);
}

// The job's result counts. What goes wrong with callbacks, poll() tells again.
Result<void> Queue::wait(Job job, std::chrono::nanoseconds timeout) {
    auto result = state_->wait(job, deadline_after(timeout));
    (void)state_->callbacks().run();
    return result;
}

Result<void> Queue::wait_idle(std::chrono::nanoseconds timeout) {
    auto result = state_->wait_idle(deadline_after(timeout));
    (void)state_->callbacks().run();
    return result;
}

Result<void> Queue::on_done(Job job, Callback callback) { return state_->callbacks().add(job, std::move(callback)); }

Result<std::size_t> Queue::poll(std::chrono::nanoseconds timeout) {
    return timeout.count() <= 0 ? state_->callbacks().run() : state_->callbacks().run(deadline_after(timeout));
}

Result<int> Queue::poll_fd() { return state_->callbacks().file(); }

Result<bool> Queue::done(Job job) { return state_->done(job); }
Result<JobTimes> Queue::times(Job job) const { return state_->times(job); }
Result<QueueStatus> Queue::status() const { return state_->status(); }

Result<Event> Queue::event(Job job) const {
    if (job.number == 0 || job.number > state_->last_job())
        return detail::fail(ErrorCode::invalid_argument, "job {}: the queue has had {} jobs", job.number,
                            state_->last_job());
    return Event(state_->port(), state_->context->addresses, job.number);
}

Result<void> Queue::run(const CommandList &commands, std::chrono::nanoseconds timeout, Where where) {
    const auto job = submit(commands, where);
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
    if (**status == 0)
        return {};
    return tl::unexpected(detail::job_error(*port_, job_, **status, {nullptr, *addresses_, nullptr}));
}

Result<bool> Event::done() const {
    const auto status = port_->wait_shared(job_, detail::Deadline::min());
    return status ? Result<bool>(status->has_value()) : tl::unexpected(status.error());
}

Result<Fd> Event::fd() const {
    return detail::make_eventfd([this](int file) { return port_->notify(job_, file); });
}

Result<JobTimes> Event::times() const { return detail::job_times(*port_, job_); }

} // namespace neuron
