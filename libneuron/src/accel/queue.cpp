// SPDX-License-Identifier: MIT
#include "queue.hpp"

#include <algorithm>
#include <atomic>

#include "../eventfd.hpp"
#include "../job_error.hpp"
#include "ioctl.hpp"
#include "timeline.hpp"
#include "uring_queue.hpp"

namespace neuron::accel {

using detail::QueueStatus;

namespace {

QueueStatus::State state_of(std::uint32_t state) {
    switch (state) {
    case DRM_NEURON_QUEUE_OK: return QueueStatus::State::ok;
    case DRM_NEURON_QUEUE_FAULTED: return QueueStatus::State::faulted;
    case DRM_NEURON_QUEUE_TIMED_OUT: return QueueStatus::State::timed_out;
    case DRM_NEURON_QUEUE_CANCELED: return QueueStatus::State::canceled;
    default: return QueueStatus::State::lost;
    }
}

FaultInfo fault_of(const drm_neuron_queue_query &query) {
    FaultInfo fault;
    fault.code = static_cast<spec::Fault>(query.fault_code);
    fault.unit = static_cast<spec::Unit>(query.fault_unit);
    fault.job = query.fault_seqno;
    fault.packet = query.fault_packet;
    fault.core = query.fault_core;
    fault.ring = query.fault_ring;
    fault.pc = query.fault_pc;
    fault.write = query.fault_write != 0;
    fault.va = query.fault_va;
    fault.info = query.fault_info;
    return fault;
}

} // namespace

std::int64_t to_kernel(detail::Deadline deadline) {
    return std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count());
}

// Whoever submits has seen to it that they are timelines of this context.
std::vector<drm_neuron_sync> to_syncs(std::span<const TimelinePoint> points) {
    std::vector<drm_neuron_sync> syncs;
    for (const TimelinePoint &point : points)
        syncs.push_back({.flags = DRM_NEURON_SYNC_SIGNAL,
                         .handle = static_cast<const Timeline &>(*point.timeline).handle(),
                         .point = point.value});
    return syncs;
}

std::optional<QueueBase::LastWords> QueueBase::last_words() const {
    const std::lock_guard guard(lock_);
    return final_;
}

detail::JobStatus QueueBase::LastWords::status_of(std::uint64_t job) const {
    if (job == first_failed)
        return first_status;
    return job < first_failed ? 0 : ECANCELED;
}

Result<QueueStatus> query_queue(const Fd &fd, std::uint32_t id) {
    drm_neuron_queue_query query{};
    query.queue_id = id;
    if (const int error = call(fd, DRM_IOCTL_NEURON_QUEUE_QUERY, query))
        return ioctl_error(error, fmt::format("asking about queue {}", id));
    QueueStatus status;
    status.id = id;
    status.state = state_of(query.state);
    status.priority = query.priority == DRM_NEURON_PRIORITY_HIGH  ? Priority::high
                      : query.priority == DRM_NEURON_PRIORITY_LOW ? Priority::low
                                                                  : Priority::normal;
    status.submitted = query.submitted;
    status.completed = query.completed;
    status.busy_time = std::chrono::nanoseconds(query.busy_ns);
    status.core_time = std::chrono::nanoseconds(query.core_ns);
    if (query.fault_code != 0)
        status.fault = fault_of(query);
    return status;
}

Result<QueueStatus> QueueBase::query() {
    if (const auto last = last_words())
        return last->queue;
    return ask();
}

// Jobs end in order, and all after the first one that failed have failed: halving finds it.
QueueBase::LastWords QueueBase::hear_last_words() {
    const auto now = ask();
    LastWords last;
    last.queue = now ? *now : QueueStatus{.state = QueueStatus::State::lost, .fault = std::nullopt};
    last.first_failed = last.queue.completed + 1;
    if (last.queue.state == QueueStatus::State::ok)
        return last;
    std::uint64_t good = 0;
    while (last.first_failed - good > 1) {
        const std::uint64_t middle = good + (last.first_failed - good) / 2;
        const auto status = wait_by_ioctl(middle, detail::Deadline::min());
        if (status && *status && **status == 0) {
            good = middle;
        } else {
            last.first_failed = middle;
            last.first_status = status && *status ? **status : ECANCELED;
        }
    }
    return last;
}

void QueueBase::close() {
    {
        const std::lock_guard guard(lock_);
        if (final_)
            return;
        final_ = hear_last_words();
    }
    drm_neuron_queue_destroy destroy{};
    destroy.queue_id = id_;
    // Only a vanished device refuses, and then nothing is left to stop.
    (void)call(*fd_, DRM_IOCTL_NEURON_QUEUE_DESTROY, destroy);
    if (syncobj_ != 0)
        (void)drmSyncobjDestroy(fd_->get(), syncobj_);
}

Result<std::optional<detail::JobStatus>> wait_queue(const Fd &fd, std::uint32_t id, std::uint64_t number,
                                                    detail::Deadline deadline) {
    drm_neuron_wait wait{};
    wait.queue_id = id;
    wait.seqno = number;
    wait.timeout_ns = to_kernel(deadline);
    const int error = call(fd, DRM_IOCTL_NEURON_WAIT, wait);
    if (error == 0)
        return -wait.status;
    if (error == ETIME)
        return std::nullopt;
    return ioctl_error(error, fmt::format("waiting for job {} of queue {}", number, id));
}

