/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCIe function of the accelerator: identity, capabilities, BARs,
 * properties, reset, power states, unplug.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie_aer.h"
#include "hw/qdev-properties.h"
#include "system/system.h"

#include "neuron-pci.h"
#include "trace.h"

#define BAR_64 (PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64)

/* Steps at a time while the chip comes to rest in stepped mode. */
#define STOP_STEPS 1024

static uint64_t neuron_reg_read(void *opaque, hwaddr offset, unsigned int size)
{
    NeuronState *s = opaque;
    /* All ones is what a bus gives for a device that has left. */
    uint64_t value = UINT64_MAX;

    if (!neuron_absent(s)) {
        value = neuron_chip_reg_read(s->chip, offset, size);
    }
    trace_neuron_reg_read(s->label, offset, size, value);
    return value;
}

static void neuron_reg_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned int size)
{
    NeuronState *s = opaque;

    trace_neuron_reg_write(s->label, offset, size, value);
    if (!neuron_absent(s)) {
        neuron_chip_reg_write(s->chip, offset, value, size);
    }
}

static uint64_t neuron_doorbell_read(void *opaque, hwaddr offset,
                                     unsigned int size)
{
    return neuron_absent(opaque) ? UINT64_MAX : 0;
}

static void neuron_doorbell_write(void *opaque, hwaddr offset, uint64_t value,
                                  unsigned int size)
{
    NeuronState *s = opaque;

    trace_neuron_doorbell(s->label, offset / NRN_PAGE_SIZE,
                          offset % NRN_PAGE_SIZE / NRN_DOORBELL_STRIDE, size,
                          value);
    if (!neuron_absent(s)) {
        neuron_chip_doorbell_write(s->chip, offset, value, size);
    }
}

/* The chip judges width and alignment itself: it counts the bad ones. */
#define NEURON_ACCESS { \
    .min_access_size = 1, .max_access_size = 8, .unaligned = true, \
}

static const MemoryRegionOps neuron_reg_ops = {
    .read = neuron_reg_read,
    .write = neuron_reg_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = NEURON_ACCESS,
    .impl = NEURON_ACCESS,
};

static const MemoryRegionOps neuron_doorbell_ops = {
    .read = neuron_doorbell_read,
    .write = neuron_doorbell_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = NEURON_ACCESS,
    .impl = NEURON_ACCESS,
};

/*
 * The last stop: no register works, no DMA and no interrupt leaves after it.
 * The chip's threads may need the BQL to end what they do, so it is dropped
 * while they do.
 */
static void neuron_stop(NeuronState *s, const char *cause)
{
    bool locked = bql_locked();

    trace_neuron_stop(s->label, cause);
    qatomic_set(&s->stopped, true);
    neuron_chip_reset(s->chip);
    if (s->stepped) {
        while (neuron_chip_run(s->chip, STOP_STEPS) == STOP_STEPS) {
            /* What is left after a reset is finite: the end of the reset. */
        }
    }
    if (locked) {
        bql_unlock();
    }
    neuron_chip_quiesce(s->chip);
    if (locked) {
        bql_lock();
    }
}

/*
 * QEMU does not unplug devices when it ends, and the chip's threads must not
 * run into the memory that exit() takes down.
 */
static void neuron_at_exit(Notifier *notifier, void *data)
{
    NeuronState *s = container_of(notifier, NeuronState, exit_notifier);

    neuron_stop(s, "exit");
    /* Nobody destroys the chip now. */
    neuron_chip_end_tape(s->chip);
}

/* Bus, slot and function level resets all come here. Never waits. */
static void neuron_reset(DeviceState *dev)
{
    NeuronState *s = NEURON(dev);
    PCIDevice *pci = PCI_DEVICE(dev);
    uint8_t *devctl = pci->config + pci->exp.exp_cap + PCI_EXP_DEVCTL;
    bool flr = pci_get_word(devctl) & PCI_EXP_DEVCTL_BCR_FLR;

    /* The machine is complete at its first reset, -device order or not. */
    qatomic_set(&s->translated, pci_device_iommu_address_space(pci) !=
                                &address_space_memory);
    trace_neuron_reset(s->label, flr ? "FLR" : "bus reset", s->translated);
    neuron_chip_reset(s->chip);
    neuron_host_drop_irqs(s);
    pcie_cap_deverr_reset(pci);
    /*
     * QEMU writes 32 bits to the 16 of DEVSTA when it injects an uncorrectable
     * error, and clears the half of LNKCAP that follows.
     */
    pci_set_long(pci->config + pci->exp.exp_cap + PCI_EXP_LNKCAP, s->lnkcap);
    /* PCI's own reset, which follows, leads to D0. */
    qatomic_set(&s->asleep, false);
}

