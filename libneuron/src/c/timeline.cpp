// SPDX-License-Identifier: MIT
#include "handles.hpp"

using namespace neuron;

neuron_status neuron_timeline_create(const neuron_context *context, neuron_timeline **timeline, neuron_error **error) {
    if (!c::clear(timeline) || context == nullptr)
        return c::invalid(error, timeline == nullptr ? "timeline is NULL" : "context is NULL");
    return c::give(timeline, error, Timeline::create(context->value));
}

neuron_status neuron_timeline_of_queue(const neuron_queue *queue, neuron_timeline **timeline, neuron_error **error) {
    if (!c::clear(timeline) || queue == nullptr)
        return c::invalid(error, timeline == nullptr ? "timeline is NULL" : "queue is NULL");
    return c::give(timeline, error, queue->value.timeline());
}

neuron_status neuron_timeline_import(const neuron_context *context, int fd, neuron_timeline **timeline,
                                     neuron_error **error) {
    if (!c::clear(timeline) || context == nullptr)
        return c::invalid(error, timeline == nullptr ? "timeline is NULL" : "context is NULL");
    return c::give(timeline, error, Timeline::import_fd(context->value, fd));
}

neuron_status neuron_timeline_export(const neuron_timeline *timeline, int *fd, neuron_error **error) {
    if (fd == nullptr)
        return c::invalid(error, "fd is NULL");
    *fd = -1;
    return timeline != nullptr ? c::give_fd(fd, error, timeline->value.export_fd())
                               : c::invalid(error, "timeline is NULL");
}

neuron_status neuron_timeline_get_value(const neuron_timeline *timeline, uint64_t *value, neuron_error **error) {
    if (!c::clear(value) || timeline == nullptr)
        return c::invalid(error, value == nullptr ? "value is NULL" : "timeline is NULL");
    const auto found = timeline->value.value();
    if (!found)
        return c::report(error, found.error());
    *value = *found;
    return c::good(error);
}

neuron_status neuron_timeline_signal(const neuron_timeline *timeline, uint64_t value, neuron_error **error) {
    if (timeline == nullptr)
        return c::invalid(error, "timeline is NULL");
    return c::finish(error, timeline->value.signal(value));
}

neuron_status neuron_timeline_wait(const neuron_timeline *timeline, uint64_t value, int64_t timeout_ns,
                                   neuron_error **error) {
    if (timeline == nullptr)
        return c::invalid(error, "timeline is NULL");
    return c::finish(error, timeline->value.wait(value, c::timeout_of(timeout_ns)));
}

neuron_status neuron_timeline_fd(const neuron_timeline *timeline, uint64_t value, int *fd, neuron_error **error) {
    if (fd == nullptr)
        return c::invalid(error, "fd is NULL");
    *fd = -1;
    return timeline != nullptr ? c::give_fd(fd, error, timeline->value.fd(value))
                               : c::invalid(error, "timeline is NULL");
}

void neuron_timeline_destroy(neuron_timeline *timeline) { delete timeline; }
