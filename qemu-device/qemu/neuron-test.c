/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes the device misbehave, for tests of drivers: properties that can be
 * set while the machine runs (QMP qom-set), from outside or by the guest
 * itself, if it is given a monitor.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "hw/qdev-core.h"

#include "neuron-pci.h"
#include "trace.h"

/* An error of HBM at a byte; opaque is not NULL for an uncorrectable one. */
static void set_ecc(Object *obj, Visitor *v, const char *name, void *opaque,
                    Error **errp)
{
    NeuronState *s = NEURON(obj);
    uint64_t offset;
    int err;

    if (!visit_type_size(v, name, &offset, errp)) {
        return;
    }
    if (!s->chip || s->stopped) {
        error_setg(errp, "property '%s' of neuron: the device does not run",
                   name);
        return;
    }
    err = neuron_chip_inject_ecc(s->chip, offset, opaque != NULL);
    trace_neuron_test(s->label, name, offset);
    if (err == -EINVAL) {
        error_setg(errp, "property '%s' of neuron: byte 0x%" PRIx64
                   " is outside HBM", name, offset);
    } else if (err == -EAGAIN) {
        error_setg(errp, "property '%s' of neuron: a reset is under way", name);
    } else if (err) {
        error_setg_errno(errp, -err, "property '%s' of neuron", name);
    }
}

static void set_test_fault(NeuronState *s, uint32_t fault, bool on)
{
    s->test_faults = on ? s->test_faults | fault : s->test_faults & ~fault;
    if (s->chip) {
        trace_neuron_test(s->label, "faults", s->test_faults);
        neuron_chip_set_test_fault(s->chip, s->test_faults);
    }
}

static bool get_stuck(Object *obj, Error **errp)
{
    return NEURON(obj)->test_faults & NEURON_CHIP_TEST_STUCK_RESET;
}

static void set_stuck(Object *obj, bool value, Error **errp)
{
    set_test_fault(NEURON(obj), NEURON_CHIP_TEST_STUCK_RESET, value);
}

static bool get_hang_stop(Object *obj, Error **errp)
{
    return NEURON(obj)->test_faults & NEURON_CHIP_TEST_HANG_STOP;
}

static void set_hang_stop(Object *obj, bool value, Error **errp)
{
    set_test_fault(NEURON(obj), NEURON_CHIP_TEST_HANG_STOP, value);
}

static bool get_gone(Object *obj, Error **errp)
{
    return NEURON(obj)->gone;
}

/*
 * Nothing announces it, unlike an unplug: the slot says that a device is there.
 * BARs and config space read all ones, but for the aperture, which is plain RAM
 * and reads 0 when it is switched off. Whoever comes back has lost its state,
 * config space included.
 */
void neuron_set_gone(NeuronState *s, bool gone)
{
    PCIDevice *pci = PCI_DEVICE(s);

    if (gone == s->gone) {
        return;
    }
    trace_neuron_test(s->label, "gone", gone);
    if (gone) {
        qatomic_set(&s->gone, true);
        neuron_host_drain_dma(s);
        neuron_chip_reset(s->chip);
        neuron_host_drop_irqs(s);
    } else {
        /* A bus reset: the chip's, and config space, which unmaps the BARs. */
        pci_device_reset(pci);
        qatomic_set(&s->gone, false);
    }
    neuron_show_regions(s);
}

static void set_gone(Object *obj, bool value, Error **errp)
{
    NeuronState *s = NEURON(obj);

    if (!DEVICE(obj)->realized || s->stopped) {
        error_setg(errp, "property 'gone' of neuron: the device does not run");
        return;
    }
    neuron_set_gone(s, value);
}

void neuron_show_regions(NeuronState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);

    memory_region_set_enabled(&s->aperture, !s->gone);
    /* Under MSI-X's tables are registers, which know. */
    memory_region_set_enabled(&pci->msix_table_mmio, !s->gone);
    memory_region_set_enabled(&pci->msix_pba_mmio, !s->gone);
}

void neuron_test_class_init(ObjectClass *oc)
{
    static const struct {
        const char *name;
        const char *text;
    } texts[] = {
        { "ecc-corrected", "At run time: HBM corrects an error at this byte" },
        { "ecc-uncorrected", "At run time: an error spoils this byte of HBM" },
        { "stuck", "Test: resets do not get READY" },
        { "hang-stop", "Test: queues with work in flight do not stop" },
        { "gone", "At run time: as if pulled out, without notice" },
    };

    object_class_property_add(oc, "ecc-corrected", "size", NULL, set_ecc, NULL,
                              NULL);
    object_class_property_add(oc, "ecc-uncorrected", "size", NULL, set_ecc,
                              NULL, (void *)oc);
    object_class_property_add_bool(oc, "stuck", get_stuck, set_stuck);
    object_class_property_add_bool(oc, "hang-stop", get_hang_stop,
                                   set_hang_stop);
    object_class_property_add_bool(oc, "gone", get_gone, set_gone);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        object_class_property_set_description(oc, texts[i].name,
                                              texts[i].text);
    }
}
