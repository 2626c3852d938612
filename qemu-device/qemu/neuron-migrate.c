/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration and snapshots: the function's state as QEMU describes it, with the
 * chip's own stream in it. A machine that stands still has a paused chip, so
 * what is saved does not change meanwhile, and neither does the guest's RAM.
 *
 * HBM goes with the chip's stream, as far as it is not zero, while the guest
 * stands still: nobody keeps account of what the chip's threads write there.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie_aer.h"
#include "migration/blocker.h"
#include "migration/qemu-file-types.h"
#include "migration/vmstate.h"

#include "neuron-pci.h"
#include "trace.h"

typedef struct Stream {
    QEMUFile *file;
    uint64_t bytes;
} Stream;

static int stream_write(void *opaque, const void *data, size_t size)
{
    Stream *stream = opaque;

    qemu_put_buffer(stream->file, data, size);
    stream->bytes += size;
    return qemu_file_get_error(stream->file);
}

static int stream_read(void *opaque, void *data, size_t size)
{
    Stream *stream = opaque;

    stream->bytes += size;
    if (qemu_get_buffer(stream->file, data, size) != size) {
        int err = qemu_file_get_error(stream->file);

        return err < 0 ? err : -EIO;
    }
    return 0;
}

static int chip_put(QEMUFile *f, void *pv, size_t size,
                    const VMStateField *field, JSONWriter *vmdesc)
{
    NeuronState *s = container_of(pv, NeuronState, chip);
    Stream stream = { .file = f };
    char message[256] = "";
    int err;

    /* It may never have run. */
    neuron_host_pause(s);
    err = neuron_chip_save(s->chip, stream_write, &stream, message,
                           sizeof(message));
    trace_neuron_save(s->label, stream.bytes, err);
    if (err) {
        error_report("%s: the chip cannot be saved: %s", s->label, message);
    }
    return err;
}

static int chip_get(QEMUFile *f, void *pv, size_t size,
                    const VMStateField *field)
{
    NeuronState *s = container_of(pv, NeuronState, chip);
    Stream stream = { .file = f };
    char message[256] = "";
    int err;

    /* It goes on when the machine does. */
    neuron_host_pause(s);
    err = neuron_chip_load(s->chip, stream_read, &stream, message,
                           sizeof(message));
    trace_neuron_load(s->label, stream.bytes, err);
    if (err) {
        Error *error = NULL;

        neuron_config_error(&error, err, message);
        error_reportf_err(error, "%s cannot become what was saved: ",
                          s->label);
    }
    return err;
}

static const VMStateInfo vmstate_info_chip = {
    .name = "neuron chip",
    .get = chip_get,
    .put = chip_put,
};

static int neuron_post_load(void *opaque, int version_id)
{
    NeuronState *s = opaque;

    s->test_faults &= NEURON_CHIP_TEST_STUCK_RESET | NEURON_CHIP_TEST_HANG_STOP;
    neuron_chip_set_test_fault(s->chip, s->test_faults);
    neuron_update_power(s);
    neuron_show_regions(s);
    return 0;
}

static const VMStateDescription neuron_vmstate = {
    .name = TYPE_NEURON,
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = neuron_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, NeuronState),
        VMSTATE_STRUCT(parent_obj.exp.aer_log, NeuronState, 0,
                       vmstate_pcie_aer_log, PCIEAERLog),
        VMSTATE_MSIX(parent_obj, NeuronState),
        VMSTATE_UINT64(irq_pending, NeuronState),
        VMSTATE_UINT32(test_faults, NeuronState),
        VMSTATE_BOOL(gone, NeuronState),
        {
            .name = "chip",
            .offset = offsetof(NeuronState, chip),
            .size = sizeof(struct neuron_chip *),
            .info = &vmstate_info_chip,
            .flags = VMS_SINGLE,
        },
        VMSTATE_END_OF_LIST()
    },
};

/* A device that was recorded has two HBMs, and is not saved any more. */
bool neuron_migrate_block_tape(NeuronState *s, Error **errp)
{
    if (s->blocker) {
        return true;
    }
    error_setg(&s->blocker, "property 'record' of neuron: a device that is, "
               "or was, recorded is not saved");
    return migrate_add_blocker(&s->blocker, errp) == 0;
}

bool neuron_migrate_init(NeuronState *s, Error **errp)
{
    if (s->record) {
        return neuron_migrate_block_tape(s, errp);
    }
    if (!s->hazards && !s->sanitizer) {
        return true;
    }
    /* Said before anything is saved, while the machine still runs. */
    error_setg(&s->blocker, "property '%s' of neuron: what %s has seen is not "
               "saved", s->hazards ? "hazards" : "sanitizer",
               s->hazards ? "hazard detection" : "it");
    return migrate_add_blocker(&s->blocker, errp) == 0;
}

void neuron_migrate_exit(NeuronState *s)
{
    migrate_del_blocker(&s->blocker);
}

void neuron_migrate_class_init(DeviceClass *dc)
{
    dc->vmsd = &neuron_vmstate;
}
