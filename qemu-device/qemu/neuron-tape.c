/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tape: property 'record' names a file that the chip writes all it sees
 * and does to, for a replay without QEMU.
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

bool neuron_tape_start(NeuronState *s, struct neuron_chip_config *config,
                       Error **errp)
{
    int fd;

    if (!s->record) {
        return true;
    }
    if (!s->stepped) {
        error_setg(errp, "property 'record' of neuron: only a device with "
                   "stepped=on can be recorded");
        return false;
    }
    fd = qemu_create(s->record, O_WRONLY | O_TRUNC, 0600, errp);
    if (fd < 0) {
        error_prepend(errp, "property 'record' of neuron: ");
        return false;
    }
    s->tape = fdopen(fd, "w");
    config->tape = tape_write;
    config->tape_opaque = s;
    return true;
}

void neuron_tape_end(NeuronState *s)
{
    g_clear_pointer(&s->tape, fclose);
}
