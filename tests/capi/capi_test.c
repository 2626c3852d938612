/* SPDX-License-Identifier: MIT */
/*
 * The interface for C, from strict C11: on the chip in the process, and in the guest through the driver.
 */
#include "capi.h"

static void versions_and_names(void **state) {
    size_t count = 0;
    (void)state;
    assert_non_null(strchr(neuron_version(), '.'));
    assert_int_equal(neuron_spec_version() >> 16, 1);
    assert_string_equal(neuron_status_name(NEURON_OK), "ok");
    assert_string_equal(neuron_status_name(NEURON_DEVICE_FAULT), "device_fault");
    assert_string_equal(neuron_status_name(NEURON_UNSUPPORTED), "unsupported");
    assert_string_equal(neuron_status_name((neuron_status)99), "?");
    assert_string_equal(neuron_backend_name(0), "accel");
    while (neuron_backend_name(count) != NULL)
        ++count;
    assert_in_range(count, 2, 10);
}

static void no_error_is_an_error_too(void **state) {
    struct neuron_fault fault = {.size = sizeof fault};
    (void)state;
    assert_int_equal(neuron_error_status(NULL), NEURON_OK);
    assert_string_equal(neuron_error_message(NULL), "");
    assert_false(neuron_error_fault(NULL, &fault));
    neuron_error_free(NULL);
}

static void nodes_are_listed(void **state) {
    neuron_device_list *list = NULL;
    neuron_error *error = NULL;
    struct neuron_device_node node = {.size = sizeof node};
    (void)state;
    must(neuron_device_list_create(&list, &error), &error);
    for (size_t i = 0; i < neuron_device_list_count(list); ++i) {
        assert_true(neuron_device_list_get(list, i, &node));
        assert_non_null(strstr(node.path, node.name));
        assert_int_equal(node.size, sizeof node);
    }
    if (strcmp(backend, "accel") == 0)
        assert_int_not_equal(neuron_device_list_count(list), 0);
    assert_false(neuron_device_list_get(list, neuron_device_list_count(list), &node));
    assert_false(neuron_device_list_get(NULL, 0, &node));
    assert_int_equal(neuron_device_list_count(NULL), 0);
    neuron_device_list_free(list);
    neuron_device_list_free(NULL);
    expect(neuron_device_list_create(NULL, &error), NEURON_INVALID_ARGUMENT, &error, "list is NULL");
}

