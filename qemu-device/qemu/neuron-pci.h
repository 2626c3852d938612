/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Neuron: a Trainium-class accelerator as a PCIe endpoint.
 *
 * The chip itself is a library with threads of its own (neuron_chip.h).
 * neuron-pci.c is its PCIe function: config space, BARs, properties, reset,
 * power, unplug. neuron-host.c is what the chip calls: DMA, interrupts, log.
 * neuron-test.c is what makes it misbehave, for tests of drivers.
 * neuron-plan.c is its fault plan. neuron-migrate.c is what is saved of it. neuron-recorder.c writes what it did to
 * a file, neuron-tape.c all that it sees.
 */
#ifndef HW_MISC_NEURON_PCI_H
#define HW_MISC_NEURON_PCI_H

#include "hw/pci/pci_device.h"
#include "qemu/atomic.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "qom/object.h"
#include "system/runstate.h"

#include "neuron_chip.h"
#include "neuron_spec.h"

#define TYPE_NEURON "neuron"
OBJECT_DECLARE_SIMPLE_TYPE(NeuronState, NEURON)

struct NeuronState {
    PCIDevice parent_obj;

    /* BAR REGS holds the chip's registers, and over them MSI-X's tables. */
    MemoryRegion bar_regs;
    MemoryRegion regs;
    MemoryRegion doorbells;
    MemoryRegion aperture;

    /* Register LNKCAP; see neuron_reset(). */
    uint32_t lnkcap;

    /* Lives until finalize, past the unplug: see neuron_finalize(). */
    struct neuron_chip *chip;
    /* Names the device in traces and messages. */
    char *label;

    /* Properties; 0 or NULL leaves the choice to the chip. */
    char *profile;
    uint64_t hbm_bytes;
    uint64_t aperture_bytes;
    uint32_t cores;
    uint32_t threads;
    bool stepped;
    bool hazards;
    char *simd;
    uint32_t recorder;
    bool sanitizer;
    uint64_t seed;
    /* Where the tape goes; NULL: there is none. */
    char *record;
    FILE *tape;
    /* What was given before the device was there. */
    char *fault_plan;

    /*
     * Written under the BQL; the chip's threads use qatomic_read().
     * stopped: the device goes away and never works again.
     * asleep: it is in D3hot.
     * translated: its DMA passes a vIOMMU and needs the BQL.
     * gone: it behaves as if pulled out of its slot; see neuron-test.c.
     */
    bool stopped;
    bool asleep;
    bool translated;
    bool gone;
    /* The chip stands still. */
    bool paused;
    /* Properties of neuron-test.c that the chip has: NEURON_CHIP_TEST_*. */
    uint32_t test_faults;

    /* Untranslated transfers under way; atomic. */
    unsigned int dma_in_flight;
    /* Vectors raised and not yet delivered, bit i = vector i; atomic. */
    uint64_t irq_pending;
    QEMUBH *irq_bh;
    /* Stepped mode only. */
    QEMUBH *run_bh;
    QEMUTimer *run_timer;
    VMChangeStateEntry *vm_change;
    /* A fault plan has taken the link down: until when. */
    QEMUTimer *link_timer;
    /* Why it does not migrate, if it does not. */
    Error *blocker;

    Notifier exit_notifier;
    /* The one line on stderr has been written; atomic. */
    bool complained;
};

extern const struct neuron_chip_host_ops neuron_host_ops;

/* Under the BQL: before the chip exists, and after its last call. */
void neuron_host_init(NeuronState *s);
/* Under the BQL, once the chip exists. */
void neuron_host_start(NeuronState *s);
void neuron_host_exit(NeuronState *s);

/* Under the BQL. Forget what was raised before a reset. */
void neuron_host_drop_irqs(NeuronState *s);
/* Under the BQL. Deliver what D3hot held back. */
void neuron_host_resume_irqs(NeuronState *s);

/*
 * Under the BQL, once 'gone' or 'asleep' is set, or bus mastering is off: no
 * byte moves after it.
 */
void neuron_host_drain_dma(NeuronState *s);

/* Whether the bus reaches nothing: neither registers nor config space. */
static inline bool neuron_absent(const NeuronState *s)
{
    return qatomic_read(&s->stopped) || qatomic_read(&s->gone);
}

/* Under the BQL, which it lets go. The chip stands still until resume. */
void neuron_host_pause(NeuronState *s);

/* Under the BQL. D0 or D3, as config space says. */
void neuron_update_power(NeuronState *s);
/* Under the BQL. What of the BARs is there, as 'gone' says. */
void neuron_show_regions(NeuronState *s);
/* An error of the chip, which names a property where it can. */
void neuron_config_error(Error **errp, int err, const char *message);

/* What is saved, and why it cannot be. */
bool neuron_migrate_init(NeuronState *s, Error **errp);
bool neuron_migrate_block_tape(NeuronState *s, Error **errp);
void neuron_migrate_exit(NeuronState *s);
void neuron_migrate_class_init(DeviceClass *dc);

/* The properties that can be set while the device runs. */
void neuron_test_class_init(ObjectClass *oc);

/* Under the BQL. As property 'gone' of neuron-test.c, and who may set it. */
void neuron_set_gone(NeuronState *s, bool gone);

/* The fault plan: once the chip exists, and when the device goes. */
bool neuron_plan_start(NeuronState *s, Error **errp);
void neuron_plan_stop(NeuronState *s);
void neuron_plan_function_fault(void *opaque, uint32_t action,
                                uint64_t argument);
void neuron_plan_class_init(ObjectClass *oc);

/* Property 'record': before the chip exists, and once it is gone. */
bool neuron_tape_start(NeuronState *s, struct neuron_chip_config *config,
                       Error **errp);
void neuron_tape_end(NeuronState *s);
void neuron_tape_class_init(ObjectClass *oc);

/* The property that writes the flight recorder to a file. */
void neuron_recorder_class_init(ObjectClass *oc);

#endif /* HW_MISC_NEURON_PCI_H */
