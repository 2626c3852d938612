// SPDX-License-Identifier: MIT
#include <neuron/context.hpp>

#include "error.hpp"
#include "state.hpp"

namespace neuron {

Result<Context> Context::create(const Device &device) {
    auto backend = device.backend()->context_create();
    if (!backend)
        return detail::forward_error(backend);
    auto state = std::make_shared<detail::ContextState>();
    state->device = device.backend();
    state->backend = std::move(*backend);
    return Context(std::move(state));
}

Result<DeviceInfo> Context::info() const { return state_->backend->query(); }

Result<Fd> Context::events_fd() const { return state_->backend->events_fd(); }
Result<std::vector<DeviceEvent>> Context::read_events() const { return state_->backend->read_events(); }

Stats Context::stats() const {
    const detail::Counters &from = state_->counters;
    const auto time = [](const detail::Counters::Counter &ns) {
        return std::chrono::nanoseconds(ns.load(std::memory_order_relaxed));
    };
    Stats stats;
    stats.bytes_written = from.bytes_written;
    stats.bytes_read = from.bytes_read;
    stats.jobs = from.jobs;
    stats.packets = from.packets;
    stats.submit_calls = from.submit_calls;
    stats.wait_calls = from.wait_calls;
    stats.faults = from.faults;
    stats.write_time = time(from.write_ns);
    stats.read_time = time(from.read_ns);
    stats.submit_time = time(from.submit_ns);
    stats.wait_time = time(from.wait_ns);
    stats.map_time = time(from.map_ns);
    return stats;
}

} // namespace neuron
