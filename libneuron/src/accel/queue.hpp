// SPDX-License-Identifier: MIT
// Queues of the driver: one class per way in.
#pragma once

#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <drm/neuron_accel.h>

#include <neuron/fd.hpp>

#include "../backend.hpp"

namespace neuron::accel {

/** Creates a queue with the path of the options. */
Result<std::shared_ptr<detail::QueuePort>> create_queue(std::shared_ptr<const Fd> fd, const std::string &name,
                                                        const QueueOptions &options, const detail::Log &log);

/** The driver takes absolute CLOCK_MONOTONIC nanoseconds; the past polls. */
std::int64_t to_kernel(detail::Deadline deadline);

/** The points that a job signals, as the driver takes them. */
std::vector<drm_neuron_sync> to_syncs(std::span<const TimelinePoint> points);

/** QUEUE_CREATE's arguments for the options; what is particular to a path is missing. */
drm_neuron_queue_create queue_request(const QueueOptions &options);
/** Why QUEUE_CREATE has failed. */
tl::unexpected<Error> queue_error(int error, const std::string &name, const QueueOptions &options);

/** QUEUE_QUERY; numbers are as the driver counts. */
Result<detail::QueueStatus> query_queue(const Fd &fd, std::uint32_t id);
/** WAIT, for what the driver counts: a job's status, or empty if it is not done by the deadline. */
Result<std::optional<detail::JobStatus>> wait_queue(const Fd &fd, std::uint32_t id, std::uint64_t number,
                                                    detail::Deadline deadline);

/** What the device remembers of the address that the last fault of this file met, if it is that one. */
std::optional<FaultPlace> place_of_fault(const Fd &fd, std::uint64_t va);

/** What the paths of the driver's own queues do by ioctl. */
class QueueBase : public detail::QueuePort {
public:
    ~QueueBase() override { QueueBase::close(); }

    void close() override;
    Result<std::optional<detail::JobStatus>> wait_shared(std::uint64_t job, detail::Deadline deadline) override;
    Result<detail::QueueStatus> query() override;
    std::optional<FaultPlace> place_of_fault(std::uint64_t va) override { return accel::place_of_fault(*fd_, va); }
    Result<std::optional<JobTimes>> times(std::uint64_t job) override;
    Result<void> notify(std::uint64_t job, int eventfd) override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline(const void *owner) override;

protected:
    QueueBase(std::shared_ptr<const Fd> fd, const drm_neuron_queue_create &created)
        : fd_(std::move(fd)),
          id_(created.queue_id),
          syncobj_(created.syncobj),
          polled_((created.flags & DRM_NEURON_QUEUE_POLLED) != 0) {}

    const Fd &fd() const noexcept { return *fd_; }
    std::uint32_t id() const noexcept { return id_; }
    Result<detail::QueueStatus> ask() const { return query_queue(*fd_, id_); }

private:
    /** What is known of a queue that is gone. */
    struct LastWords {
        detail::QueueStatus queue;
        std::uint64_t first_failed = 0; ///< first job that did not end well
        detail::JobStatus first_status = ECANCELED;

        detail::JobStatus status_of(std::uint64_t job) const;
    };

    std::optional<LastWords> last_words() const;
    LastWords hear_last_words();
    Result<std::optional<detail::JobStatus>> wait_by_ioctl(std::uint64_t job, detail::Deadline deadline) const {
        return wait_queue(*fd_, id_, job, deadline);
    }

    std::shared_ptr<const Fd> fd_;
    std::uint32_t id_;
    std::uint32_t syncobj_;
    bool polled_;
    mutable std::mutex lock_;        // protects final_
    std::optional<LastWords> final_; // once closed
};

/** SUBMIT and WAIT ioctls. */
class IoctlQueue final : public QueueBase {
public:
    IoctlQueue(std::shared_ptr<const Fd> fd, const drm_neuron_queue_create &created)
        : QueueBase(std::move(fd), created) {}

    detail::Submitted submit(detail::JobSpan jobs) override;
    detail::Submitted submit_signalling(std::span<const Packet> packets,
                                        std::span<const TimelinePoint> points) override;
    Result<std::optional<detail::JobStatus>> wait(std::uint64_t job, detail::Deadline deadline) override {
        return wait_shared(job, deadline);
    }
    bool thread_bound() const noexcept override { return false; }
    std::string_view path() const noexcept override { return "ioctl"; }

private:
    int submit_one(std::span<const Packet> packets, std::span<const drm_neuron_sync> syncs);
};

} // namespace neuron::accel
