// SPDX-License-Identifier: MIT
#include "callbacks.hpp"

#include "error.hpp"
#include "eventfd.hpp"

namespace neuron::detail {

Result<void> Callbacks::add(Job job, Queue::Callback callback) {
    if (auto known = queue_.done(job); !known)
        return forward_error(known);
    waiting_.emplace(job.number, std::move(callback));
    return arm();
}

// A callback may wait, and so come here again: each is out of the list before it is called.
Result<std::size_t> Callbacks::run() {
    const bool told = eventfd_ && clear_eventfd(eventfd_.get());
    std::size_t called = 0;
    while (!waiting_.empty()) {
        const Job job{waiting_.begin()->first};
        const auto done = queue_.done(job);
        if (!done)
            return tl::unexpected(done.error());
        if (!*done) {
            // The file may be ahead of the queue: the driver signals a job's fence before io_uring has posted its completion.
            // What it has said is used up, so it must say it again.
            if (told)
                armed_ = 0;
            break;
        }
        const auto callback = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        armed_ = 0; // what the file said of this job is used up
        ++called;
        callback(queue_.wait(job, Deadline::min()));
    }
    if (auto armed = arm(); !armed)
        return forward_error(armed);
    return called;
}

Result<std::size_t> Callbacks::run(Deadline deadline) {
    if (!waiting_.empty()) {
        // How the job ended is the callback's affair; whether it has, run() asks.
        (void)queue_.wait(Job{waiting_.begin()->first}, deadline);
    }
    return run();
}

Result<int> Callbacks::file() {
    if (!eventfd_) {
        auto made = make_eventfd();
        if (!made)
            return forward_error(made);
        // Whether the queue can tell at all, it says of any job.
        if (auto works = queue_.port()->notify(0, made->get()); !works)
            return forward_error(works);
        (void)clear_eventfd(made->get());
        eventfd_ = std::move(*made);
        if (auto armed = arm(); !armed)
            return forward_error(armed);
    }
    return eventfd_.get();
}

/** Has the file told of the oldest job that somebody waits for. */
Result<void> Callbacks::arm() {
    if (!eventfd_ || waiting_.empty())
        return {};
    const std::uint64_t oldest = waiting_.begin()->first;
    if (oldest == armed_)
        return {};
    armed_ = oldest;
    return queue_.port()->notify(oldest, eventfd_.get());
}

} // namespace neuron::detail
