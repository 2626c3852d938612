// SPDX-License-Identifier: MIT
#include "handles.hpp"

using namespace neuron;

namespace {

neuron_device_event event_of(const DeviceEvent &event) {
    neuron_device_event out{};
    out.kind = event.kind == DeviceEvent::Kind::reset ? NEURON_EVENT_RESET
               : event.kind == DeviceEvent::Kind::ras ? NEURON_EVENT_RAS
                                                      : NEURON_EVENT_FAULT;
    out.queue = event.queue;
    out.job = event.job;
    out.code = spec::raw(event.code);
    out.has_address = event.address ? 1 : 0;
    out.address = event.address.value_or(0);
    out.info = event.info;
    out.time_ns = static_cast<uint64_t>(event.time.count());
    out.dropped = event.dropped;
    return out;
}

} // namespace

neuron_status neuron_context_create(const neuron_device *device, const struct neuron_context_options *options,
                                    neuron_context **context, neuron_error **error) {
    neuron_status status = NEURON_OK;
    neuron_context_options own;
    if (!c::clear(context) || device == nullptr)
        return c::invalid(error, context == nullptr ? "context is NULL" : "device is NULL");
    if (!c::take(own, options, "context options", status, error))
        return status;
    return c::give(context, error, Context::create(device->value));
}

neuron_status neuron_context_get_info(const neuron_context *context, struct neuron_device_info *info,
                                      neuron_error **error) {
    if (context == nullptr)
        return c::invalid(error, "context is NULL");
    const auto found = context->value.info();
    if (!found)
        return c::report(error, found.error());
    return c::fill(info, c::info_of(*found)) ? c::good(error)
                                             : c::invalid(error, "info is NULL, or its size is not set");
}

neuron_status neuron_context_get_stats(const neuron_context *context, struct neuron_context_stats *stats,
                                       neuron_error **error) {
    if (context == nullptr)
        return c::invalid(error, "context is NULL");
    const Stats from = context->value.stats();
    const struct neuron_context_stats out = {
        0,          from.bytes_written, from.bytes_read, from.jobs, from.packets, from.submit_calls, from.wait_calls,
        from.faults};
    return c::fill(stats, out) ? c::good(error) : c::invalid(error, "stats is NULL, or its size is not set");
}

neuron_status neuron_context_events_fd(const neuron_context *context, int *fd, neuron_error **error) {
    if (fd == nullptr)
        return c::invalid(error, "fd is NULL");
    *fd = -1;
    return context != nullptr ? c::give_fd(fd, error, context->value.events_fd())
                              : c::invalid(error, "context is NULL");
}

neuron_status neuron_context_next_event(neuron_context *context, struct neuron_device_event *event, bool *found,
                                        neuron_error **error) {
    if (!c::clear(found) || context == nullptr)
        return c::invalid(error, found == nullptr ? "found is NULL" : "context is NULL");
    // Before one is taken that could not be given.
    if (event == nullptr || event->size < sizeof(event->size))
        return c::invalid(error, "event is NULL, or its size is not set");
    const std::lock_guard guard(context->lock);
    if (context->events.empty()) {
        auto more = context->value.read_events();
        if (!more)
            return c::report(error, std::move(more.error()));
        context->events.assign(more->begin(), more->end());
    }
    if (context->events.empty())
        return c::good(error);
    c::fill(event, event_of(context->events.front()));
    context->events.pop_front();
    *found = true;
    return c::good(error);
}

void neuron_context_destroy(neuron_context *context) { delete context; }
