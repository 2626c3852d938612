// SPDX-License-Identifier: MIT
#include "queue_state.hpp"

#include <algorithm>

#include "callbacks.hpp"
#include "error.hpp"

namespace neuron::detail {

QueueState::QueueState(std::shared_ptr<ContextState> owner, std::shared_ptr<QueuePort> port, std::uint32_t ring_packets)
    : context(std::move(owner)),
      port_(std::move(port)),
      ring_packets_(ring_packets),
      history_(ring_packets),
      callbacks_(std::make_unique<Callbacks>(*this)) {
    context->queues.add(port_);
}

QueueState::~QueueState() { port_->close(); }

Result<void> QueueState::take_over() {
    const auto self = std::this_thread::get_id();
    if (owner_ == self)
        return {};
    if (port_->thread_bound() && last_job_ != 0) {
        // wait() would touch what belongs to the other thread.
        const auto status = port_->wait_shared(last_job_, Deadline::min());
        if (!status)
            return tl::unexpected(status.error());
        if (!*status)
            return fail(ErrorCode::invalid_argument, "a queue with jobs in flight was used from a second thread");
    }
    if (auto changed = port_->change_thread(); !changed)
        return changed;
    owner_ = self;
    return {};
}

Result<void> QueueState::check_packets(JobSpan jobs) const {
    for (const std::span<const Packet> packets : jobs) {
        if (packets.empty())
            return fail(ErrorCode::invalid_argument, "a job without packets");
        if (packets.size() > ring_packets_ / 2)
            return fail(ErrorCode::invalid_argument, "a job of {} packets: half the ring of {} is the most",
                        packets.size(), ring_packets_);
        for (std::size_t i = 0; i < packets.size(); ++i) {
            const auto header =
                spec::unpack<spec::PacketHeader>(std::span(packets[i]).first<spec::PacketHeader::BYTES>());
            if (header.flags != 0)
                return fail(ErrorCode::invalid_argument, "packet {}: flags {:#x}: they belong to the driver", i,
                            header.flags);
        }
    }
    return {};
}

Result<void> QueueState::check_job(Job job) const {
    if (job.number == 0 || job.number > last_job_)
        return fail(ErrorCode::invalid_argument, "job {}: the queue has had {} jobs", job.number, last_job_);
    return {};
}

Result<Job> QueueState::submit(JobSpan jobs, SourcePlace where) {
    if (jobs.empty())
        return fail(ErrorCode::invalid_argument, "a batch without jobs");
    if (auto good = take_over().and_then([&] { return check_packets(jobs); }); !good)
        return forward_error(good);
    Submitted submitted;
    {
        const Stopwatch watch(context->counters.submit_ns, "submit");
        submitted = port_->submit(jobs);
    }
    return accept(jobs, std::move(submitted), where);
}

Result<void> QueueState::check_points(const SubmitOptions &options) const {
    for (const auto *points : {&options.wait, &options.signal}) {
        for (const TimelinePoint &point : *points) {
            if (!point.timeline || point.value == 0)
                return fail(ErrorCode::invalid_argument, "point {} of {} timeline", point.value,
                            point.timeline ? "a" : "no");
            if (point.timeline->owner() != context->backend.get())
                return fail(ErrorCode::invalid_argument,
                            "point {} of a timeline of another context than the queue's: import it there", point.value);
        }
    }
    for (const TimelinePoint &point : options.signal) {
        if (point.timeline->of_queue())
            return fail(ErrorCode::invalid_argument, "signalling point {} of a queue's own timeline: its jobs do",
                        point.value);
    }
    if (options.signal.size() > max_signals)
        return fail(ErrorCode::invalid_argument, "a job that signals {} points: {} are the most", options.signal.size(),
                    max_signals);
    return {};
}

// The driver would wait as well before the job enters the ring. Here all ways to submit have it, and io_uring's workers, in
// which later jobs could overtake, stay out of it.
Result<Job> QueueState::submit(std::span<const Packet> packets, const SubmitOptions &options, SourcePlace where) {
    const JobSpan job(&packets, 1);
    if (auto good =
            take_over().and_then([&] { return check_packets(job); }).and_then([&] { return check_points(options); });
        !good)
        return forward_error(good);
    const TraceSpan span("submit");
    const auto started = Clock::now();
    for (const TimelinePoint &point : options.wait) {
        if (auto waited = point.timeline->wait_promised(point.value, Deadline::max()); !waited)
            return forward_error(waited);
    }
    Submitted submitted =
        options.signal.empty() ? port_->submit(job) : port_->submit_signalling(packets, options.signal);
    const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - started);
    context->counters.submit_ns.fetch_add(static_cast<std::uint64_t>(passed.count()), std::memory_order_relaxed);
    return accept(job, std::move(submitted), where);
}

