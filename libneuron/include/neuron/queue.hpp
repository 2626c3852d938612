// SPDX-License-Identifier: MIT
/**
 * @file
 * Submitting jobs and waiting for them.
 */
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <neuron/buffer.hpp>
#include <neuron/command_list.hpp>
#include <neuron/source_place.hpp>
#include <neuron/timeline.hpp>

namespace neuron {

namespace detail {
class QueueState;
class QueuePort;
class AddressMap;
} // namespace detail

/** Who goes first where queues compete; strict: a queue waits while one of higher priority has work that can go on. */
enum class Priority : std::uint8_t {
    normal,
    low,  ///< After all others.
    high, ///< Before all others. The accel backend asks for CAP_SYS_NICE.
};

/** How jobs enter the kernel. Backends other than accel have a single way and ignore the choice. */
enum class SubmitPath : std::uint8_t {
    automatic, ///< io_uring where it works, else ioctl, which is logged once per process.
    uring,     ///< io_uring, or an error from Queue::create().
    ioctl,     ///< The ioctls.
    /**
     * The queue's ring and doorbell are in the process: submitting is no system call, and waiting is one only for jobs that take
     * longer. Such jobs have no fences: what needs these is unsupported. A queue that stopped refuses jobs once somebody has
     * waited for one of those it had; until then it takes them, and they are canceled.
     */
    doorbell,
};

struct QueueOptions {
    /** log2 of the ring size in packets; 0 for the default. A job may have at most half a ring of packets. */
    std::uint32_t ring_log2 = 0;
    /**
     * A job that makes no progress for this long is stopped, with ErrorCode::timeout, and so is one that takes 32 times as long
     * altogether (accel: the device's job_timeouts). 0 for the driver's default.
     */
    std::chrono::milliseconds job_timeout{0};
    SubmitPath path = SubmitPath::automatic;
    Priority priority = Priority::normal;
    /** Interrupts of up to so many jobs are held back, until the queue has nothing more to do; 0: none. With coalesce_time. */
    std::uint32_t coalesce_jobs = 0;
    /** But none of them longer than this; whole microseconds. */
    std::chrono::microseconds coalesce_time{0};
    /**
     * The queue raises no interrupts: who waits looks for itself, for the price of a processor. With SubmitPath::uring the
     * ring is one with IORING_SETUP_IOPOLL. Not with coalescing.
     */
    bool polled = false;
    /**
     * io_uring only: a thread of the kernel takes the jobs (IORING_SETUP_SQPOLL), so that submitting is no system call as long as
     * that thread is awake, which it is for sqpoll_idle after a job. It occupies a processor meanwhile.
     */
    bool sqpoll = false;
    std::chrono::milliseconds sqpoll_idle{50};
};

/** Condition of a queue. */
struct QueueStatus {
    enum class State : std::uint8_t {
        ok,        ///< Takes jobs.
        faulted,   ///< Stopped by a fault of one of its jobs: fault tells it.
        timed_out, ///< Stopped because a job made no progress.
        canceled,  ///< Stopped because of another queue of the context.
        lost,      ///< The device was reset or is gone.
    };
    std::uint32_t id = 0; ///< What DeviceEvent::queue calls it.
    State state = State::ok;
    Priority priority = Priority::normal;
    std::uint64_t submitted = 0;           ///< Newest job.
    std::uint64_t completed = 0;           ///< Newest job that has ended, well or not.
    std::optional<FaultInfo> fault{};      ///< The whole record.
    std::chrono::nanoseconds busy_time{0}; ///< For how long it had work in the device and did not wait for cores.
    std::chrono::nanoseconds core_time{0}; ///< The same for NeuronCores, those of a job added up.
};

/** Name of a state as in the source, e.g. "timed_out". */
NEURON_API std::string_view name(QueueStatus::State state) noexcept;

/** When a job ran, by the clock of the device: DeviceInfo::clock_ns is that clock. */
struct JobTimes {
    std::chrono::nanoseconds start{0}; ///< Its first packet was taken up.
    std::chrono::nanoseconds end{0};   ///< Its last packet had retired.
};

/** A submitted job of one queue: numbers count from 1 in the order of submission. */
struct Job {
    std::uint64_t number = 0;
};

/** What a job has to do with timelines of the queue's context. */
struct SubmitOptions {
    /**
     * The job enters the queue after these have signalled, and submit() waits for that. Each must be promised: signalled, or
     * signalled by a job that was submitted.
     */
    std::vector<TimelinePoint> wait{};
    /** These signal when the job has ended, well or not. At most 256. Not with SubmitPath::doorbell. */
    std::vector<TimelinePoint> signal{};
};

/**
 * The completion of one job, for other threads than the queue's. Copies name the same job; it outlives the Queue.
 * Threading: all members may be called from several threads.
 */
class Event {
public:
    /** Same results as Queue::wait(), with less detail: the packet's opcode is not known here. */
    NEURON_API Result<void> wait(std::chrono::nanoseconds timeout = forever) const;
    /** True once the job has ended, well or not. */
    NEURON_API Result<bool> done() const;
    /** Same as Queue::times(). */
    NEURON_API Result<JobTimes> times() const;
    /**
     * A file that poll() calls readable once the job has ended: an eventfd of the caller's own.
     * @return unsupported for queues without fences (SubmitPath::doorbell) or without interrupts (polled): nobody would
     *         signal it.
     */
    NEURON_API Result<Fd> fd() const;

