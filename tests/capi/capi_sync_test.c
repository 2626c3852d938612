/* SPDX-License-Identifier: MIT */
/*
 * The interface for C: options of queues, batches, times, events, timelines, files to poll, logical cores and groups of chips.
 */
#include <poll.h>

#include "capi.h"

#define MINUTE (60 * SECOND)

/* Memory that the CPU sees, and the packet that writes a number there. */
struct word {
    neuron_buffer *buffer;
    volatile uint64_t *bytes;
    struct neuron_packet packet;
};

static struct word word_of(const struct fixture *f, uint64_t value) {
    struct word word;
    void *bytes = NULL;
    neuron_error *error = NULL;
    word.buffer = buffer_of(f, 4096, NEURON_PLACEMENT_HOST);
    must(neuron_buffer_map(word.buffer, &bytes, &error), &error);
    word.bytes = bytes;
    neuron_packet_fence(&word.packet, neuron_buffer_va(word.buffer), value);
    return word;
}

static bool readable(int fd, int timeout_ms) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms) == 1 && (wait.revents & POLLIN) != 0;
}

static neuron_queue *queue_with(const struct fixture *f, const struct neuron_queue_options *options) {
    neuron_queue *queue = NULL;
    neuron_error *error = NULL;
    must(neuron_queue_create(f->context, options, &queue, &error), &error);
    return queue;
}

static void queues_have_options(void **state) {
    const struct fixture *f = *state;
    const struct neuron_queue_options all[] = {
        {.size = sizeof all[0], .priority = NEURON_PRIORITY_LOW, .ring_log2 = 5},
        {.size = sizeof all[0], .priority = NEURON_PRIORITY_HIGH},
        {.size = sizeof all[0], .polled = 1},
        {.size = sizeof all[0], .coalesce_jobs = 4, .coalesce_usecs = 100},
        {.size = sizeof all[0], .path = NEURON_SUBMIT_DOORBELL},
    };
    struct word word = word_of(f, 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        neuron_queue *queue = queue_with(f, &all[i]);
        struct neuron_queue_status status = {.size = sizeof status};
        neuron_error *error = NULL;
        uint64_t job = 0;
        neuron_packet_fence(&word.packet, neuron_buffer_va(word.buffer), i + 1);
        must(neuron_queue_submit(queue, &word.packet, 1, &job, &error), &error);
        must(neuron_queue_wait(queue, job, MINUTE, &error), &error);
        assert_int_equal(*word.bytes, i + 1);
        must(neuron_queue_get_status(queue, &status, &error), &error);
        assert_int_equal(status.size, sizeof status);
        assert_int_equal(status.priority, all[i].priority);
        assert_int_equal(status.state, NEURON_QUEUE_OK);
        assert_int_equal(status.submitted, 1);
        assert_int_equal(status.completed, 1);
        assert_int_not_equal(status.id, 0);
        if (all[i].ring_log2 != 0)
            assert_int_equal(status.ring_packets, 32);
        if (all[i].path == NEURON_SUBMIT_DOORBELL && strcmp(backend, "accel") == 0)
            assert_string_equal(neuron_queue_path(queue), "doorbell");
        neuron_queue_destroy(queue);
    }
    neuron_buffer_destroy(word.buffer);
}

static void bad_queue_options_are_refused(void **state) {
    const struct fixture *f = *state;
    const struct {
        struct neuron_queue_options options;
        const char *part;
    } bad[] = {
        {{.size = sizeof bad[0].options, .path = 4}, "no submit path 4"},
        {{.size = sizeof bad[0].options, .priority = 3}, "no priority 3"},
        {{.size = sizeof bad[0].options, .polled = 1, .coalesce_jobs = 2, .coalesce_usecs = 10}, "coalesce"},
        {{.size = sizeof bad[0].options, .coalesce_jobs = 2}, "coalesc"},
        {{.size = sizeof bad[0].options, .job_timeout_ms = UINT64_MAX}, "too long"},
        {{.size = 4}, "size is not set"},
    };
    neuron_queue *queue = NULL;
    neuron_error *error = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        expect(neuron_queue_create(f->context, &bad[i].options, &queue, &error), NEURON_INVALID_ARGUMENT, &error,
               bad[i].part);
        assert_null(queue);
    }
}

