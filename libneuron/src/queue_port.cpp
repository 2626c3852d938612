// SPDX-License-Identifier: MIT
// What queues cannot do unless they say so.
#include <numeric>

#include "backend.hpp"
#include "error.hpp"

namespace neuron::detail {

Submitted QueuePort::submit_signalling(std::span<const Packet>, std::span<const TimelinePoint>) {
    Submitted result{.refused = {0}};
    result.error =
        fail(ErrorCode::unsupported, "a {} queue has no fences: its jobs signal no timeline", path()).value();
    return result;
}

std::optional<FaultPlace> QueuePort::place_of_fault(std::uint64_t) { return std::nullopt; }

Result<void> QueuePort::notify(std::uint64_t, int) {
    return fail(ErrorCode::unsupported, "a {} queue has no fences: there is no file to poll for its jobs", path());
}

Result<std::shared_ptr<TimelinePort>> QueuePort::timeline(const void *) {
    return fail(ErrorCode::unsupported, "a {} queue has no fences, and so no timeline", path());
}

} // namespace neuron::detail
