// SPDX-License-Identifier: MIT
// What a backend has to do. Everything above it is shared.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <neuron/buffer.hpp>
#include <neuron/command_list.hpp>
#include <neuron/device.hpp>
#include <neuron/fd.hpp>
#include <neuron/queue.hpp>

#include "call_site.hpp"

namespace neuron::detail {

using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as the driver counts

/** A point in time, Clock::time_point::max() for never. */
using Deadline = Clock::time_point;

/** Deadline `timeout` from now, without overflow. */
inline Deadline deadline_after(std::chrono::nanoseconds timeout) {
    const auto now = Clock::now();
    return timeout >= Deadline::max() - now ? Deadline::max() : now + timeout;
}

struct BoRequest {
    std::uint64_t size;
    BufferOptions options;
};

struct BoInfo {
    std::uint32_t handle;
    std::uint64_t size; ///< rounded up
    Placement placement = Placement::host;
    bool mappable = true;
};

/** For people: what the program calls a buffer, and where in its source it was made. Either may be empty. */
struct BufferName {
    std::string_view label{};
    std::string_view place{};
};

/** As the driver tells it: the fault's job and packet are as the driver counts them, without opcode and place. */
using neuron::QueueStatus;

/** How a job ended: 0, or a positive errno: EIO faulted, ECANCELED, ETIME, ENODEV. */
using JobStatus = int;

/** Jobs to submit at once. */
using JobSpan = std::span<const std::span<const Packet>>;

/** Outcome of a submit: the accepted jobs get the next numbers, in their order. */
struct Submitted {
    std::vector<std::size_t> refused{}; ///< indices of the jobs that were refused, ascending
    std::optional<Error> error{};       ///< why the first of them was; set if there are any
};

/** A timeline as one context sees it. Threading: any thread. */
class TimelinePort {
public:
    virtual ~TimelinePort() = default;
    /** The context whose queues may use it. */
    virtual const void *owner() const noexcept = 0;
    /** It is a queue's own, which only its jobs signal. */
    virtual bool of_queue() const noexcept = 0;
    virtual Result<std::uint64_t> value() = 0;
    virtual Result<void> signal(std::uint64_t point) = 0;
    /** Waits until the point has been promised and has signalled. @return whether it has by the deadline */
    virtual Result<bool> wait(std::uint64_t point, Deadline deadline) = 0;
    /** The same for a promised point. @return invalid_argument if it is none */
    virtual Result<bool> wait_promised(std::uint64_t point, Deadline deadline) = 0;
    /** Adds 1 to the eventfd, now or once the point has signalled. It stays the caller's. */
    virtual Result<void> notify(std::uint64_t point, int eventfd) = 0;
    virtual Result<Fd> export_fd() = 0;
};

/**
 * A queue of a context; destroying it stops its jobs. Jobs have numbers from 1 in the order of acceptance.
 * Threading: one thread at a time, but for wait_shared(), query() and times(), which any thread may call.
 */
class QueuePort {
public:
    virtual ~QueuePort() = default;

    /**
     * Stops the jobs in flight, waits until the device has let go of them, and frees the queue. Called once, by the
     * owner, who may be one of several that hold the object: afterwards only the calls for any thread are made, and
     * give an error or what was known at the end; times() knows nothing then.
     */
    virtual void close() = 0;

    /** Submits jobs; waits for room in the ring. The packets may go when the call returns. */
    virtual Submitted submit(JobSpan jobs) = 0;

    /** One job that signals points when it has ended. */
    virtual Submitted submit_signalling(std::span<const Packet> packets, std::span<const TimelinePoint> points);

    /** Waits for a job. Empty: not done by the deadline; one in the past polls. */
    virtual Result<std::optional<JobStatus>> wait(std::uint64_t job, Deadline deadline) = 0;

    /** The same for any thread. */
    virtual Result<std::optional<JobStatus>> wait_shared(std::uint64_t job, Deadline deadline) = 0;

    virtual Result<QueueStatus> query() = 0;

    /**
     * What the device remembers of the address that the last fault of the context met; empty if that is nothing, or was
     * another address. Any thread.
     */
    virtual std::optional<FaultPlace> place_of_fault(std::uint64_t va);

