// SPDX-License-Identifier: MIT
#include "timeline.hpp"

#include <algorithm>
#include <thread>

#include "../error.hpp"
#include "device.hpp"

namespace neuron::sim {

using detail::Deadline;

namespace {

// Between two looks at whether somebody has given the point that is waited for.
constexpr std::chrono::milliseconds look_interval(50);
// The same for a job that a queue has not got yet.
constexpr std::chrono::milliseconds submit_interval(1);

Names<TimelineState> &names() {
    static Names<TimelineState> all;
    return all;
}

tl::unexpected<Error> nobody_signals(std::uint64_t point) {
    return detail::fail(ErrorCode::invalid_argument, "point {} of a timeline: no job was submitted yet that signals it",
                        point);
}

} // namespace

TimelineState::~TimelineState() { names().forget(name_); }

Result<std::shared_ptr<TimelineState>> TimelineState::find(int fd) {
    auto found = names().find(fd);
    if (!found)
        return detail::forward_error(found);
    switch (found->first) {
    case Names<TimelineState>::Found::yes: return found->second;
    case Names<TimelineState>::Found::gone:
        return detail::fail(ErrorCode::not_found, "sim: importing file {}, whose timeline is gone", fd);
    default:
        return detail::fail(ErrorCode::invalid_argument, "sim: importing file {}, which is no timeline of this process",
                            fd);
    }
}

Result<Fd> TimelineState::export_fd() { return names().give(shared_from_this(), name_); }

void FreeTimeline::add(std::uint64_t point, std::shared_ptr<detail::QueuePort> port, std::uint64_t job) {
    {
        const std::lock_guard guard(lock_);
        promises_.insert_or_assign(point, Promise{std::move(port), job});
    }
    changed_.notify_all();
}

// A queue that cannot tell any more has no jobs in flight.
void FreeTimeline::advance() {
    while (!promises_.empty()) {
        const auto &[point, promise] = *promises_.begin();
        if (promise.port != nullptr) {
            const auto status = promise.port->wait_shared(promise.job, Deadline::min());
            if (status && !*status)
                return;
        }
        value_ = std::max(value_, point);
        promises_.erase(promises_.begin());
    }
}

std::uint64_t FreeTimeline::value() {
    const std::lock_guard guard(lock_);
    advance();
    return value_;
}

Result<bool> FreeTimeline::wait(std::uint64_t point, Deadline deadline, bool promised) {
    for (;;) {
        Promise next;
        {
            std::unique_lock guard(lock_);
            advance();
            if (point <= value_)
                return true;
            if (promised && (promises_.empty() || promises_.rbegin()->first < point))
                return nobody_signals(point);
            if (deadline <= detail::Clock::now())
                return false;
            if (promises_.empty()) {
                changed_.wait_until(guard, std::min(deadline, detail::deadline_after(look_interval)));
                continue;
            }
            next = promises_.begin()->second;
        }
        // Whatever the point waits for, it does not come before this.
        (void)next.port->wait_shared(next.job, deadline);
    }
}

std::uint64_t QueueTimeline::value() {
    const auto status = port_->query();
    return status ? status->completed : 0;
}

Result<bool> QueueTimeline::wait(std::uint64_t point, Deadline deadline, bool promised) {
    for (;;) {
        const auto status = port_->query();
        if (!status)
            return tl::unexpected(status.error());
        if (point <= status->submitted) {
            const auto ended = port_->wait_shared(point, deadline);
            return ended ? Result<bool>(ended->has_value()) : tl::unexpected(ended.error());
        }
        if (promised)
            return nobody_signals(point);
        if (deadline <= detail::Clock::now())
            return false;
        std::this_thread::sleep_until(std::min(deadline, detail::deadline_after(submit_interval)));
    }
}

Result<void> Timeline::signal(std::uint64_t point) {
    state_->add(point, nullptr, 0);
    return {};
}

Result<void> Timeline::notify(std::uint64_t point, int eventfd) {
    return device_->notifier().add([state = state_, point] { return state->value() >= point; }, eventfd);
}

} // namespace neuron::sim
