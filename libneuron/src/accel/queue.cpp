// SPDX-License-Identifier: MIT
#include "queue.hpp"

#include <algorithm>
#include <atomic>

#include "../job_error.hpp"
#include "ioctl.hpp"
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

// The driver takes absolute CLOCK_MONOTONIC nanoseconds; the past polls.
std::int64_t to_kernel(detail::Deadline deadline) {
    return std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count());
}

} // namespace

std::optional<QueueBase::LastWords> QueueBase::last_words() const {
    const std::lock_guard guard(lock_);
    return final_;
}

detail::JobStatus QueueBase::LastWords::status_of(std::uint64_t job) const {
    if (job == first_failed)
        return first_status;
    return job < first_failed ? 0 : ECANCELED;
}

Result<QueueStatus> QueueBase::ask() const {
    drm_neuron_queue_query query{};
    query.queue_id = id_;
    if (const int error = call(*fd_, DRM_IOCTL_NEURON_QUEUE_QUERY, query))
        return ioctl_error(error, fmt::format("asking about queue {}", id_));
    QueueStatus status;
    status.state = state_of(query.state);
    status.submitted = query.submitted;
    status.completed = query.completed;
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

Result<std::optional<detail::JobStatus>> QueueBase::wait_by_ioctl(std::uint64_t job, detail::Deadline deadline) const {
    drm_neuron_wait wait{};
    wait.queue_id = id_;
    wait.seqno = job;
    wait.timeout_ns = to_kernel(deadline);
    const int error = call(*fd_, DRM_IOCTL_NEURON_WAIT, wait);
    if (error == 0)
        return -wait.status;
    if (error == ETIME)
        return std::nullopt;
    return ioctl_error(error, fmt::format("waiting for job {}", job));
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

detail::Submitted IoctlQueue::submit(detail::JobSpan jobs) {
    detail::Submitted result;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        drm_neuron_submit args{};
        args.queue_id = id();
        args.packets = {spec::PACKET_BYTES, static_cast<std::uint32_t>(jobs[i].size()),
                        reinterpret_cast<std::uintptr_t>(jobs[i].data())};
        const int error = result.error ? 0 : call(fd(), DRM_IOCTL_NEURON_SUBMIT, args);
        if (error != 0)
            result.error = detail::refusal(*this, error);
        if (result.error) // the jobs behind a refused one are not tried: their order would mean nothing
            result.refused.push_back(i);
    }
    return result;
}

Result<std::shared_ptr<detail::QueuePort>> create_queue(std::shared_ptr<const Fd> fd, const std::string &name,
                                                        const QueueOptions &options, const detail::Log &log) {
    std::optional<UringRing> ring;
    if (options.path != SubmitPath::ioctl) {
        auto made = UringRing::create(*fd, options.ring_log2);
        if (made)
            ring = std::move(*made);
        else if (options.path == SubmitPath::uring)
            return detail::forward_error(made);
        else if (static std::atomic_flag said; !said.test_and_set())
            log(LogLevel::warning, fmt::format("{}; jobs go through ioctls", made.error().message));
    }
    drm_neuron_queue_create create{};
    create.ring_log2 = options.ring_log2;
    create.timeout_ms = static_cast<std::uint32_t>(options.job_timeout.count());
    const int error = call(*fd, DRM_IOCTL_NEURON_QUEUE_CREATE, create);
    if (error == ENOSPC || error == ENOMEM)
        return detail::fail(ErrorCode::out_of_memory, "{}: no queue left", name);
    if (error != 0)
        return ioctl_error(error, fmt::format("{}: making a queue", name));
    if (ring)
        return std::make_shared<UringQueue>(std::move(fd), create.queue_id, create.syncobj, std::move(*ring),
                                            options.ring_log2, log);
    return std::make_shared<IoctlQueue>(std::move(fd), create.queue_id, create.syncobj);
}

} // namespace neuron::accel
