/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fault plan: a property that says what goes wrong and can be set while the
 * machine runs (QMP qom-set), one that says what has, and the faults of a plan
 * that are the function's and not the chip's.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "block/aio.h"
#include "hw/pci/pcie_aer.h"
#include "hw/qdev-core.h"

#include "neuron-pci.h"
#include "trace.h"

static const char *without_prefix(const char *message)
{
    const char *rest = message;

    strstart(message, "fault plan: ", &rest);
    return rest;
}

static bool take_plan(NeuronState *s, const char *text, Error **errp)
{
    char message[256] = "";
    int err = neuron_chip_set_fault_plan(s->chip, text, message,
                                         sizeof(message));

    trace_neuron_plan(s->label, text, err);
    if (err) {
        error_setg(errp, "property 'fault-plan' of neuron: %s",
                   without_prefix(message));
    }
    return !err;
}

static void set_plan(Object *obj, const char *value, Error **errp)
{
    NeuronState *s = NEURON(obj);

    if (!DEVICE(obj)->realized && !s->chip) {
        /* neuron_plan_start() will say whether it is one. */
        g_free(s->fault_plan);
        s->fault_plan = g_strdup(value);
    } else if (!s->chip || s->stopped) {
        error_setg(errp, "property 'fault-plan' of neuron: the device does "
                   "not run");
    } else {
        take_plan(s, value, errp);
    }
}

static char *get_report(Object *obj, Error **errp)
{
    NeuronState *s = NEURON(obj);
    g_autofree char *text = NULL;
    size_t size = 1;

    if (!s->chip) {
        return g_strdup("");
    }
    /* Its numbers grow while the chip runs. */
    for (;;) {
        size_t length;

        text = g_realloc(text, size);
        length = neuron_chip_fault_report(s->chip, text, size);
        if (length < size) {
            return g_steal_pointer(&text);
        }
        size = length + 1;
    }
}

/* A fault of the function, on its way to the main loop. */
typedef struct FunctionFault {
    NeuronState *s;
    uint32_t action;
    uint64_t argument;
} FunctionFault;

static void inject_aer(NeuronState *s, uint32_t status, uint16_t flags)
{
    PCIDevice *pci = PCI_DEVICE(s);
    const PCIEAERErr err = {
        .status = status,
        .source_id = pci_requester_id(pci),
        .flags = flags,
    };

    pcie_aer_inject_error(pci, &err);
}

static void link_is_up(void *opaque)
{
    neuron_set_gone(opaque, false);
}

static void take_link_down(NeuronState *s, uint64_t us)
{
    neuron_set_gone(s, true);
    timer_mod(s->link_timer, qemu_clock_get_us(QEMU_CLOCK_VIRTUAL) + us);
}

static void fall_asleep(NeuronState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);

    pci_word_test_and_set_mask(pci->config + pci->pm_cap + PCI_PM_CTRL,
                               PCI_PM_CTRL_STATE_MASK);
    neuron_update_power(s);
}

static void do_function_fault(void *opaque)
{
    g_autofree FunctionFault *fault = opaque;
    NeuronState *s = fault->s;

    if (!neuron_absent(s)) {
        switch (fault->action) {
        case NRN_PLAN_ACTION_AER_CORRECTED:
            inject_aer(s, PCI_ERR_COR_BAD_TLP, PCIE_AER_ERR_IS_CORRECTABLE);
            break;
        case NRN_PLAN_ACTION_AER_NONFATAL:
            inject_aer(s, PCI_ERR_UNC_COMP_TIME, 0);
            break;
        case NRN_PLAN_ACTION_AER_FATAL:
            inject_aer(s, PCI_ERR_UNC_MALF_TLP, 0);
            break;
        case NRN_PLAN_ACTION_LINK_DOWN:
            take_link_down(s, fault->argument);
            break;
        case NRN_PLAN_ACTION_SLEEP:
            fall_asleep(s);
            break;
        }
    }
    object_unref(OBJECT(s));
}

/* Any thread; the main loop does it. */
void neuron_plan_function_fault(void *opaque, uint32_t action,
                                uint64_t argument)
{
    FunctionFault *fault = g_new(FunctionFault, 1);

    *fault = (FunctionFault) {
        .s = opaque, .action = action, .argument = argument,
    };
    object_ref(OBJECT(opaque));
    aio_bh_schedule_oneshot(qemu_get_aio_context(), do_function_fault, fault);
}

bool neuron_plan_start(NeuronState *s, Error **errp)
{
    s->link_timer = timer_new_us(QEMU_CLOCK_VIRTUAL, link_is_up, s);
    if (!s->fault_plan || take_plan(s, s->fault_plan, errp)) {
        return true;
    }
    neuron_plan_stop(s);
    return false;
}

void neuron_plan_stop(NeuronState *s)
{
    g_clear_pointer(&s->link_timer, timer_free);
}

void neuron_plan_class_init(ObjectClass *oc)
{
    object_class_property_add_str(oc, "fault-plan", NULL, set_plan);
    object_class_property_set_description(oc, "fault-plan",
        "Test: what goes wrong, and when; also at run time");
    object_class_property_add_str(oc, "fault-report", get_report, NULL);
    object_class_property_set_description(oc, "fault-report",
        "At run time: what has gone wrong by the plan");
}