    /** For the library itself. */
    Event(std::shared_ptr<detail::QueuePort> port, std::shared_ptr<const detail::AddressMap> addresses,
          std::uint64_t job)
        : port_(std::move(port)), addresses_(std::move(addresses)), job_(job) {}

private:
    std::shared_ptr<detail::QueuePort> port_;
    std::shared_ptr<const detail::AddressMap> addresses_;
    std::uint64_t job_;
};

/**
 * A queue: jobs run one after another, in the order of submission. Different queues run side by side.
 *
 * A fault stops the queue, and with it every queue of the context: the faulted job gets device_fault, the others
 * canceled, and later submits are refused. Make a new context, or a new queue, to go on.
 *
 * Threading: one thread at a time. Another thread may take the queue over while no job is in flight; with jobs in
 * flight that is an invalid_argument error, because an io_uring belongs to its thread. Event is for the other threads.
 */
class Queue {
public:
    using Where = SourcePlace;

    /**
     * @return out_of_memory if the device has no queue left; unsupported if SubmitPath::uring, or what needs it, was asked for
     *         and is not there; permission_denied for a priority that this process may not have; invalid_argument for options
     *         out of range or against each other.
     */
    NEURON_API static Result<Queue> create(const Context &context, const QueueOptions &options = {});

    /** Stops the jobs in flight and waits until the device has let go of them. */
    NEURON_API ~Queue();
    NEURON_API Queue(Queue &&) noexcept;
    NEURON_API Queue &operator=(Queue &&) noexcept;

    /**
     * Submits one job. Waits for room if the ring is full.
     * @param where What errors say of who submitted it; so with all that submit.
     * @return invalid_argument if there are no packets, more than half a ring, or one with flags; canceled or
     *         device_fault if the queue was stopped before.
     */
    NEURON_API Result<Job> submit(std::span<const Packet> packets, Where where = Where::current());
    Result<Job> submit(const CommandList &commands, Where where = Where::current()) {
        return submit(commands.packets(), where);
    }

    /**
     * Submits a job that waits for and signals points of timelines.
     * @return as above; invalid_argument for a timeline of another context, and for a point that nobody has promised;
     *         unsupported if the queue's jobs cannot signal.
     */
    NEURON_API Result<Job> submit(const CommandList &commands, const SubmitOptions &options,
                                  Where where = Where::current());