    /** When a job ran; empty if that is not known, or not any more. Any thread; the job has ended. */
    virtual Result<std::optional<JobTimes>> times(std::uint64_t job) = 0;

    /** Adds 1 to the eventfd, now or once the job has ended. It stays the caller's. Job 0: only whether it can. Any thread. */
    virtual Result<void> notify(std::uint64_t job, int eventfd);

    /** The queue's own timeline, for @p owner, which is its context. */
    virtual Result<std::shared_ptr<TimelinePort>> timeline(const void *owner);

    /** True if jobs in flight are bound to the thread that submitted them. */
    virtual bool thread_bound() const noexcept = 0;
    /** Called before a new thread takes over; nothing is in flight. */
    virtual Result<void> change_thread() { return {}; }

    virtual std::string_view path() const noexcept = 0;
};

/** A context from outside of its process. */
struct ContextName {
    std::string device;       ///< Its bus address.
    std::uint32_t number = 0; ///< Of the context, as the driver counts.
};

/** A context of a device; destroying it ends it. Threading: all members may be called from several threads. */
class ContextBackend {
public:
    virtual ~ContextBackend() = default;

    virtual Result<DeviceInfo> query() = 0;
    /** How others who look at the device name it; nothing if nobody can. */
    virtual std::optional<ContextName> name() { return std::nullopt; }

    virtual Result<BoInfo> bo_create(const BoRequest &request) = 0;
    virtual void bo_destroy(std::uint32_t handle) = 0;
    /** A file that names the memory of a shareable or imported buffer. */
    virtual Result<Fd> bo_export(std::uint32_t handle) = 0;
    /** The memory behind such a file, as one more buffer. Its handle may be one that is in use: each is destroyed. */
    virtual Result<BoInfo> bo_import(int fd) = 0;
    /** Maps all of a buffer for the CPU. */
    virtual Result<std::span<std::byte>> bo_map(std::uint32_t handle, std::uint64_t size) = 0;
    virtual void bo_unmap(std::span<std::byte> bytes) = 0;

    /** Maps all of a buffer in the context, somewhere. @return the address */
    virtual Result<std::uint64_t> bind(std::uint32_t handle, std::uint64_t size, bool read_only,
                                       const BufferName &name) = 0;
    /**
     * Undoes bind(); when it returns, the device does not use the mapping any more. @p by is where in the program that
     * is, for people; it may be nobody's.
     */
    virtual void unbind(std::uint64_t va, std::uint64_t size, const CallSite &by) = 0;

    virtual Result<std::shared_ptr<QueuePort>> queue_create(const QueueOptions &options) = 0;

    virtual Result<std::shared_ptr<TimelinePort>> timeline_create() = 0;
    virtual Result<std::shared_ptr<TimelinePort>> timeline_import(int fd) = 0;

    /** Asks for events, if that was not done yet. @return a file that is readable while there are some */
    virtual Result<Fd> events_fd() = 0;
    virtual Result<std::vector<DeviceEvent>> read_events() = 0;
};

/** An opened device. Threading: all members may be called from several threads. */
class DeviceBackend {
public:
    virtual ~DeviceBackend() = default;
    virtual Result<std::unique_ptr<ContextBackend>> context_create() = 0;
    virtual const DeviceInfo &info() const noexcept = 0;
    virtual std::vector<SanitizerReport> sanitizer_reports() { return {}; }
    virtual std::string fault_report() { return {}; }
};

/** Points that one job may signal: what the driver takes. */
inline constexpr std::size_t max_signals = 256;

/** Ring of a queue whose options do not say: room for batches, and still small (64 KiB). */
inline constexpr std::uint32_t default_ring_log2 = 10;

/** Calls the log callback, if there is one. */
class Log {
public:
    Log() = default;
    explicit Log(LogCallback callback) : callback_(std::move(callback)) {}
    void operator()(LogLevel level, std::string_view message) const {
        if (callback_)
            callback_(level, message);
    }

private:
    LogCallback callback_;
};

} // namespace neuron::detail
