// SPDX-License-Identifier: MIT
// What queues cannot do unless they say so, and the queues of a context.
#include "backend.hpp"
#include "error.hpp"
#include "state.hpp"

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

void QueuePorts::add(std::weak_ptr<QueuePort> port) {
    const std::lock_guard guard(lock_);
    std::erase_if(ports_, [](const auto &old) { return old.expired(); });
    ports_.push_back(std::move(port));
}

std::optional<std::pair<std::shared_ptr<QueuePort>, FaultInfo>> QueuePorts::faulted() const {
    const std::lock_guard guard(lock_);
    for (const auto &each : ports_)
        if (auto port = each.lock())
            if (const auto status = port->query(); status && status->fault)
                return std::pair(std::move(port), *status->fault);
    return std::nullopt;
}

} // namespace neuron::detail