void neuron_update_power(NeuronState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);
    unsigned int state = pci_get_word(pci->config + pci->pm_cap + PCI_PM_CTRL) &
                         PCI_PM_CTRL_STATE_MASK;
    bool asleep = state != 0;

    if (asleep == s->asleep) {
        return;
    }
    trace_neuron_power(s->label, state);
    qatomic_set(&s->asleep, asleep);
    if (asleep) {
        neuron_host_drain_dma(s);
    } else {
        neuron_host_resume_irqs(s);
    }
}

static uint32_t neuron_config_read(PCIDevice *pci, uint32_t addr, int len)
{
    if (NEURON(pci)->gone) {
        return UINT32_MAX;
    }
    return pci_default_read_config(pci, addr, len);
}

static void neuron_config_write(PCIDevice *pci, uint32_t addr, uint32_t value,
                                int len)
{
    NeuronState *s = NEURON(pci);

    if (s->gone) {
        return;
    }
    pci_default_write_config(pci, addr, value, len);
    if (!(pci_get_word(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER)) {
        neuron_host_drain_dma(s);
    }
    neuron_update_power(s);
    pcie_cap_flr_write_config(pci, addr, value, len);
    pcie_aer_write_config(pci, addr, value, len);
}

/* The chip's errors name members of its configuration, users properties. */
static const struct {
    const char *member;
    const char *property;
} neuron_config_names[] = {
    { "profile", "profile" },
    { "hbm_bytes", "hbm" },
    { "aperture_bytes", "aperture" },
    { "cores", "cores" },
    { "threads", "threads" },
    { "simd", "simd" },
    { "stepped", "stepped" },
    { "hazards", "hazards" },
    { "recorder_records", "recorder" },
    { "sanitizer", "sanitizer" },
    { "tape", "record" },
};

void neuron_config_error(Error **errp, int err, const char *message)
{
    const char *found = NULL, *property = NULL;

    /* A message may mention a second member; the offending one comes first. */
    for (size_t i = 0; i < ARRAY_SIZE(neuron_config_names); i++) {
        const char *at = strstr(message, neuron_config_names[i].member);

        if (at && (!found || at < found)) {
            found = at;
            property = neuron_config_names[i].property;
        }
    }
    if (property) {
        error_setg(errp, "property '%s' of neuron: %s", property, message);
    } else {
        error_setg_errno(errp, -err, "neuron: %s", message);
    }
}

static bool neuron_create_chip(NeuronState *s, Error **errp)
{
    struct neuron_chip_config config = {
        .size = sizeof(config),
        .abi_major = NEURON_CHIP_ABI_MAJOR,
        .profile = s->profile,
        .hbm_bytes = s->hbm_bytes,
        .aperture_bytes = s->aperture_bytes,
        .cores = s->cores,
        .threads = s->threads,
        .stepped = s->stepped,
        .seed = s->seed,
        .hazards = s->hazards,
        .simd = s->simd,
        .recorder_records = s->recorder ? s->recorder : NEURON_CHIP_RECORDER_OFF,
        .sanitizer = s->sanitizer,
    };
    char message[256] = "";
    sigset_t all, old;
    int err;

    if (!neuron_tape_start(s, &config, errp)) {
        return false;
    }
    /* Threads inherit the mask; signals are for QEMU's main loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = neuron_chip_create(&config, &neuron_host_ops, s, &s->chip, message,
                             sizeof(message));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) {
        s->chip = NULL;
        neuron_config_error(errp, err, message);
        return false;
    }
    neuron_chip_set_test_fault(s->chip, s->test_faults);
    return true;
}

static bool neuron_init_bars(NeuronState *s, Error **errp)
{
    PCIDevice *pci = PCI_DEVICE(s);
    Object *obj = OBJECT(s);
    uint64_t bytes = 0;
    void *aperture = neuron_chip_aperture(s->chip, &bytes);

    if (!aperture || !is_power_of_2(bytes) || bytes < NRN_PAGE_SIZE) {
        error_setg(errp, "property 'aperture' of neuron: the chip gave 0x%"
                   PRIx64 " bytes, which cannot be a BAR", bytes);
        return false;
    }

    memory_region_init(&s->bar_regs, obj, "neuron-bar-regs",
                       NRN_BAR_REGS_SIZE);
    memory_region_init_io(&s->regs, obj, &neuron_reg_ops, s, "neuron-regs",
                          NRN_BAR_REGS_SIZE);
    memory_region_init_io(&s->doorbells, obj, &neuron_doorbell_ops, s,
                          "neuron-doorbells", NRN_BAR_DOORBELLS_SIZE);
    /*
     * Plain RAM: vCPUs load and store straight into it, and the DMA of other
     * devices reaches it with memcpy (ram_device would split that into single
     * accesses). What the chip stores there passes by QEMU's dirty log, which
     * only migration and cached translations of guest code need: HBM migrates
     * with the chip, and nobody runs code from a prefetchable BAR.
     */
    memory_region_init_ram_ptr(&s->aperture, obj, "neuron-aperture", bytes,
                               aperture);

    /* Below MSI-X's tables, which msix_init() adds at priority 0. */
    memory_region_add_subregion_overlap(&s->bar_regs, 0, &s->regs, -1);
    pci_register_bar(pci, NRN_BAR_REGS, BAR_64, &s->bar_regs);
    pci_register_bar(pci, NRN_BAR_DOORBELLS, BAR_64, &s->doorbells);
    pci_register_bar(pci, NRN_BAR_APERTURE,
                     BAR_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, &s->aperture);
    trace_neuron_realize(s->label, bytes, s->stepped);
    return true;
}

static bool neuron_init_pm(PCIDevice *pci, Error **errp)
{
    int pos = pci_pm_init(pci, 0, errp);

    if (pos < 0) {
        return false;
    }
    pci_set_word(pci->config + pos + PCI_PM_PMC, PCI_PM_CAP_VER_1_2);
    /* The chip keeps its state in D3hot. */
    pci_set_word(pci->config + pos + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pci->wmask + pos + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

static bool neuron_init_caps(NeuronState *s, Error **errp)
{
    PCIDevice *pci = PCI_DEVICE(s);

    if (!neuron_init_pm(pci, errp)) {
        return false;
    }
    if (pcie_endpoint_cap_init(pci, 0) < 0) {
        error_setg(errp, "neuron: no room for the PCI Express capability");
        return false;
    }
    s->lnkcap = pci_get_long(pci->config + pci->exp.exp_cap + PCI_EXP_LNKCAP);
    pcie_cap_flr_init(pci);
    /* Without it AER errors are masked before they leave the device. */
    pcie_cap_deverr_init(pci);
    if (pcie_aer_init(pci, PCI_ERR_VER, PCI_CONFIG_SPACE_SIZE, PCI_ERR_SIZEOF,
                      errp) < 0) {
        goto no_aer;
    }
    if (msix_init(pci, NRN_MSIX_VECTORS, &s->bar_regs, NRN_BAR_REGS,
                  NRN_MSIX_TABLE_OFFSET, &s->bar_regs, NRN_BAR_REGS,
                  NRN_MSIX_PBA_OFFSET, 0, errp) < 0) {
        goto no_msix;
    }
    for (unsigned int i = 0; i < NRN_MSIX_VECTORS; i++) {
        msix_vector_use(pci, i);
    }
    return true;

no_msix:
    pcie_aer_exit(pci);
no_aer:
    pcie_cap_exit(pci);
    return false;
}

static void neuron_realize(PCIDevice *pci, Error **errp)
{
    NeuronState *s = NEURON(pci);
    DeviceState *dev = DEVICE(pci);

    g_free(s->label);
    s->label = dev->id ? g_strdup(dev->id)
                       : g_strdup_printf(TYPE_NEURON "@%02x.%x",
                                         PCI_SLOT(pci->devfn),
                                         PCI_FUNC(pci->devfn));
    neuron_host_init(s);
    if (!neuron_create_chip(s, errp) || !neuron_init_bars(s, errp)) {
        goto no_bars;
    }
    if (!neuron_init_caps(s, errp)) {
        goto no_caps;
    }
    if (!neuron_plan_start(s, errp)) {
        goto no_plan;
    }
    if (!neuron_migrate_init(s, errp)) {
        goto no_migrate;
    }
    neuron_host_start(s);
    s->exit_notifier.notify = neuron_at_exit;
    qemu_add_exit_notifier(&s->exit_notifier);
    return;

no_migrate:
    neuron_plan_stop(s);
no_plan:
    msix_uninit(pci, &s->bar_regs, &s->bar_regs);
    pcie_aer_exit(pci);
    pcie_cap_exit(pci);
no_caps:
    memory_region_del_subregion(&s->bar_regs, &s->regs);
no_bars:
    neuron_host_exit(s);
}

static void neuron_exit(PCIDevice *pci)
{
    NeuronState *s = NEURON(pci);

    qemu_remove_exit_notifier(&s->exit_notifier);
    /*
     * neuron_stop() lets go of the BQL, and a guest may power the slot off
     * once more meanwhile: that must not free the device under this one's feet.
     */
    pci->partially_hotplugged = true;
    neuron_stop(s, "unplug");
    neuron_plan_stop(s);
    neuron_host_exit(s);
    neuron_migrate_exit(s);
    msix_unuse_all_vectors(pci);
    /*
     * Not msix_uninit(): it forgets the table, and a vCPU that found the region
     * before it went asserts that there is one. The memory goes with the
     * device, see neuron_finalize().
     */
    memory_region_del_subregion(&s->bar_regs, &pci->msix_table_mmio);
    memory_region_del_subregion(&s->bar_regs, &pci->msix_pba_mmio);
    /* Nothing is left to send when such a vCPU unmasks a vector. */
    memset(pci->msix_pba, 0, DIV_ROUND_UP(pci->msix_entries_nr, 64) * 8);
    /* A subregion refers to its owner, which would never be finalized. */
    memory_region_del_subregion(&s->bar_regs, &s->regs);
    pcie_aer_exit(pci);
    pcie_cap_exit(pci);
}

/*
 * Not before: a vCPU may have the aperture's memory in its TLB, and another
 * device may have it mapped for DMA, until the last map that names the region
 * is gone. Each holds a reference to the device, so this comes after them.
 */
static void neuron_finalize(Object *obj)
{
    NeuronState *s = NEURON(obj);

    /* At rest since neuron_exit(), or since ever: no callback is waited for. */
    neuron_chip_destroy(s->chip);
    s->chip = NULL;
    neuron_tape_end(s);
    g_clear_pointer(&PCI_DEVICE(obj)->msix_table, g_free);
    g_clear_pointer(&PCI_DEVICE(obj)->msix_pba, g_free);
    g_clear_pointer(&PCI_DEVICE(obj)->msix_entry_used, g_free);
    g_clear_pointer(&s->label, g_free);
    g_clear_pointer(&s->fault_plan, g_free);
    g_clear_pointer(&s->record, g_free);
}

static const Property neuron_properties[] = {
    DEFINE_PROP_STRING("profile", NeuronState, profile),
    DEFINE_PROP_SIZE("hbm", NeuronState, hbm_bytes, 0),
    DEFINE_PROP_SIZE("aperture", NeuronState, aperture_bytes, 0),
    DEFINE_PROP_UINT32("cores", NeuronState, cores, 0),
    DEFINE_PROP_UINT32("threads", NeuronState, threads, 0),
    DEFINE_PROP_BOOL("stepped", NeuronState, stepped, false),
    DEFINE_PROP_UINT64("seed", NeuronState, seed, 0),
    DEFINE_PROP_BOOL("hazards", NeuronState, hazards, false),
    DEFINE_PROP_STRING("simd", NeuronState, simd),
    DEFINE_PROP_UINT32("recorder", NeuronState, recorder, 65536),
    DEFINE_PROP_BOOL("sanitizer", NeuronState, sanitizer, false),
};

/* What -device neuron,help says. */
static void neuron_describe_properties(ObjectClass *oc)
{
    static const struct {
        const char *name;
        const char *text;
    } texts[] = {
        { "profile", "Chip profile: inf2, trn1, trn2 or trn3" },
        { "hbm", "HBM bytes, backed as they are touched (0: as the profile)" },
        { "aperture", "HBM bytes behind BAR 4, a power of two (0: default)" },
        { "cores", "NeuronCores (0: as the profile)" },
        { "threads", "Worker threads (0: one per host CPU, at most 8)" },
        { "stepped", "Deterministic single-threaded mode" },
        { "seed", "Seed of the order of work in stepped mode" },
        { "simd", "Instruction set of the host that the engines run on" },
        { "recorder", "Records of the flight recorder, a power of two (0: none)" },
        { "sanitizer", "Report what is wrong with accesses to memory that do not fault" },
        { "hazards", "Fault on accesses to on-chip memory that no semaphore orders" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        object_class_property_set_description(oc, texts[i].name,
                                              texts[i].text);
    }
}

static void neuron_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);

    pc->realize = neuron_realize;
    pc->exit = neuron_exit;
    pc->config_read = neuron_config_read;
    pc->config_write = neuron_config_write;
    pc->vendor_id = NRN_PCI_VENDOR;
    pc->device_id = NRN_PCI_DEVICE;
    pc->revision = NRN_PCI_REVISION;
    pc->class_id = NRN_PCI_CLASS;

    dc->desc = "Neuron accelerator (Trainium-class)";
    neuron_migrate_class_init(dc);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_legacy_reset(dc, neuron_reset);
    device_class_set_props(dc, neuron_properties);
    neuron_describe_properties(oc);
    neuron_test_class_init(oc);
    neuron_recorder_class_init(oc);
    neuron_plan_class_init(oc);
    neuron_tape_class_init(oc);
}

static const TypeInfo neuron_types[] = {
    {
        .name = TYPE_NEURON,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(NeuronState),
        .instance_finalize = neuron_finalize,
        .class_init = neuron_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(neuron_types)
