/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tape: property 'record' names a file that the chip writes all it sees
 * and does to, for a replay without QEMU. Set while the machine runs (QMP
 * qom-set), the tape begins there, with what the chip is then.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

#include "neuron-pci.h"

/* Each event at once: the tape outlives a crash of QEMU. */
static int tape_write(void *opaque, const void *data, size_t size)
{
    NeuronState *s = opaque;

    return qemu_write_full(fileno(s->tape), data, size) == size ? 0 : -errno;
}

static bool open_tape(NeuronState *s, const char *path, Error **errp)
{
    int fd;

    if (!s->stepped) {
        error_setg(errp, "property 'record' of neuron: only a device with "
                   "stepped=on can be recorded");
        return false;
    }
    fd = qemu_create(path, O_WRONLY | O_TRUNC, 0600, errp);
    if (fd < 0) {
        error_prepend(errp, "property 'record' of neuron: ");
        return false;
    }
    s->tape = fdopen(fd, "w");
    return true;
}

bool neuron_tape_start(NeuronState *s, struct neuron_chip_config *config,
                       Error **errp)
{
    if (!s->record) {
        return true;
    }
    if (!open_tape(s, s->record, errp)) {
        return false;
    }
    config->tape = tape_write;
    config->tape_opaque = s;
    return true;
}

void neuron_tape_end(NeuronState *s)
{
    g_clear_pointer(&s->tape, fclose);
}

/*
 * The main loop takes the steps, and accesses need the BQL: nobody is in the
 * chip meanwhile. What vCPUs store behind the aperture is on the tape as soon
 * as the chip reads it.
 */
static bool start_late(NeuronState *s, const char *path, Error **errp)
{
    bool running = !s->paused, blocked = s->blocker;
    char message[256] = "";
    int err;

    if (s->tape) {
        error_setg(errp, "property 'record' of neuron: it is being recorded "
                   "to '%s'; an empty name ends that", s->record);
        return false;
    }
    if (!open_tape(s, path, errp)) {
        return false;
    }
    if (!neuron_migrate_block_tape(s, errp)) {
        neuron_tape_end(s);
        return false;
    }
    neuron_host_pause(s);
    err = neuron_chip_start_tape(s->chip, tape_write, s, message,
                                 sizeof(message));
    if (err) {
        error_setg(errp, "property 'record' of neuron: %s", message);
        neuron_tape_end(s);
        if (!blocked) {
            neuron_migrate_exit(s);
        }
    }
    if (running) {
        s->paused = false;
        neuron_chip_resume(s->chip);
    }
    return !err;
}

static void set_record(Object *obj, const char *value, Error **errp)
{
    NeuronState *s = NEURON(obj);
    bool wanted = *value != '\0';

    if (s->chip && s->stopped) {
        error_setg(errp, "property 'record' of neuron: the device does not "
                   "run");
        return;
    }
    if (s->chip && wanted && !start_late(s, value, errp)) {
        return;
    }
    if (s->chip && !wanted && s->tape) {
        neuron_chip_end_tape(s->chip);
        neuron_tape_end(s);
    }
    g_free(s->record);
    s->record = wanted ? g_strdup(value) : NULL;
}

static char *get_record(Object *obj, Error **errp)
{
    NeuronState *s = NEURON(obj);

    return g_strdup(s->record ? s->record : "");
}

void neuron_tape_class_init(ObjectClass *oc)
{
    object_class_property_add_str(oc, "record", get_record, set_record);
    object_class_property_set_description(oc, "record",
        "With stepped=on: write a tape of what the device sees to this file; "
        "also at run time");
}