    /**
     * The queue's own timeline: point N signals when job N has ended.
     * @return unsupported with SubmitPath::doorbell.
     */
    NEURON_API Result<Timeline> timeline() const;

    /**
     * Submits several jobs with as few system calls as the path allows (one with io_uring).
     * @return The last job; the others have the numbers before it. On an error some of the jobs may have been accepted:
     *         wait_idle() waits for them.
     */
    NEURON_API Result<Job> submit_batch(std::span<const CommandList> jobs, Where where = Where::current());

    /**
     * Waits until a job is done.
     * @param timeout From now; 0 polls.
     * @return timeout if it is not done in time (it goes on; wait again), or the error of the job.
     */
    NEURON_API Result<void> wait(Job job, std::chrono::nanoseconds timeout = forever);
    /** Waits for all jobs. @return The error of the first job that failed, if one did; timeout if some are not done in time. */
    NEURON_API Result<void> wait_idle(std::chrono::nanoseconds timeout = forever);
    /** True once the job has ended, well or not. */
    NEURON_API Result<bool> done(Job job);
    /**
     * When a job ran. Known for as many jobs back as the ring has packets.
     * @return timeout if it has not ended; not_found if it did not run to its end or is too far back.
     */
    NEURON_API Result<JobTimes> times(Job job) const;
    /** The queue as of now. */
    NEURON_API Result<QueueStatus> status() const;
    /** The completion of a job, to hand to another thread. */
    NEURON_API Result<Event> event(Job job) const;

    /** What a job's end calls; the result is that of wait(). */
    using Callback = std::function<void(const Result<void> &result)>;
    /**
     * Calls back once the job has ended: in this thread, inside poll(), wait(), wait_idle() or run() of this queue, whichever finds
     * it first; callbacks of a queue come in the order of the jobs. They may submit, wait, and ask for more callbacks, and may not
     * destroy the queue. Those that were not called when the queue is destroyed never are.
     * @return invalid_argument if the queue has had no such job.
     */
    NEURON_API Result<void> on_done(Job job, Callback callback);
    /**
     * Calls back for the jobs that have ended.
     * @param timeout How long to wait for the first one, if none has; 0 does not wait. Without callbacks there is nothing to wait for.
     * @return How many were called.
     */
    NEURON_API Result<std::size_t> poll(std::chrono::nanoseconds timeout = std::chrono::nanoseconds(0));
    /**
     * A file for event loops that is readable when poll() may have something to call. It is the queue's, and stays as long as the
     * queue does; poll() makes it unreadable.
     * @return what Event::fd() returns.
     */
    NEURON_API Result<int> poll_fd();

    /** Submits and waits. */
    NEURON_API Result<void> run(const CommandList &commands, std::chrono::nanoseconds timeout = forever,
                                Where where = Where::current());

    /**
     * Writes bytes into a buffer and waits. A buffer that the CPU cannot map is filled through a staging buffer and
     * COPY packets of this queue, after the jobs that are in flight; a mappable one is written at once.
     * @return invalid_argument if the range is not inside the buffer or the buffer belongs to another context.
     */
    NEURON_API Result<void> write(const Buffer &buffer, std::uint64_t offset, std::span<const std::byte> bytes);
    /** Reads bytes from a buffer, likewise. */
    NEURON_API Result<void> read(const Buffer &buffer, std::uint64_t offset, std::span<std::byte> bytes);

    /** "uring", "ioctl", "doorbell", "direct" (sim) or "null". */
    NEURON_API std::string_view path() const noexcept;
    /** Packets of the ring. */
    NEURON_API std::uint32_t ring_packets() const noexcept;

    /** For the library itself. */
    detail::QueueState &state() const noexcept { return *state_; }

private:
    explicit Queue(std::unique_ptr<detail::QueueState> state);
    std::unique_ptr<detail::QueueState> state_;
};

} // namespace neuron
