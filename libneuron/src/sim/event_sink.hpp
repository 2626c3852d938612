// SPDX-License-Identifier: MIT
// Events of a context until somebody reads them.
#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include <neuron/device_event.hpp>
#include <neuron/fd.hpp>

#include "../eventfd.hpp"

namespace neuron::sim {

/** Threading: any thread. */
class EventSink {
public:
    explicit EventSink(Fd eventfd) : eventfd_(std::move(eventfd)) {}

    void add(DeviceEvent event) {
        const std::lock_guard guard(lock_);
        if (events_.size() == most) {
            ++dropped_;
            return;
        }
        event.dropped = std::exchange(dropped_, 0u);
        events_.push_back(event);
        (void)detail::add_to_eventfd(eventfd_.get());
    }
    std::vector<DeviceEvent> take() {
        const std::lock_guard guard(lock_);
        detail::clear_eventfd(eventfd_.get());
        std::vector<DeviceEvent> taken(events_.begin(), events_.end());
        events_.clear();
        return taken;
    }
    const Fd &eventfd() const noexcept { return eventfd_; }

private:
    static constexpr std::size_t most = 56; // about what the driver keeps

    Fd eventfd_;      // readable while there are events
    std::mutex lock_; // protects all below
    std::deque<DeviceEvent> events_;
    std::uint32_t dropped_ = 0;
};

} // namespace neuron::sim
