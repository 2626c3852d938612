// SPDX-License-Identifier: MIT
/**
 * @file
 * Timelines: numbers that jobs, processes and devices wait for and signal.
 */
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include <neuron/context.hpp>
#include <neuron/fd.hpp>

namespace neuron {

namespace detail {
class TimelinePort;
}

/** For waits: no limit. */
inline constexpr std::chrono::nanoseconds forever = std::chrono::nanoseconds::max();

/** A point of a timeline. Keeps it alive. */
struct TimelinePoint {
    std::shared_ptr<detail::TimelinePort> timeline{};
    std::uint64_t value = 0;
};

/**
 * Points 1, 2, 3, …, of which each signals once, after all before it. A point signals when the job that was submitted with it
 * has ended, well or not, or by signal(). With the accel backend it is a timeline syncobj of DRM.
 *
 * It belongs to a context: other contexts, devices (accel) and processes (accel) import it, and then it is the same timeline.
 *
 * A cheap handle: copies name the same timeline. Threading: all members may be called from several threads.
 */
class Timeline {
public:
    NEURON_API static Result<Timeline> create(const Context &context);
    /**
     * The timeline behind a file of export_fd().
     * @param fd Stays the caller's, and may be closed afterwards.
     * @return invalid_argument if it is no open file, or none of a timeline of this backend; not_found (sim) if the timeline
     *         itself is gone.
     */
    NEURON_API static Result<Timeline> import_fd(const Context &context, int fd);
    /**
     * A file that names it. With the accel backend it keeps the timeline alive. With sim it does not, and it can be imported in
     * this process only.
     */
    NEURON_API Result<Fd> export_fd() const;

    /** For SubmitOptions. */
    TimelinePoint at(std::uint64_t value) const { return {port_, value}; }

    /** Newest point that has signalled. */
    NEURON_API Result<std::uint64_t> value() const;
    /** Signals a point, which must be behind all others. @return invalid_argument for point 0. */
    NEURON_API Result<void> signal(std::uint64_t value) const;
    /** Waits for a point, also for one that nobody has promised yet. @return timeout if it does not signal in time. */
    NEURON_API Result<void> wait(std::uint64_t value, std::chrono::nanoseconds timeout = forever) const;
    /** A file that poll() calls readable once the point has signalled: an eventfd of the caller's own. */
    NEURON_API Result<Fd> fd(std::uint64_t value) const;

    /** For the library itself. */
    explicit Timeline(std::shared_ptr<detail::TimelinePort> port) : port_(std::move(port)) {}

private:
    std::shared_ptr<detail::TimelinePort> port_;
};

} // namespace neuron
