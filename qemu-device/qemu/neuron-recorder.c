/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flight recorder for people on the host: a property that can be set while
 * the machine runs (QMP qom-set) writes it to a file, whatever the guest does.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "hw/qdev-core.h"

#include "neuron-pci.h"
#include "trace.h"

#define BUFFER_BYTES (256 * KiB)

/* Return: records written, or a negative errno. */
static int64_t recorder_write(NeuronState *s, int fd)
{
    g_autofree char *buffer = g_malloc(BUFFER_BYTES);
    uint64_t next = 0;
    int64_t total = 0;
    size_t count;

    while ((count = neuron_chip_read_records(s->chip, &next, buffer,
                                             BUFFER_BYTES))) {
        size_t bytes = count * sizeof(struct nrn_record_reset);

        if (qemu_write_full(fd, buffer, bytes) != bytes) {
            return -errno;
        }
        total += count;
    }
    return total;
}

/* The file has records as a dump has them, oldest first. */
static void set_recorder_file(Object *obj, const char *value, Error **errp)
{
    NeuronState *s = NEURON(obj);
    int64_t count;
    int fd;

    if (!s->chip) {
        error_setg(errp, "property 'recorder-file' of neuron: the device does "
                   "not run");
        return;
    }
    if (!s->recorder) {
        error_setg(errp, "property 'recorder-file' of neuron: the device has "
                   "no recorder");
        return;
    }
    fd = qemu_create(value, O_WRONLY | O_TRUNC, 0600, errp);
    if (fd < 0) {
        return;
    }
    count = recorder_write(s, fd);
    if (close(fd) && count >= 0) {
        count = -errno;
    }
    if (count < 0) {
        error_setg_errno(errp, -count, "property 'recorder-file' of neuron: "
                         "writing '%s'", value);
        return;
    }
    trace_neuron_recorder(s->label, value, count);
}

/* The reports of the sanitizer, a line each. */
static char *get_sanitizer_reports(Object *obj, Error **errp)
{
    NeuronState *s = NEURON(obj);
    GString *lines = g_string_new(NULL);
    struct nrn_sanitizer_report report;
    char text[NRN_REPORT_TEXT];
    uint64_t next = 0;

    if (!s->chip) {
        error_setg(errp, "property 'sanitizer-reports' of neuron: the device "
                   "does not run");
        g_string_free(lines, true);
        return NULL;
    }
    while (neuron_chip_read_reports(s->chip, &next, &report, sizeof(report))) {
        /* The report has the beginning only; it may be forgotten by now. */
        if (neuron_chip_report_text(s->chip, next - 1, text, sizeof(text))) {
            g_string_append_printf(lines, "%s\n", text);
        }
    }
    return g_string_free(lines, false);
}

/* An empty text, and nothing else, forgets them. */
static void set_sanitizer_reports(Object *obj, const char *value, Error **errp)
{
    NeuronState *s = NEURON(obj);

    if (!s->chip || *value) {
        error_setg(errp, "property 'sanitizer-reports' of neuron: %s",
                   s->chip ? "only '' can be set: it forgets them" :
                   "the device does not run");
        return;
    }
    neuron_chip_forget_reports(s->chip);
}

void neuron_recorder_class_init(ObjectClass *oc)
{
    object_class_property_add_str(oc, "sanitizer-reports",
                                  get_sanitizer_reports,
                                  set_sanitizer_reports);
    object_class_property_set_description(oc, "sanitizer-reports",
        "At run time: what the sanitizer has reported; '' forgets it");
    object_class_property_add_str(oc, "recorder-file", NULL,
                                  set_recorder_file);
    object_class_property_set_description(oc, "recorder-file",
        "At run time: write the flight recorder to this file");
}
