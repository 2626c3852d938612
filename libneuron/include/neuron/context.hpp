// SPDX-License-Identifier: MIT
/**
 * @file
 * A context: one address space and one protection domain of the device.
 */
#pragma once

#include <memory>
#include <vector>

#include <neuron/device.hpp>
#include <neuron/device_event.hpp>
#include <neuron/fd.hpp>
#include <neuron/stats.hpp>

namespace neuron {

namespace detail {
struct ContextState;
}

/**
 * A context. Programs of a context reach only its own buffers; a fault stops the context's own queues and no others. With the accel backend it is
 * an open file of the device node.
 *
 * A cheap handle: copies name the same context, which ends when the last copy, Buffer and Queue made from it is gone.
 *
 * Threading: all members may be called from several threads; buffers and queues of one context may be used in different
 * threads.
 */
class Context {
public:
    /** @return out_of_memory if the device has no context left; no_device if it is gone. */
    NEURON_API static Result<Context> create(const Device &device);

    /** Facts about the device as of now. @return no_device if it is gone. */
    NEURON_API Result<DeviceInfo> info() const;

    /** Counters since creation. */
    NEURON_API Stats stats() const;

    /**
     * A file that poll() calls readable while there are device events; the first call asks for them, so what happened before is
     * not told. Do not read from it. It keeps the context open.
     */
    NEURON_API Result<Fd> events_fd() const;
    /** Takes the events that are there, oldest first; none if events_fd() was never called. Does not wait. */
    NEURON_API Result<std::vector<DeviceEvent>> read_events() const;

    /** For the library itself. */
    const std::shared_ptr<detail::ContextState> &state() const noexcept { return state_; }

    /** For the library itself. */
    explicit Context(std::shared_ptr<detail::ContextState> state) : state_(std::move(state)) {}

private:
    std::shared_ptr<detail::ContextState> state_;
};

} // namespace neuron