/** Counts what the backend has accepted. */
Result<Job> QueueState::accept(JobSpan jobs, Submitted submitted, SourcePlace where) {
    Counters &counters = context->counters;
    counters.submit_calls.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (std::ranges::binary_search(submitted.refused, i))
            continue;
        ++last_job_;
        history_.add(jobs[i], where, context->addresses->loads());
        counters.packets.fetch_add(jobs[i].size(), std::memory_order_relaxed);
    }
    counters.jobs.fetch_add(jobs.size() - submitted.refused.size(), std::memory_order_relaxed);
    if (submitted.error)
        return tl::unexpected(with_reason(*port_, std::move(*submitted.error), knowledge()));
    return Job{last_job_};
}

Result<std::optional<JobStatus>> QueueState::status_of(std::uint64_t job, Deadline deadline) {
    const Stopwatch watch(context->counters.wait_ns, "wait");
    context->counters.wait_calls.fetch_add(1, std::memory_order_relaxed);
    return port_->wait(job, deadline);
}

Result<void> QueueState::wait(Job job, Deadline deadline) {
    if (auto good = take_over().and_then([&] { return check_job(job); }); !good)
        return good;
    const auto status = status_of(job.number, deadline);
    if (!status)
        return tl::unexpected(status.error());
    if (!*status)
        return fail(ErrorCode::timeout, "job {}: not done in time; it goes on", job.number);
    if (**status == 0)
        return {};
    context->counters.faults.fetch_add(1, std::memory_order_relaxed);
    return tl::unexpected(job_error(*port_, job.number, **status, knowledge()));
}

// Jobs end in order and a failed one stops the queue: all after the first failed one have failed.
Result<std::uint64_t> QueueState::first_failed() {
    std::uint64_t good = 0;
    std::uint64_t bad = last_job_;
    while (bad - good > 1) {
        const std::uint64_t middle = good + (bad - good) / 2;
        const auto status = status_of(middle, Deadline::min());
        if (!status)
            return tl::unexpected(status.error());
        (*status && **status == 0 ? good : bad) = middle;
    }
    return bad;
}

Result<void> QueueState::wait_idle(Deadline deadline) {
    if (last_job_ == 0)
        return {};
    if (auto mine = take_over(); !mine)
        return mine;
    const auto status = status_of(last_job_, deadline);
    if (!status)
        return tl::unexpected(status.error());
    if (!*status || **status == 0)
        return wait(Job{last_job_}, Deadline::min());
    const auto first = first_failed();
    return first ? wait(Job{*first}, Deadline::min()) : tl::unexpected(first.error());
}

Result<bool> QueueState::done(Job job) {
    if (auto good = take_over().and_then([&] { return check_job(job); }); !good)
        return forward_error(good);
    const auto status = status_of(job.number, Deadline::min());
    if (!status)
        return tl::unexpected(status.error());
    return status->has_value();
}

Result<JobTimes> QueueState::times(Job job) const {
    if (auto good = check_job(job); !good)
        return forward_error(good);
    return job_times(*port_, job.number);
}

Result<QueueStatus> QueueState::status() const {
    auto status = port_->query();
    if (status && status->fault)
        locate(*status->fault, &history_, *context->addresses);
    return status;
}

Result<QueueState::ArgumentSlot> QueueState::next_argument_slot() {
    constexpr std::size_t slot_bytes = spec::LAUNCH_ARGS * sizeof(std::uint64_t);
    if (!arguments_) {
        auto made = Buffer::create(Context(context), argument_slots * slot_bytes,
                                   {.read_only = true, .label = "arguments of a queue"}, {});
        if (!made)
            return forward_error(made);
        arguments_ = std::move(*made);
    }
    const std::size_t slot = argument_next_ % argument_slots;
    if (argument_jobs_[slot] != 0) {
        if (auto mine = take_over(); !mine)
            return forward_error(mine);
        // How that job ended is for its own wait to tell.
        if (const auto status = status_of(argument_jobs_[slot], Deadline::max()); !status)
            return tl::unexpected(status.error());
    }
    const auto bytes = arguments_->map();
    if (!bytes)
        return tl::unexpected(bytes.error());
    return ArgumentSlot{bytes->subspan(slot * slot_bytes, slot_bytes), arguments_->va() + slot * slot_bytes};
}

Result<Buffer *> QueueState::staging() {
    if (!staging_) {
        auto made = Buffer::create(Context(context), staging_bytes, {.label = "staging of a queue"}, {});
        if (!made)
            return forward_error(made);
        staging_ = std::move(*made);
    }
    return &*staging_;
}

} // namespace neuron::detail
