/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the interface for C share: a device with a context and a queue, and what is expected of calls.
 */
#ifndef TESTS_CAPI_H
#define TESTS_CAPI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <neuron/neuron.h>

/* CMocka wants the headers above. */
#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static const char *backend;

struct fixture {
    neuron_device *device;
    neuron_context *context;
    neuron_queue *queue;
};

/* Fails the test with the text of the error. */
static inline void must(neuron_status status, neuron_error **error) {
    if (status != NEURON_OK)
        fail_msg("%s: %s", neuron_status_name(status), neuron_error_message(*error));
    assert_null(*error);
}

/* The status and the text are these. Frees the error. */
static inline void expect(neuron_status status, neuron_status want, neuron_error **error, const char *part) {
    assert_string_equal(neuron_status_name(status), neuron_status_name(want));
    assert_non_null(*error);
    assert_int_equal(neuron_error_status(*error), want);
    if (strstr(neuron_error_message(*error), part) == NULL)
        fail_msg("'%s' is not in '%s'", part, neuron_error_message(*error));
    neuron_error_free(*error);
}

static inline int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    neuron_error *error = NULL;
    const struct neuron_device_options options = {.size = sizeof options, .backend = backend};
    assert_non_null(f);
    must(neuron_device_open(&options, &f->device, &error), &error);
    must(neuron_context_create(f->device, NULL, &f->context, &error), &error);
    must(neuron_queue_create(f->context, NULL, &f->queue, &error), &error);
    *state = f;
    return 0;
}

static inline int tear_down(void **state) {
    struct fixture *f = *state;
    /* Any order will do: what is needed lives on. */
    neuron_device_close(f->device);
    neuron_context_destroy(f->context);
    neuron_queue_destroy(f->queue);
    free(f);
    return 0;
}

static inline neuron_buffer *buffer_of(const struct fixture *f, uint64_t bytes, neuron_placement placement) {
    const struct neuron_buffer_options options = {.size = sizeof options, .placement = placement};
    neuron_buffer *buffer = NULL;
    neuron_error *error = NULL;
    must(neuron_buffer_create(f->context, bytes, &options, &buffer, &error), &error);
    return buffer;
}

static inline neuron_kernel *kernel_of(const char *name) {
    char path[4096];
    const char *build = getenv("NEURON_BUILD");
    neuron_kernel *kernel = NULL;
    neuron_error *error = NULL;
    snprintf(path, sizeof path, "%s/user/tests/capi/%s.nko", build != NULL ? build : "build", name);
    must(neuron_kernel_load(path, &kernel, &error), &error);
    return kernel;
}

#endif