/* What a program of the first version passes: the fields up to job_timeout_ms. */
static void options_of_the_first_version_still_do(void **state) {
    const struct fixture *f = *state;
    const struct neuron_queue_options options = {.size = offsetof(struct neuron_queue_options, priority),
                                                 .priority = 77};
    neuron_queue_destroy(queue_with(f, &options));
}

static void status_tells_of_a_fault(void **state) {
    const struct fixture *f = *state;
    struct neuron_queue_status status = {.size = sizeof status};
    struct neuron_packet packet;
    neuron_error *error = NULL;
    neuron_packet_fence(&packet, 8, 1);
    must(neuron_queue_submit(f->queue, &packet, 1, NULL, &error), &error);
    assert_int_equal(neuron_queue_wait(f->queue, 1, MINUTE, &error), NEURON_DEVICE_FAULT);
    neuron_error_free(error);
    must(neuron_queue_get_status(f->queue, &status, &error), &error);
    assert_int_equal(status.state, NEURON_QUEUE_FAULTED);
    status.size = 0;
    expect(neuron_queue_get_status(f->queue, &status, &error), NEURON_INVALID_ARGUMENT, &error, "status is NULL");
    expect(neuron_queue_get_status(f->queue, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "status is NULL");
    expect(neuron_queue_get_status(NULL, &status, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
}

/* Whoever destroys a buffer is the program, not the library's function that it calls. */
static void a_buffer_that_was_destroyed_is_told_with_the_line(void **state) {
    const struct fixture *f = *state;
    const struct word word = word_of(f, 0);
    char line[64];
    struct neuron_packet packet;
    neuron_error *error = NULL;
    neuron_packet_fence(&packet, neuron_buffer_va(word.buffer), 1);
    neuron_buffer_destroy(word.buffer);
    snprintf(line, sizeof line, " ago at tests/capi/capi_sync_test.c:%d (capi_sync_test+0x", __LINE__ - 1);
    must(neuron_queue_submit(f->queue, &packet, 1, NULL, &error), &error);
    expect(neuron_queue_wait(f->queue, 1, MINUTE, &error), NEURON_DEVICE_FAULT, &error, line);
}

static void batches_are_jobs_in_order(void **state) {
    const struct fixture *f = *state;
    struct word word = word_of(f, 0);
    struct neuron_packet packets[4];
    struct neuron_packet_list jobs[3] = {{packets, 1}, {packets + 1, 2}, {packets + 3, 1}};
    neuron_error *error = NULL;
    uint64_t last = 0;
    for (uint64_t i = 0; i < 4; ++i)
        neuron_packet_fence(&packets[i], neuron_buffer_va(word.buffer) + 8 * i, i + 1);
    neuron_packet_nop(&packets[1]);
    must(neuron_queue_submit_batch(f->queue, jobs, 3, &last, &error), &error);
    assert_int_equal(last, 3);
    must(neuron_queue_wait(f->queue, last, MINUTE, &error), &error);
    assert_int_equal(word.bytes[0], 1);
    assert_int_equal(word.bytes[1], 0);
    assert_int_equal(word.bytes[2], 3);
    assert_int_equal(word.bytes[3], 4);
    must(neuron_queue_submit_batch(f->queue, jobs, 1, NULL, &error), &error);
    must(neuron_queue_wait_idle(f->queue, MINUTE, &error), &error);

    expect(neuron_queue_submit_batch(NULL, jobs, 1, &last, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    assert_int_equal(last, 0);
    expect(neuron_queue_submit_batch(f->queue, NULL, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "jobs is NULL");
    expect(neuron_queue_submit_batch(f->queue, NULL, 0, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "");
    jobs[1].packets = NULL;
    expect(neuron_queue_submit_batch(f->queue, jobs, 2, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "job 1 of the batch: packets is NULL");
    jobs[1].count = 0;
    expect(neuron_queue_submit_batch(f->queue, jobs, 2, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "without packets");
    neuron_buffer_destroy(word.buffer);
}

static void jobs_have_times(void **state) {
    const struct fixture *f = *state;
    struct word word = word_of(f, 1);
    struct neuron_job_times times = {.size = sizeof times}, of_event = {.size = sizeof of_event};
    struct neuron_device_info before = {.size = sizeof before}, after = {.size = sizeof after};
    neuron_event *event = NULL;
    neuron_error *error = NULL;
    must(neuron_context_get_info(f->context, &before, &error), &error);
    must(neuron_queue_submit(f->queue, &word.packet, 1, NULL, &error), &error);
    must(neuron_event_create(f->queue, 1, &event, &error), &error);
    must(neuron_event_wait(event, -1, &error), &error);
    must(neuron_context_get_info(f->context, &after, &error), &error);
    must(neuron_queue_get_times(f->queue, 1, &times, &error), &error);
    assert_in_range(times.start_ns, before.clock_ns, times.end_ns);
    assert_in_range(times.end_ns, times.start_ns, after.clock_ns);
    must(neuron_event_get_times(event, &of_event, &error), &error);
    assert_memory_equal(&times, &of_event, sizeof times);

    expect(neuron_queue_get_times(f->queue, 2, &times, &error), NEURON_INVALID_ARGUMENT, &error, "job 2");
    expect(neuron_queue_get_times(f->queue, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "times is NULL");
    expect(neuron_queue_get_times(NULL, 1, &times, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_event_get_times(NULL, &times, &error), NEURON_INVALID_ARGUMENT, &error, "event is NULL");
    times.size = 0;
    expect(neuron_event_get_times(event, &times, &error), NEURON_INVALID_ARGUMENT, &error, "size is not set");
    neuron_event_destroy(event);
    neuron_buffer_destroy(word.buffer);
}

static void events_are_waited_for_and_polled(void **state) {
    const struct fixture *f = *state;
    struct word word = word_of(f, 5);
    neuron_event *event = NULL;
    neuron_error *error = NULL;
    bool done = false;
    int fd = 0;
    must(neuron_queue_submit(f->queue, &word.packet, 1, NULL, &error), &error);
    must(neuron_event_create(f->queue, 1, &event, &error), &error);
    must(neuron_event_fd(event, &fd, &error), &error);
    assert_true(readable(fd, 60000));
    must(neuron_event_done(event, &done, &error), &error);
    assert_true(done);
    assert_int_equal(*word.bytes, 5);
    must(neuron_event_wait(event, 0, &error), &error);
    close(fd);

    expect(neuron_event_create(f->queue, 2, &event, &error), NEURON_INVALID_ARGUMENT, &error, "job 2");
    assert_null(event);
    expect(neuron_event_create(f->queue, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "event is NULL");
    expect(neuron_event_create(NULL, 1, &event, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_event_wait(NULL, 0, &error), NEURON_INVALID_ARGUMENT, &error, "event is NULL");
    expect(neuron_event_done(NULL, &done, &error), NEURON_INVALID_ARGUMENT, &error, "event is NULL");
    assert_false(done);
    expect(neuron_event_fd(NULL, &fd, &error), NEURON_INVALID_ARGUMENT, &error, "event is NULL");
    assert_int_equal(fd, -1);
    must(neuron_event_create(f->queue, 1, &event, &error), &error);
    expect(neuron_event_done(event, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "done is NULL");
    expect(neuron_event_fd(event, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "fd is NULL");
    neuron_event_destroy(event);
    neuron_event_destroy(NULL);
    neuron_buffer_destroy(word.buffer);
}

static void polled_queues_have_no_files(void **state) {
    const struct fixture *f = *state;
    const struct neuron_queue_options options = {.size = sizeof options, .polled = 1};
    neuron_queue *queue = queue_with(f, &options);
    struct word word = word_of(f, 5);
    neuron_event *event = NULL;
    neuron_error *error = NULL;
    int fd = 0;
    must(neuron_queue_submit(queue, &word.packet, 1, NULL, &error), &error);
    must(neuron_event_create(queue, 1, &event, &error), &error);
    must(neuron_queue_wait(queue, 1, MINUTE, &error), &error);
    if (strcmp(backend, "accel") == 0)
        expect(neuron_event_fd(event, &fd, &error), NEURON_UNSUPPORTED, &error, "polled");
    neuron_event_destroy(event);
    neuron_queue_destroy(queue);
    neuron_buffer_destroy(word.buffer);
}

static void device_events_are_told(void **state) {
    const struct fixture *f = *state;
    struct neuron_device_event event = {.size = sizeof event, .kind = 99};
    struct neuron_queue_status status = {.size = sizeof status};
    struct neuron_packet packet;
    neuron_error *error = NULL;
    bool found = true;
    int fd = 0;
    must(neuron_context_events_fd(f->context, &fd, &error), &error);
    assert_false(readable(fd, 0));
    must(neuron_context_next_event(f->context, &event, &found, &error), &error);
    assert_false(found);
    assert_int_equal(event.kind, 99);

    neuron_packet_fence(&packet, 8, 1);
    must(neuron_queue_submit(f->queue, &packet, 1, NULL, &error), &error);
    assert_true(readable(fd, 60000));
    must(neuron_context_next_event(f->context, &event, &found, &error), &error);
    assert_true(found);
    must(neuron_queue_get_status(f->queue, &status, &error), &error);
    assert_int_equal(event.kind, NEURON_EVENT_FAULT);
    assert_int_equal(event.queue, status.id);
    assert_int_equal(event.job, 1);
    assert_int_not_equal(event.code, 0);
    assert_int_equal(event.has_address, 1);
    assert_int_equal(event.address, 8);
    assert_int_not_equal(event.time_ns, 0);
    must(neuron_context_next_event(f->context, &event, &found, &error), &error);
    assert_false(found);
    close(fd);

    expect(neuron_context_events_fd(NULL, &fd, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    assert_int_equal(fd, -1);
    expect(neuron_context_events_fd(f->context, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "fd is NULL");
    expect(neuron_context_next_event(NULL, &event, &found, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    expect(neuron_context_next_event(f->context, &event, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "found is NULL");
    expect(neuron_context_next_event(f->context, NULL, &found, &error), NEURON_INVALID_ARGUMENT, &error,
           "event is NULL");
    event.size = 0;
    expect(neuron_context_next_event(f->context, &event, &found, &error), NEURON_INVALID_ARGUMENT, &error,
           "size is not set");
}

static neuron_timeline *timeline_of(const struct fixture *f) {
    neuron_timeline *timeline = NULL;
    neuron_error *error = NULL;
    must(neuron_timeline_create(f->context, &timeline, &error), &error);
    return timeline;
}

static void timelines_order_queues(void **state) {
    const struct fixture *f = *state;
    neuron_timeline *timeline = timeline_of(f);
    neuron_queue *other = queue_with(f, NULL);
    struct word word = word_of(f, 1);
    const struct neuron_timeline_point first = {timeline, 1}, second = {timeline, 2};
    const struct neuron_submit_options signals = {.size = sizeof signals, .signal = &first, .signal_count = 1};
    const struct neuron_submit_options both = {
        .size = sizeof both, .wait = &first, .wait_count = 1, .signal = &second, .signal_count = 1};
    neuron_error *error = NULL;
    uint64_t job = 0, value = 0;
    int fd = 0;
    must(neuron_queue_submit_sync(f->queue, &word.packet, 1, &signals, &job, &error), &error);
    assert_int_equal(job, 1);
    neuron_packet_fence(&word.packet, neuron_buffer_va(word.buffer), 2);
    must(neuron_queue_submit_sync(other, &word.packet, 1, &both, NULL, &error), &error);
    must(neuron_timeline_fd(timeline, 2, &fd, &error), &error);
    assert_true(readable(fd, 60000));
    close(fd);
    must(neuron_timeline_wait(timeline, 2, MINUTE, &error), &error);
    assert_int_equal(*word.bytes, 2);
    must(neuron_timeline_get_value(timeline, &value, &error), &error);
    assert_int_equal(value, 2);
    must(neuron_timeline_signal(timeline, 5, &error), &error);
    must(neuron_timeline_wait(timeline, 5, -1, &error), &error);
    expect(neuron_timeline_wait(timeline, 6, 1000, &error), NEURON_TIMEOUT, &error, "");
    must(neuron_queue_submit_sync(f->queue, &word.packet, 1, NULL, NULL, &error), &error);
    must(neuron_queue_wait_idle(f->queue, MINUTE, &error), &error);
    neuron_queue_destroy(other);
    neuron_timeline_destroy(timeline);
    neuron_buffer_destroy(word.buffer);
}

static void timelines_of_queues_count_jobs(void **state) {
    const struct fixture *f = *state;
    struct word word = word_of(f, 1);
    neuron_timeline *timeline = NULL;
    neuron_error *error = NULL;
    must(neuron_timeline_of_queue(f->queue, &timeline, &error), &error);
    must(neuron_queue_submit(f->queue, &word.packet, 1, NULL, &error), &error);
    must(neuron_timeline_wait(timeline, 1, MINUTE, &error), &error);
    assert_int_equal(*word.bytes, 1);
    neuron_timeline_destroy(timeline);
    expect(neuron_timeline_of_queue(NULL, &timeline, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    assert_null(timeline);
    expect(neuron_timeline_of_queue(f->queue, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    neuron_buffer_destroy(word.buffer);
}

static void timelines_are_shared(void **state) {
    const struct fixture *f = *state;
    neuron_timeline *timeline = timeline_of(f), *theirs = NULL;
    neuron_context *other = NULL;
    neuron_error *error = NULL;
    uint64_t value = 0;
    int fd = 0;
    must(neuron_context_create(f->device, NULL, &other, &error), &error);
    must(neuron_timeline_export(timeline, &fd, &error), &error);
    must(neuron_timeline_import(other, fd, &theirs, &error), &error);
    close(fd);
    must(neuron_timeline_signal(theirs, 3, &error), &error);
    must(neuron_timeline_get_value(timeline, &value, &error), &error);
    assert_int_equal(value, 3);
    neuron_timeline_destroy(theirs);
    neuron_context_destroy(other);

    expect(neuron_timeline_import(f->context, -1, &theirs, &error), NEURON_INVALID_ARGUMENT, &error, "");
    assert_null(theirs);
    expect(neuron_timeline_import(NULL, 0, &theirs, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    expect(neuron_timeline_import(f->context, 0, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    expect(neuron_timeline_export(timeline, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "fd is NULL");
    expect(neuron_timeline_export(NULL, &fd, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    assert_int_equal(fd, -1);
    neuron_timeline_destroy(timeline);
}

static void bad_timelines_are_refused(void **state) {
    const struct fixture *f = *state;
    neuron_timeline *timeline = timeline_of(f);
    struct word word = word_of(f, 1);
    struct neuron_timeline_point point = {timeline, 9};
    struct neuron_submit_options options = {.size = sizeof options, .wait = &point, .wait_count = 1};
    neuron_error *error = NULL;
    uint64_t value = 7, job = 7;
    int fd = 0;
    expect(neuron_queue_submit_sync(f->queue, &word.packet, 1, &options, &job, &error), NEURON_INVALID_ARGUMENT, &error,
           "");
    assert_int_equal(job, 0);
    point.timeline = NULL;
    expect(neuron_queue_submit_sync(f->queue, &word.packet, 1, &options, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "wait, or the timeline");
    options = (struct neuron_submit_options){.size = sizeof options, .signal_count = 1};
    expect(neuron_queue_submit_sync(f->queue, &word.packet, 1, &options, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "signal, or the timeline");
    options = (struct neuron_submit_options){.size = 0};
    expect(neuron_queue_submit_sync(f->queue, &word.packet, 1, &options, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "submit options: size is not set");
    expect(neuron_queue_submit_sync(NULL, &word.packet, 1, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "queue is NULL");
    expect(neuron_queue_submit_sync(f->queue, NULL, 1, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "packets is NULL");

    expect(neuron_timeline_create(NULL, &timeline, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    assert_null(timeline);
    expect(neuron_timeline_create(f->context, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    expect(neuron_timeline_get_value(NULL, &value, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    assert_int_equal(value, 0);
    expect(neuron_timeline_signal(NULL, 1, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    expect(neuron_timeline_wait(NULL, 1, 0, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    expect(neuron_timeline_fd(NULL, 1, &fd, &error), NEURON_INVALID_ARGUMENT, &error, "timeline is NULL");
    assert_int_equal(fd, -1);
    timeline = timeline_of(f);
    expect(neuron_timeline_get_value(timeline, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "value is NULL");
    expect(neuron_timeline_signal(timeline, 0, &error), NEURON_INVALID_ARGUMENT, &error, "");
    expect(neuron_timeline_fd(timeline, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "fd is NULL");
    neuron_timeline_destroy(timeline);
    neuron_timeline_destroy(NULL);
    neuron_buffer_destroy(word.buffer);
}

static void logical_cores_are_described(void **state) {
    const struct fixture *f = *state;
    struct neuron_device_info info = {.size = sizeof info};
    struct neuron_logical_core core = {.size = sizeof core};
    neuron_error *error = NULL;
    uint32_t count = 0;
    const uint32_t lnc = neuron_device_default_lnc(f->device);
    must(neuron_device_get_info(f->device, &info, &error), &error);
    assert_int_equal(lnc, info.cores / info.hbm_banks);
    must(neuron_device_logical_core_count(f->device, 0, &count, &error), &error);
    assert_int_equal(count, info.cores / lnc);
    must(neuron_device_get_logical_core(f->device, count - 1, 0, &core, &error), &error);
    assert_int_equal(core.core_mask, ((1U << lnc) - 1) << (lnc * (count - 1)));
    assert_int_equal(core.bank, info.hbm_banks);
    must(neuron_device_logical_core_count(f->device, 1, &count, &error), &error);
    assert_int_equal(count, info.cores);

    expect(neuron_device_get_logical_core(f->device, count, 1, &core, &error), NEURON_INVALID_ARGUMENT, &error, "");
    expect(neuron_device_get_logical_core(f->device, 0, 7, &core, &error), NEURON_UNSUPPORTED, &error, "");
    expect(neuron_device_get_logical_core(f->device, 0, 0, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "core is NULL");
    expect(neuron_device_get_logical_core(NULL, 0, 0, &core, &error), NEURON_INVALID_ARGUMENT, &error,
           "device is NULL");
    expect(neuron_device_logical_core_count(f->device, 7, &count, &error), NEURON_UNSUPPORTED, &error, "");
    assert_int_equal(count, 0);
    expect(neuron_device_logical_core_count(f->device, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "count is NULL");
    expect(neuron_device_logical_core_count(NULL, 1, &count, &error), NEURON_INVALID_ARGUMENT, &error,
           "device is NULL");
    assert_int_equal(neuron_device_default_lnc(NULL), 0);
}

static void chips_of_a_group_run_in_turns(void **state) {
    neuron_sim_group *group = NULL;
    neuron_error *error = NULL;
    struct fixture chips[2];
    struct word words[2];
    (void)state;
    must(neuron_sim_group_create(7, &group, &error), &error);
    for (int i = 0; i < 2; ++i) {
        const struct neuron_device_options options = {
            .size = sizeof options, .backend = "sim", .sim_stepped = 1, .sim_seed = 3, .sim_group = group};
        must(neuron_device_open(&options, &chips[i].device, &error), &error);
        must(neuron_context_create(chips[i].device, NULL, &chips[i].context, &error), &error);
        chips[i].queue = queue_with(&chips[i], NULL);
        words[i] = word_of(&chips[i], 4);
        must(neuron_queue_submit(chips[i].queue, &words[i].packet, 1, NULL, &error), &error);
    }
    neuron_sim_group_destroy(group); /* the chips keep it */
    must(neuron_queue_wait(chips[0].queue, 1, MINUTE, &error), &error);
    must(neuron_queue_wait(chips[1].queue, 1, MINUTE, &error), &error);
    for (int i = 0; i < 2; ++i) {
        assert_int_equal(*words[i].bytes, 4);
        neuron_buffer_destroy(words[i].buffer);
        neuron_queue_destroy(chips[i].queue);
        neuron_context_destroy(chips[i].context);
        neuron_device_close(chips[i].device);
    }
    expect(neuron_sim_group_create(7, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "group is NULL");
    neuron_sim_group_destroy(NULL);
}

static void simulated_chips_have_more_options(void **state) {
    struct neuron_device_options options = {.size = sizeof options, .backend = "sim", .sim_aperture_bytes = 1 << 24};
    struct neuron_device_info info = {.size = sizeof info};
    neuron_device *device = NULL;
    neuron_error *error = NULL;
    (void)state;
    must(neuron_device_open(&options, &device, &error), &error);
    must(neuron_device_get_info(device, &info, &error), &error);
    assert_int_equal(info.aperture_bytes, 1 << 24);
    neuron_device_close(device);
    options.sim_simd = "mmx";
    expect(neuron_device_open(&options, &device, &error), NEURON_INVALID_ARGUMENT, &error, "mmx");
    options.sim_simd = NULL;
    options.sim_aperture_bytes = 3;
    expect(neuron_device_open(&options, &device, &error), NEURON_INVALID_ARGUMENT, &error, "");
}

static void errors_call_buffers_by_their_label(void **state) {
    const struct fixture *f = *state;
    const struct neuron_buffer_options options = {.size = sizeof options, .read_only = 1, .label = "weights"};
    struct neuron_packet packet;
    neuron_buffer *buffer = NULL;
    neuron_error *error = NULL;
    must(neuron_buffer_create(f->context, 4096, &options, &buffer, &error), &error);
    neuron_packet_fence(&packet, neuron_buffer_va(buffer) + 64, 1);
    must(neuron_queue_submit(f->queue, &packet, 1, NULL, &error), &error);
    expect(neuron_queue_wait(f->queue, 1, MINUTE, &error), NEURON_DEVICE_FAULT, &error, "buffer 'weights'");
    neuron_buffer_destroy(buffer);
}

/* What callbacks have been told, in order. */
struct calls {
    uint64_t jobs[8];
    neuron_status status[8];
    bool has_text[8];
    size_t count;
    neuron_queue *again; /* The first call submits here, and asks for another one. */
};

static void note_call(void *user, uint64_t job, neuron_status status, const neuron_error *error) {
    struct calls *calls = user;
    const size_t at = calls->count++;
    assert_in_range(at, 0, 7);
    calls->jobs[at] = job;
    calls->status[at] = status;
    assert_int_equal(neuron_error_status(error), status);
    calls->has_text[at] = strlen(neuron_error_message(error)) != 0;
    if (calls->again != NULL) {
        neuron_queue *queue = calls->again;
        struct neuron_packet packet;
        neuron_error *failure = NULL;
        uint64_t next = 0;
        calls->again = NULL;
        neuron_packet_nop(&packet);
        must(neuron_queue_submit(queue, &packet, 1, &next, &failure), &failure);
        must(neuron_queue_on_done(queue, next, note_call, calls, &failure), &failure);
    }
}

static void jobs_call_back_in_order(void **state) {
    const struct fixture *f = *state;
    struct calls calls = {.again = f->queue};
    struct neuron_packet packet;
    neuron_error *error = NULL;
    size_t called = 7;
    int fd = -1;
    neuron_packet_nop(&packet);
    must(neuron_queue_poll(f->queue, -1, &called, &error), &error); /* nothing to wait for */
    assert_int_equal(called, 0);
    must(neuron_queue_poll_fd(f->queue, &fd, &error), &error);
    assert_false(readable(fd, 0));
    for (uint64_t job = 1; job <= 3; ++job) {
        must(neuron_queue_submit(f->queue, &packet, 1, NULL, &error), &error);
        must(neuron_queue_on_done(f->queue, job, note_call, &calls, &error), &error);
    }
    while (calls.count < 4) {
        assert_true(readable(fd, 60000));
        must(neuron_queue_poll(f->queue, 0, NULL, &error), &error);
    }
    for (size_t i = 0; i < 4; ++i) {
        assert_int_equal(calls.jobs[i], i + 1);
        assert_int_equal(calls.status[i], NEURON_OK);
        assert_false(calls.has_text[i]);
    }
    must(neuron_queue_poll(f->queue, 0, &called, &error), &error);
    assert_int_equal(called, 0);
    assert_false(readable(fd, 0));
}

static void failed_jobs_call_back_with_the_reason(void **state) {
    const struct fixture *f = *state;
    struct calls calls = {.count = 0};
    struct neuron_packet packet;
    neuron_error *error = NULL;
    size_t called = 0;
    neuron_packet_fence(&packet, 8, 1);
    must(neuron_queue_submit(f->queue, &packet, 1, NULL, &error), &error);
    must(neuron_queue_on_done(f->queue, 1, note_call, &calls, &error), &error);
    must(neuron_queue_poll(f->queue, MINUTE, &called, &error), &error);
    assert_int_equal(called, 1);
    assert_int_equal(calls.status[0], NEURON_DEVICE_FAULT);
    assert_true(calls.has_text[0]);
}

static void bad_callbacks_are_refused(void **state) {
    const struct fixture *f = *state;
    struct calls calls = {.count = 0};
    const struct neuron_queue_options options = {.size = sizeof options, .polled = 1};
    neuron_queue *polled = queue_with(f, &options);
    neuron_error *error = NULL;
    size_t called = 7;
    int fd = 7;
    expect(neuron_queue_on_done(f->queue, 1, note_call, &calls, &error), NEURON_INVALID_ARGUMENT, &error, "job 1");
    expect(neuron_queue_on_done(f->queue, 1, NULL, &calls, &error), NEURON_INVALID_ARGUMENT, &error,
           "callback is NULL");
    expect(neuron_queue_on_done(NULL, 1, note_call, &calls, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_queue_poll(NULL, 0, &called, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    assert_int_equal(called, 0);
    expect(neuron_queue_poll_fd(NULL, &fd, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    assert_int_equal(fd, -1);
    expect(neuron_queue_poll_fd(f->queue, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "fd is NULL");
    if (strcmp(backend, "accel") == 0)
        expect(neuron_queue_poll_fd(polled, &fd, &error), NEURON_UNSUPPORTED, &error, "");
    assert_int_equal(calls.count, 0);
    neuron_queue_destroy(polled);
}

/* A launch that waits for one timeline, and signals another. */
static void launches_wait_and_signal(void **state) {
    const struct fixture *f = *state;
    neuron_kernel *kernel = kernel_of("fault"); /* it ends in a fault */
    neuron_buffer *buffer = buffer_of(f, 8 * 512 * 4, NEURON_PLACEMENT_HBM);
    const struct neuron_argument args[] = {{.buffer = buffer}};
    neuron_program *program = NULL;
    neuron_timeline *before = NULL;
    neuron_timeline *after = NULL;
    neuron_error *error = NULL;
    uint64_t job = 0;
    must(neuron_program_load(f->context, f->queue, kernel, NULL, &program, &error), &error);
    must(neuron_timeline_create(f->context, &before, &error), &error);
    must(neuron_timeline_create(f->context, &after, &error), &error);
    const struct neuron_timeline_point wait = {before, 1};
    const struct neuron_timeline_point signal = {after, 1};
    const struct neuron_submit_options options = {
        .size = sizeof options, .wait = &wait, .wait_count = 1, .signal = &signal, .signal_count = 1};
    expect(neuron_program_launch_sync(program, f->queue, args, 1, 1, &options, &job, &error), NEURON_INVALID_ARGUMENT,
           &error, "no job was submitted yet that signals it");
    assert_int_equal(job, 0);
    must(neuron_timeline_signal(before, 1, &error), &error);
    must(neuron_program_launch_sync(program, f->queue, args, 1, 1, &options, &job, &error), &error);
    must(neuron_timeline_wait(after, 1, MINUTE, &error), &error);
    expect(neuron_queue_wait(f->queue, job, MINUTE, &error), NEURON_DEVICE_FAULT, &error, "");
    expect(neuron_program_launch_sync(NULL, f->queue, NULL, 0, 1, NULL, &job, &error), NEURON_INVALID_ARGUMENT, &error,
           "program is NULL");
    expect(neuron_program_launch_sync(program, NULL, NULL, 0, 1, NULL, &job, &error), NEURON_INVALID_ARGUMENT, &error,
           "queue is NULL");
    expect(neuron_program_launch_sync(program, f->queue, NULL, 1, 1, NULL, &job, &error), NEURON_INVALID_ARGUMENT,
           &error, "args is NULL");
    const struct neuron_submit_options bad = {.size = sizeof bad, .wait_count = 1};
    expect(neuron_program_launch_sync(program, f->queue, args, 1, 1, &bad, &job, &error), NEURON_INVALID_ARGUMENT,
           &error, "wait, or the timeline");
    neuron_timeline_destroy(before);
    neuron_timeline_destroy(after);
    neuron_program_destroy(program);
    neuron_kernel_free(kernel);
    neuron_buffer_destroy(buffer);
}

#define WITH_DEVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DEVICE(queues_have_options),
        WITH_DEVICE(bad_queue_options_are_refused),
        WITH_DEVICE(options_of_the_first_version_still_do),
        WITH_DEVICE(status_tells_of_a_fault),
        WITH_DEVICE(a_buffer_that_was_destroyed_is_told_with_the_line),
        WITH_DEVICE(batches_are_jobs_in_order),
        WITH_DEVICE(jobs_have_times),
        WITH_DEVICE(events_are_waited_for_and_polled),
        WITH_DEVICE(polled_queues_have_no_files),
        WITH_DEVICE(device_events_are_told),
        WITH_DEVICE(timelines_order_queues),
        WITH_DEVICE(timelines_of_queues_count_jobs),
        WITH_DEVICE(timelines_are_shared),
        WITH_DEVICE(bad_timelines_are_refused),
        WITH_DEVICE(logical_cores_are_described),
        WITH_DEVICE(jobs_call_back_in_order),
        WITH_DEVICE(failed_jobs_call_back_with_the_reason),
        WITH_DEVICE(bad_callbacks_are_refused),
        WITH_DEVICE(launches_wait_and_signal),
        cmocka_unit_test(chips_of_a_group_run_in_turns),
        cmocka_unit_test(simulated_chips_have_more_options),
        WITH_DEVICE(errors_call_buffers_by_their_label),
    };
    backend = access("/dev/accel/accel0", F_OK) == 0 ? "accel" : "sim";
    return cmocka_run_group_tests_name("capi sync", tests, NULL, NULL);
}