static void bad_options_are_refused(void **state) {
    struct neuron_device_options options = {.size = sizeof options, .backend = "magic"};
    struct {
        struct neuron_device_options known;
        uint64_t later;
    } newer;
    neuron_device *device = (neuron_device *)&options;
    neuron_error *error = NULL;
    (void)state;
    expect(neuron_device_open(&options, &device, &error), NEURON_INVALID_ARGUMENT, &error, "magic");
    assert_null(device);
    expect(neuron_device_open(&options, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "device is NULL");
    assert_int_equal(neuron_device_open(&options, &device, NULL), NEURON_INVALID_ARGUMENT);
    options.size = 0;
    expect(neuron_device_open(&options, &device, &error), NEURON_INVALID_ARGUMENT, &error,
           "device options: size is not set");
    memset(&newer, 0, sizeof newer);
    newer.known.size = sizeof newer;
    newer.known.backend = backend;
    newer.later = 1;
    expect(neuron_device_open(&newer.known, &device, &error), NEURON_UNSUPPORTED, &error, "older than the header");
    newer.later = 0;
    must(neuron_device_open(&newer.known, &device, &error), &error);
    neuron_device_close(device);
    /* A program of a version that had no more than the backend. */
    options.size = offsetof(struct neuron_device_options, node);
    options.backend = backend;
    options.node = "/nowhere";
    must(neuron_device_open(&options, &device, &error), &error);
    neuron_device_close(device);
    neuron_device_close(NULL);
    options.size = sizeof options;
    options.backend = "accel";
    expect(neuron_device_open(&options, &device, &error), NEURON_NO_DEVICE, &error, "/nowhere");
}

static void facts_come_in_structures_of_any_size(void **state) {
    const struct fixture *f = *state;
    struct {
        struct neuron_device_info known;
        uint64_t later;
    } newer;
    struct neuron_device_info info = {.size = sizeof info};
    neuron_error *error = NULL;
    must(neuron_device_get_info(f->device, &info, &error), &error);
    assert_string_equal(info.backend, backend);
    assert_int_equal(info.spec_version, neuron_spec_version());
    assert_int_not_equal(info.cores, 0);
    assert_int_not_equal(info.hbm_bytes, 0);
    assert_int_equal(info.page_size, 4096);
    assert_int_equal(strncmp(info.profile, "trn", 3) == 0 || strncmp(info.profile, "inf", 3) == 0, 1);

    memset(&newer, 0xff, sizeof newer);
    newer.known.size = sizeof newer;
    must(neuron_context_get_info(f->context, &newer.known, &error), &error);
    assert_int_equal(newer.known.cores, info.cores);
    assert_int_equal(newer.later, 0);
    assert_int_equal(newer.known.size, sizeof newer);

    memset(&info, 0xff, sizeof info);
    info.size = offsetof(struct neuron_device_info, cores);
    must(neuron_device_get_info(f->device, &info, &error), &error);
    assert_int_equal(info.spec_version, neuron_spec_version());
    assert_int_equal(info.cores, UINT32_MAX);

    info.size = 0;
    expect(neuron_device_get_info(f->device, &info, &error), NEURON_INVALID_ARGUMENT, &error, "its size is not set");
    expect(neuron_device_get_info(f->device, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "info is NULL");
    expect(neuron_device_get_info(NULL, &info, &error), NEURON_INVALID_ARGUMENT, &error, "device is NULL");
    expect(neuron_context_get_info(NULL, &info, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    expect(neuron_context_get_info(f->context, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "info is NULL");
}

static void packets_move_bytes(void **state) {
    const struct fixture *f = *state;
    neuron_buffer *a = buffer_of(f, 8192, NEURON_PLACEMENT_HBM);
    neuron_buffer *b = buffer_of(f, 8192, NEURON_PLACEMENT_HOST);
    struct neuron_context_stats stats = {.size = sizeof stats};
    struct neuron_packet packets[3];
    neuron_error *error = NULL;
    unsigned char out[8192];
    void *mapped = NULL;
    uint64_t job = 0;
    bool done = false;

    neuron_packet_fill(&packets[0], neuron_buffer_va(a), 8192, UINT64_C(0x0807060504030201));
    neuron_packet_copy(&packets[1], neuron_buffer_va(b), neuron_buffer_va(a), 4096);
    neuron_packet_fence(&packets[2], neuron_buffer_va(b) + 4096, 42);
    must(neuron_queue_submit(f->queue, packets, 3, &job, &error), &error);
    assert_int_equal(job, 1);
    must(neuron_queue_wait(f->queue, job, 60 * SECOND, &error), &error);
    must(neuron_queue_done(f->queue, job, &done, &error), &error);
    assert_true(done);
    must(neuron_queue_wait_idle(f->queue, -1, &error), &error);

    must(neuron_buffer_map(b, &mapped, &error), &error);
    memcpy(out, mapped, sizeof out);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[4095], 8);
    assert_int_equal(out[4096], 42);
    assert_int_equal(out[4097], 0);
    must(neuron_buffer_read(a, f->queue, 4096, out, 4096, &error), &error);
    assert_int_equal(out[8], 1);
    out[0] = 77;
    must(neuron_buffer_write(a, f->queue, 1, out, 1, &error), &error);
    must(neuron_buffer_read(a, f->queue, 0, out, 2, &error), &error);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 77);
    must(neuron_context_get_stats(f->context, &stats, &error), &error);
    assert_in_range(stats.jobs, 1, 100);
    assert_int_equal(stats.faults, 0);
    assert_int_not_equal(neuron_queue_path(f->queue)[0], '\0');
    neuron_buffer_destroy(a);
    neuron_buffer_destroy(b);
}

static void bad_submits_are_refused(void **state) {
    const struct fixture *f = *state;
    struct neuron_queue_options options = {.size = sizeof options, .path = 9};
    struct neuron_packet packet;
    neuron_queue *queue = NULL;
    neuron_error *error = NULL;
    uint64_t job = 9;
    bool done = false;

    memset(&packet, 0xff, sizeof packet);
    expect(neuron_queue_submit(f->queue, &packet, 0, &job, &error), NEURON_INVALID_ARGUMENT, &error, "packet");
    assert_int_equal(job, 0);
    expect(neuron_queue_submit(f->queue, &packet, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "flags");
    expect(neuron_queue_submit(f->queue, NULL, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "packets is NULL");
    expect(neuron_queue_submit(NULL, &packet, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_queue_wait(f->queue, 1000, 0, &error), NEURON_INVALID_ARGUMENT, &error, "1000");
    expect(neuron_queue_wait(NULL, 1, 0, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_queue_wait_idle(NULL, 0, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_queue_done(f->queue, 1000, &done, &error), NEURON_INVALID_ARGUMENT, &error, "1000");
    expect(neuron_queue_done(f->queue, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "done is NULL");
    expect(neuron_queue_done(NULL, 1, &done, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_queue_create(f->context, &options, &queue, &error), NEURON_INVALID_ARGUMENT, &error, "submit path 9");
    options.path = NEURON_SUBMIT_AUTOMATIC;
    options.ring_log2 = 40;
    expect(neuron_queue_create(f->context, &options, &queue, &error), NEURON_INVALID_ARGUMENT, &error, "");
    options.ring_log2 = 0;
    options.job_timeout_ms = UINT64_MAX;
    expect(neuron_queue_create(f->context, &options, &queue, &error), NEURON_INVALID_ARGUMENT, &error, "too long");
    options.size = 4;
    expect(neuron_queue_create(f->context, &options, &queue, &error), NEURON_INVALID_ARGUMENT, &error,
           "size is not set");
    expect(neuron_queue_create(NULL, NULL, &queue, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    expect(neuron_queue_create(f->context, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_context_create(NULL, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    assert_string_equal(neuron_queue_path(NULL), "");
    neuron_queue_destroy(NULL);
    neuron_context_destroy(NULL);
}

static void buffers_are_shared(void **state) {
    const struct fixture *f = *state;
    const struct neuron_buffer_options options = {.size = sizeof options, .shareable = 1};
    neuron_buffer *mine = NULL, *theirs = NULL;
    neuron_error *error = NULL;
    void *here = NULL, *there = NULL;
    int fd = -1;
    must(neuron_buffer_create(f->context, 4096, &options, &mine, &error), &error);
    must(neuron_buffer_export(mine, &fd, &error), &error);
    assert_true(fd >= 0);
    must(neuron_buffer_import(f->context, fd, NULL, &theirs, &error), &error);
    close(fd);
    must(neuron_buffer_map(mine, &here, &error), &error);
    must(neuron_buffer_map(theirs, &there, &error), &error);
    strcpy(here, "shared");
    assert_string_equal(there, "shared");
    assert_int_not_equal(neuron_buffer_va(mine), neuron_buffer_va(theirs));
    assert_int_equal(neuron_buffer_size(theirs), 4096);
    neuron_buffer_destroy(mine);
    assert_string_equal(there, "shared");
    neuron_buffer_destroy(theirs);
    neuron_buffer_destroy(NULL);
}

static void bad_buffers_are_refused(void **state) {
    const struct fixture *f = *state;
    struct neuron_buffer_options options = {.size = sizeof options, .placement = 7};
    neuron_buffer *buffer = NULL;
    neuron_error *error = NULL;
    void *bytes = NULL;
    char byte = 0;
    int fd = 0;
    expect(neuron_buffer_create(f->context, 4096, &options, &buffer, &error), NEURON_INVALID_ARGUMENT, &error,
           "placement 7");
    options.placement = NEURON_PLACEMENT_HBM;
    options.bank = 1000;
    expect(neuron_buffer_create(f->context, 4096, &options, &buffer, &error), NEURON_INVALID_ARGUMENT, &error, "999");
    options.size = 1;
    expect(neuron_buffer_create(f->context, 4096, &options, &buffer, &error), NEURON_INVALID_ARGUMENT, &error,
           "size is not set");
    expect(neuron_buffer_create(f->context, 0, NULL, &buffer, &error), NEURON_INVALID_ARGUMENT, &error, "");
    expect(neuron_buffer_create(NULL, 4096, NULL, &buffer, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    expect(neuron_buffer_create(f->context, 4096, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "buffer is NULL");
    expect(neuron_buffer_import(f->context, -1, NULL, &buffer, &error), NEURON_INVALID_ARGUMENT, &error, "-1");
    expect(neuron_buffer_import(NULL, 0, NULL, &buffer, &error), NEURON_INVALID_ARGUMENT, &error, "context is NULL");
    expect(neuron_buffer_import(f->context, 0, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "buffer is NULL");
    assert_null(buffer);

    buffer = buffer_of(f, 4096, NEURON_PLACEMENT_HBM);
    expect(neuron_buffer_map(buffer, &bytes, &error), NEURON_UNSUPPORTED, &error, "");
    expect(neuron_buffer_map(buffer, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "bytes is NULL");
    expect(neuron_buffer_map(NULL, &bytes, &error), NEURON_INVALID_ARGUMENT, &error, "buffer is NULL");
    expect(neuron_buffer_export(buffer, &fd, &error), NEURON_INVALID_ARGUMENT, &error, "was not made shareable");
    assert_int_equal(fd, -1);
    expect(neuron_buffer_export(buffer, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "fd is NULL");
    expect(neuron_buffer_export(NULL, &fd, &error), NEURON_INVALID_ARGUMENT, &error, "buffer is NULL");
    expect(neuron_buffer_write(buffer, f->queue, 4096, &byte, 1, &error), NEURON_INVALID_ARGUMENT, &error, "");
    expect(neuron_buffer_write(buffer, f->queue, 0, NULL, 1, &error), NEURON_INVALID_ARGUMENT, &error, "data is NULL");
    expect(neuron_buffer_write(buffer, NULL, 0, &byte, 1, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_buffer_write(NULL, f->queue, 0, &byte, 1, &error), NEURON_INVALID_ARGUMENT, &error, "buffer is NULL");
    expect(neuron_buffer_read(buffer, f->queue, UINT64_MAX, &byte, 1, &error), NEURON_INVALID_ARGUMENT, &error, "");
    expect(neuron_buffer_read(buffer, f->queue, 0, NULL, 1, &error), NEURON_INVALID_ARGUMENT, &error, "data is NULL");
    expect(neuron_buffer_read(buffer, NULL, 0, &byte, 1, &error), NEURON_INVALID_ARGUMENT, &error, "queue is NULL");
    expect(neuron_buffer_read(NULL, f->queue, 0, &byte, 1, &error), NEURON_INVALID_ARGUMENT, &error, "buffer is NULL");
    assert_int_equal(neuron_buffer_va(NULL) + neuron_buffer_size(NULL), 0);
    neuron_buffer_destroy(buffer);
}

static void kernels_are_described(void **state) {
    neuron_kernel *kernel = kernel_of("hello");
    struct neuron_kernel_param param = {.size = sizeof param};
    neuron_error *error = NULL;
    (void)state;
    assert_int_equal(neuron_kernel_cores(kernel), 0);
    assert_int_equal(neuron_kernel_param_count(kernel), 2);
    assert_true(neuron_kernel_get_param(kernel, 1, &param));
    assert_string_equal(param.name, "Y");
    assert_string_equal(param.dtype, "BF16");
    assert_int_equal(param.kind, NEURON_PARAM_OUT);
    assert_int_equal(param.rank, 2);
    assert_int_equal(param.dims[0], 128);
    assert_int_equal(param.dims[1], 512);
    assert_int_equal(param.bytes, 128 * 512 * 2);
    assert_false(neuron_kernel_get_param(kernel, 2, &param));
    assert_false(neuron_kernel_get_param(NULL, 0, &param));
    neuron_kernel_free(kernel);
    neuron_kernel_free(NULL);
    assert_int_equal(neuron_kernel_param_count(NULL) + neuron_kernel_cores(NULL), 0);
    expect(neuron_kernel_load("/nowhere.nko", &kernel, &error), NEURON_NOT_FOUND, &error, "/nowhere.nko");
    assert_null(kernel);
    expect(neuron_kernel_load(NULL, &kernel, &error), NEURON_INVALID_ARGUMENT, &error, "path is NULL");
    expect(neuron_kernel_load("x", NULL, &error), NEURON_INVALID_ARGUMENT, &error, "kernel is NULL");
    expect(neuron_kernel_parse("text", 4, "mine", &kernel, &error), NEURON_INVALID_ARGUMENT, &error, "mine");
    expect(neuron_kernel_parse(NULL, 4, NULL, &kernel, &error), NEURON_INVALID_ARGUMENT, &error, "image is NULL");
    expect(neuron_kernel_parse("text", 4, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "kernel is NULL");
}

static void programs_run(void **state) {
    const struct fixture *f = *state;
    neuron_kernel *kernel = kernel_of("hello");
    neuron_buffer *x = buffer_of(f, 128 * 512 * 4, NEURON_PLACEMENT_HBM);
    neuron_buffer *y = buffer_of(f, 128 * 512 * 2, NEURON_PLACEMENT_HBM);
    struct neuron_argument args[2];
    neuron_program *program = NULL;
    neuron_error *error = NULL;
    static float in[128 * 512];
    static uint16_t out[128 * 512];
    uint64_t job = 0;

    memset(args, 0, sizeof args);
    args[0].buffer = x;
    args[1].buffer = y;
    for (int i = 0; i < 128 * 512; ++i)
        in[i] = (float)(i % 256);
    must(neuron_buffer_write(x, f->queue, 0, in, sizeof in, &error), &error);
    must(neuron_program_load(f->context, f->queue, kernel, NULL, &program, &error), &error);
    neuron_kernel_free(kernel);
    must(neuron_program_launch(program, f->queue, args, 2, 0, &job, &error), &error);
    must(neuron_queue_wait(f->queue, job, 60 * SECOND, &error), &error);
    must(neuron_buffer_read(y, f->queue, 0, out, sizeof out, &error), &error);
    for (int i = 0; i < 128 * 512; ++i) {
        /* Small whole numbers are in bf16 what they are in fp32, without the lower half. */
        uint32_t bits;
        memcpy(&bits, &in[i], sizeof bits);
        assert_int_equal(out[i], bits >> 16);
    }
    expect(neuron_program_launch(program, f->queue, args, 1, 1, &job, &error), NEURON_INVALID_ARGUMENT, &error, "");
    assert_int_equal(job, 0);
    args[0].value = 4;
    expect(neuron_program_launch(program, f->queue, args, 2, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "X");
    args[0].buffer = NULL;
    expect(neuron_program_launch(program, f->queue, args, 2, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error, "X");
    expect(neuron_program_launch(program, f->queue, NULL, 2, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "args is NULL");
    expect(neuron_program_launch(program, NULL, args, 2, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "queue is NULL");
    expect(neuron_program_launch(NULL, f->queue, args, 2, 1, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "program is NULL");
    neuron_program_destroy(program);
    neuron_program_destroy(NULL);
    expect(neuron_program_load(f->context, f->queue, NULL, NULL, &program, &error), NEURON_INVALID_ARGUMENT, &error,
           "kernel is NULL");
    expect(neuron_program_load(f->context, NULL, NULL, NULL, &program, &error), NEURON_INVALID_ARGUMENT, &error,
           "queue is NULL");
    expect(neuron_program_load(NULL, NULL, NULL, NULL, &program, &error), NEURON_INVALID_ARGUMENT, &error,
           "context is NULL");
    expect(neuron_program_load(NULL, NULL, NULL, NULL, NULL, &error), NEURON_INVALID_ARGUMENT, &error,
           "program is NULL");
    neuron_buffer_destroy(x);
    neuron_buffer_destroy(y);
}

static void faults_have_a_record(void **state) {
    const struct fixture *f = *state;
    neuron_kernel *kernel = kernel_of("fault");
    neuron_buffer *x = buffer_of(f, 8 * 512 * 4, NEURON_PLACEMENT_HOST);
    struct neuron_fault fault = {.size = sizeof fault};
    struct neuron_argument arg = {.buffer = x, .value = 0};
    neuron_program *program = NULL;
    neuron_error *error = NULL;
    uint64_t job = 0;
    must(neuron_program_load(f->context, f->queue, kernel, NULL, &program, &error), &error);
    must(neuron_program_launch(program, f->queue, &arg, 1, 1, &job, &error), &error);
    assert_int_equal(neuron_queue_wait(f->queue, job, 60 * SECOND, &error), NEURON_DEVICE_FAULT);
    assert_true(neuron_error_fault(error, &fault));
    assert_int_equal(fault.job, job);
    assert_int_equal(fault.packet, 0);
    assert_int_equal(fault.ring, 3);
    assert_int_equal(fault.pc, 1);
    assert_int_equal(fault.write, 0);
    assert_int_equal(fault.va, neuron_buffer_va(x) + (UINT64_C(1) << 40));
    assert_non_null(strstr(neuron_error_message(error), "job"));
    fault.size = 0;
    assert_false(neuron_error_fault(error, &fault));
    neuron_error_free(error);
    neuron_program_destroy(program);
    neuron_kernel_free(kernel);
    neuron_buffer_destroy(x);
}

static void count_lines(void *user, neuron_log_level level, const char *message) {
    assert_in_range(level, NEURON_LOG_ERROR, NEURON_LOG_DEBUG);
    assert_non_null(message);
    ++*(unsigned *)user;
}

static void the_log_may_be_heard(void **state) {
    unsigned lines = 0;
    const struct neuron_device_options options = {
        .size = sizeof options, .backend = backend, .log = count_lines, .log_user = &lines};
    neuron_device *device = NULL;
    neuron_error *error = NULL;
    (void)state;
    must(neuron_device_open(&options, &device, &error), &error);
    neuron_device_close(device);
}

/* The plan of a simulated chip: refused with its error, reported as a whole, in part, and by its length. */
static void a_simulated_chip_does_wrong_what_it_is_told(void **state) {
    struct neuron_device_options options = {.size = sizeof options, .backend = "sim", .sim_fault_plan = "bell: drop"};
    neuron_device *device = NULL;
    neuron_error *error = NULL;
    char report[256], part[7] = "xxxxxx";
    size_t length;
    (void)state;
    expect(neuron_device_open(&options, &device, &error), NEURON_INVALID_ARGUMENT, &error, "'bell': is no event");
    options.sim_fault_plan = "seed 5; packet nth=7: hang";
    must(neuron_device_open(&options, &device, &error), &error);
    length = neuron_device_fault_report(device, report, sizeof report);
    assert_string_equal(report, "seed 5\n1: matched=0 made=0 at=- rule=packet nth=7: hang\n");
    assert_int_equal(length, strlen(report));
    assert_int_equal(neuron_device_fault_report(device, NULL, 0), length);
    assert_int_equal(neuron_device_fault_report(device, part, 0), length);
    assert_string_equal(part, "xxxxxx");
    assert_int_equal(neuron_device_fault_report(device, part, sizeof part), length);
    assert_string_equal(part, "seed 5");
    neuron_device_close(device);
    assert_int_equal(neuron_device_fault_report(NULL, report, sizeof report), 0);
    assert_string_equal(report, "");
    /* A stepped one may explore, too. */
    options.sim_stepped = 1;
    options.sim_seed = 3;
    options.sim_explore = 1;
    must(neuron_device_open(&options, &device, &error), &error);
    assert_true(neuron_device_fault_report(device, report, sizeof report) > length);
    assert_non_null(strstr(report, "explore seed=3"));
    neuron_device_close(device);
    options.sim_fault_plan = NULL;
    must(neuron_device_open(&options, &device, &error), &error);
    assert_int_equal(neuron_device_fault_report(device, report, sizeof report), 0);
    neuron_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_names),
        cmocka_unit_test(no_error_is_an_error_too),
        cmocka_unit_test(nodes_are_listed),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test_setup_teardown(facts_come_in_structures_of_any_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packets_move_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_submits_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(buffers_are_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_buffers_are_refused, set_up, tear_down),
        cmocka_unit_test(kernels_are_described),
        cmocka_unit_test_setup_teardown(programs_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(faults_have_a_record, set_up, tear_down),
        cmocka_unit_test(the_log_may_be_heard),
        cmocka_unit_test(a_simulated_chip_does_wrong_what_it_is_told),
    };
    backend = access("/dev/accel/accel0", F_OK) == 0 ? "accel" : "sim";
    return cmocka_run_group_tests_name("capi", tests, NULL, NULL);
}