Result<std::optional<JobTimes>> QueueBase::times(std::uint64_t job) {
    if (last_words())
        return std::nullopt;
    drm_neuron_wait wait{};
    wait.queue_id = id_;
    wait.seqno = job;
    const int error = call(*fd_, DRM_IOCTL_NEURON_WAIT, wait);
    if (error != 0 && last_words()) // closed meanwhile
        return std::nullopt;
    if (error != 0)
        return ioctl_error(error, fmt::format("asking when job {} ran", job));
    if (wait.end_ns == 0)
        return std::nullopt;
    return JobTimes{std::chrono::nanoseconds(wait.start_ns), std::chrono::nanoseconds(wait.end_ns)};
}

Result<std::optional<detail::JobStatus>> QueueBase::wait_shared(std::uint64_t job, detail::Deadline deadline) {
    if (const auto last = last_words())
        return last->status_of(job);
    auto status = wait_by_ioctl(job, deadline);
    if (!status) {
        if (const auto last = last_words()) // closed meanwhile
            return last->status_of(job);
    }
    return status;
}

Result<void> QueueBase::notify(std::uint64_t job, int eventfd) {
    if (polled_)
        return detail::fail(ErrorCode::unsupported,
                            "a polled queue tells of its jobs only who looks: there is no file to poll for them");
    if (job == 0)
        return {};
    const std::lock_guard guard(lock_); // the syncobj stays meanwhile
    if (final_)
        return detail::add_to_eventfd(eventfd);
    if (const int error = notify_by_syncobj(*fd_, syncobj_, job, eventfd))
        return ioctl_error(error, fmt::format("a file to poll for job {}", job));
    return {};
}

Result<std::shared_ptr<detail::TimelinePort>> QueueBase::timeline(const void *owner) {
    return Timeline::of_queue(fd_, syncobj_, owner);
}

int IoctlQueue::submit_one(std::span<const Packet> packets, std::span<const drm_neuron_sync> syncs) {
    drm_neuron_submit args{};
    args.queue_id = id();
    args.packets = {spec::PACKET_BYTES, static_cast<std::uint32_t>(packets.size()),
                    reinterpret_cast<std::uintptr_t>(packets.data())};
    args.syncs = {sizeof(drm_neuron_sync), static_cast<std::uint32_t>(syncs.size()),
                  reinterpret_cast<std::uintptr_t>(syncs.data())};
    return call(fd(), DRM_IOCTL_NEURON_SUBMIT, args);
}

detail::Submitted IoctlQueue::submit(detail::JobSpan jobs) {
    detail::Submitted result;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const int error = result.error ? 0 : submit_one(jobs[i], {});
        if (error != 0)
            result.error = detail::refusal(*this, error);
        if (result.error) // the jobs behind a refused one are not tried: their order would mean nothing
            result.refused.push_back(i);
    }
    return result;
}

detail::Submitted IoctlQueue::submit_signalling(std::span<const Packet> packets,
                                                std::span<const TimelinePoint> points) {
    if (const int error = submit_one(packets, to_syncs(points)))
        return {.refused = {0}, .error = detail::refusal(*this, error)};
    return {};
}

namespace {

std::uint32_t priority_of(Priority priority) {
    switch (priority) {
    case Priority::low: return DRM_NEURON_PRIORITY_LOW;
    case Priority::high: return DRM_NEURON_PRIORITY_HIGH;
    default: return DRM_NEURON_PRIORITY_NORMAL;
    }
}

/** The ring of the options, or none if ioctls must do. */
Result<std::optional<UringRing>> make_ring(const Fd &fd, const QueueOptions &options, const RingOptions &wanted,
                                           const detail::Log &log) {
    if (options.path == SubmitPath::ioctl)
        return std::nullopt;
    auto made = UringRing::create(fd, wanted);
    if (made)
        return std::move(*made);
    if (options.path == SubmitPath::uring || options.sqpoll)
        return detail::forward_error(made);
    if (static std::atomic_flag said; !said.test_and_set())
        log(LogLevel::warning, fmt::format("{}; jobs go through ioctls", made.error().message));
    return std::nullopt;
}

} // namespace

drm_neuron_queue_create queue_request(const QueueOptions &options) {
    drm_neuron_queue_create create{};
    create.flags = options.polled ? DRM_NEURON_QUEUE_POLLED : 0;
    create.ring_log2 = options.ring_log2;
    create.timeout_ms = static_cast<std::uint32_t>(options.job_timeout.count());
    create.priority = priority_of(options.priority);
    create.coalesce_count = options.coalesce_jobs;
    create.coalesce_usecs = static_cast<std::uint32_t>(options.coalesce_time.count());
    return create;
}

tl::unexpected<Error> queue_error(int error, const std::string &name, const QueueOptions &options) {
    if (error == ENOSPC || error == ENOMEM)
        return detail::fail(ErrorCode::out_of_memory, "{}: no queue left", name);
    if (error == EACCES && options.priority == Priority::high)
        return detail::fail(ErrorCode::permission_denied, "{}: a queue of high priority needs CAP_SYS_NICE", name);
    return ioctl_error(error, fmt::format("{}: making a queue", name));
}

Result<std::shared_ptr<detail::QueuePort>> create_queue(std::shared_ptr<const Fd> fd, const std::string &name,
                                                        const QueueOptions &options, const detail::Log &log) {
    const RingOptions wanted{options.ring_log2, options.polled, options.sqpoll, options.sqpoll_idle};
    auto ring = make_ring(*fd, options, wanted, log);
    if (!ring)
        return detail::forward_error(ring);
    drm_neuron_queue_create create = queue_request(options);
    if (const int error = call(*fd, DRM_IOCTL_NEURON_QUEUE_CREATE, create))
        return queue_error(error, name, options);
    if (*ring)
        return std::make_shared<UringQueue>(std::move(fd), create, std::move(**ring), wanted, log);
    return std::make_shared<IoctlQueue>(std::move(fd), create);
}

} // namespace neuron::accel
