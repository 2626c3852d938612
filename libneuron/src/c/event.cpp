// SPDX-License-Identifier: MIT
#include "handles.hpp"

using namespace neuron;

neuron_status neuron_event_create(const neuron_queue *queue, uint64_t job, neuron_event **event, neuron_error **error) {
    if (!c::clear(event) || queue == nullptr)
        return c::invalid(error, event == nullptr ? "event is NULL" : "queue is NULL");
    return c::give(event, error, queue->value.event(Job{job}));
}

neuron_status neuron_event_wait(const neuron_event *event, int64_t timeout_ns, neuron_error **error) {
    if (event == nullptr)
        return c::invalid(error, "event is NULL");
    return c::finish(error, event->value.wait(c::timeout_of(timeout_ns)));
}

neuron_status neuron_event_done(const neuron_event *event, bool *done, neuron_error **error) {
    if (!c::clear(done) || event == nullptr)
        return c::invalid(error, done == nullptr ? "done is NULL" : "event is NULL");
    const auto answer = event->value.done();
    if (!answer)
        return c::report(error, answer.error());
    *done = *answer;
    return c::good(error);
}

neuron_status neuron_event_get_times(const neuron_event *event, struct neuron_job_times *times, neuron_error **error) {
    if (event == nullptr)
        return c::invalid(error, "event is NULL");
    return c::put_times(times, error, event->value.times());
}

neuron_status neuron_event_fd(const neuron_event *event, int *fd, neuron_error **error) {
    if (fd == nullptr)
        return c::invalid(error, "fd is NULL");
    *fd = -1;
    return event != nullptr ? c::give_fd(fd, error, event->value.fd()) : c::invalid(error, "event is NULL");
}

void neuron_event_destroy(neuron_event *event) { delete event; }
