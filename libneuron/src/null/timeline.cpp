// SPDX-License-Identifier: MIT
#include "timeline.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

#include "../error.hpp"
#include "../eventfd.hpp"

namespace neuron::null {

using detail::fail;

Result<std::uint64_t> Timeline::value() {
    const std::lock_guard guard(lock_);
    return value_;
}

Result<void> Timeline::signal(std::uint64_t point) {
    reach(point);
    return {};
}

void Timeline::reach(std::uint64_t point) {
    {
        const std::lock_guard guard(lock_);
        value_ = std::max(value_, point);
        const auto end = waiting_.upper_bound(value_);
        for (auto at = waiting_.begin(); at != end; at = waiting_.erase(at))
            (void)detail::add_to_eventfd(at->second.get());
    }
    changed_.notify_all();
}

Result<bool> Timeline::wait(std::uint64_t point, detail::Deadline deadline) {
    std::unique_lock guard(lock_);
    return changed_.wait_until(guard, deadline, [&] { return point <= value_; });
}

// Jobs end when they are submitted, so what was promised has signalled.
Result<bool> Timeline::wait_promised(std::uint64_t point, detail::Deadline) {
    const std::lock_guard guard(lock_);
    if (point <= value_)
        return true;
    return fail(ErrorCode::invalid_argument, "point {} of a timeline: no job was submitted yet that signals it", point);
}

Result<void> Timeline::notify(std::uint64_t point, int eventfd) {
    const std::lock_guard guard(lock_);
    if (point <= value_)
        return detail::add_to_eventfd(eventfd);
    Fd kept(::fcntl(eventfd, F_DUPFD_CLOEXEC, 0));
    if (!kept)
        return detail::fail_errno(errno, "null: an eventfd");
    waiting_.emplace(point, std::move(kept));
    return {};
}

Result<Fd> Timeline::export_fd() {
    return fail(ErrorCode::unsupported, "null: timelines of this backend are not shared");
}

} // namespace neuron::null
