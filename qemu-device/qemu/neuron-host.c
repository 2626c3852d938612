/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the chip asks of its host: DMA, interrupts, turns to run, a log.
 *
 * The chip calls from threads of its own, which QEMU does not know, and from
 * inside register and doorbell writes and neuron_chip_run(), where the caller
 * holds the BQL. It holds none of its own locks while it calls.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/log.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"

#include "neuron-pci.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(NRN_MSIX_VECTORS > 64); /* irq_pending */

/*
 * Bytes of DMA under one hold of the BQL: vCPUs and the monitor get their turn
 * between the chunks of a long transfer.
 */
#define DMA_LOCKED_CHUNK (64 * KiB)

/*
 * Stepped mode: one turn's length, under the BQL. The clock is looked at after
 * each step: an instruction is one, and the longest take most of a second.
 */
#define RUN_SLICE_NS (1 * SCALE_MS)
#define RUN_PAUSE_NS (100 * SCALE_US)

/*
 * Memory is reached through RCU-protected maps, so a thread that does so must
 * be known to RCU. QEMU registers its own threads; those of the chip are
 * registered at their first call and unregistered when they end.
 */
static void thread_leave(gpointer unused)
{
    rcu_unregister_thread();
}

static GPrivate chip_thread = G_PRIVATE_INIT(thread_leave);
static __thread bool thread_known;

static void thread_enter(void)
{
    if (likely(thread_known)) {
        return;
    }
    thread_known = true;
    /* QEMU's own threads, and only they, hold the BQL when the chip calls. */
    if (!bql_locked()) {
        rcu_register_thread();
        g_private_set(&chip_thread, &chip_thread);
    }
}

static bool may_master(const NeuronState *s)
{
    return !neuron_absent(s) && !qatomic_read(&s->asleep);
}

/*
 * RAM only (attrs.memory): no packet can make a foreign thread drive the
 * registers of a device, this one included, which is where QEMU's reentrancy
 * bugs come from.
 */
static MemTxResult dma_chunk(NeuronState *s, uint64_t addr, void *buf,
                             size_t len, DMADirection dir)
{
    return pci_dma_rw(PCI_DEVICE(s), addr, buf, len, dir,
                      (MemTxAttrs) { .memory = 1 });
}

/*
 * A vIOMMU raises its fault interrupt from the thread that made the access,
 * and interrupts need the BQL.
 */
static MemTxResult dma_translated(NeuronState *s, uint64_t addr, uint8_t *buf,
                                  size_t len, DMADirection dir)
{
    MemTxResult result = MEMTX_OK;
    size_t chunk;

    for (; len && result == MEMTX_OK; addr += chunk, buf += chunk) {
        chunk = MIN(len, DMA_LOCKED_CHUNK);
        len -= chunk;
        BQL_LOCK_GUARD();
        /* What ends DMA may have come while this thread waited. */
        result = may_master(s) ? dma_chunk(s, addr, buf, chunk, dir)
                               : MEMTX_ERROR;
    }
    return result;
}

/*
 * ROM is RAM as well to attrs.memory, but to write to it takes the BQL, which
 * who stops or drains this device may hold while it waits.
 */
static bool is_rom(NeuronState *s, uint64_t addr, size_t len, DMADirection dir)
{
    return dir == DMA_DIRECTION_FROM_DEVICE &&
           !dma_memory_valid(pci_get_address_space(PCI_DEVICE(s)), addr, len,
                             dir, (MemTxAttrs) { .memory = 1 });
}

/* Without a vIOMMU this is RCU and memcpy, safe in any thread. */
static MemTxResult dma_direct(NeuronState *s, uint64_t addr, void *buf,
                              size_t len, DMADirection dir)
{
    MemTxResult result = MEMTX_ERROR;

    if (is_rom(s, addr, len, dir)) {
        return MEMTX_ERROR;
    }
    /* Pairs with neuron_host_drain_dma(): seen there, or this sees why. */
    qatomic_inc(&s->dma_in_flight);
    smp_mb__after_rmw();
    if (may_master(s)) {
        result = dma_chunk(s, addr, buf, len, dir);
    }
    qatomic_dec(&s->dma_in_flight);
    return result;
}

static int dma(NeuronState *s, uint64_t addr, void *buf, size_t len,
               DMADirection dir)
{
    MemTxResult result;

    thread_enter();
    if (!may_master(s) || len > UINT64_MAX - addr) {
        return -EIO;
    }
    if (bql_locked()) {
        /* Nobody can wait for this. */
        result = dma_chunk(s, addr, buf, len, dir);
    } else if (qatomic_read(&s->translated)) {
        result = dma_translated(s, addr, buf, len, dir);
    } else {
        result = dma_direct(s, addr, buf, len, dir);
    }
    return result == MEMTX_OK ? 0 : -EIO;
}

/*
 * Who is pulled out, asleep or no bus master writes nothing: not even the rest
 * of what it had begun, for the guest may have given the memory to somebody
 * else by then.
 * Waits no longer than one chunk's copy takes; a translated one cannot be under
 * way, since it holds the BQL.
 */
void neuron_host_drain_dma(NeuronState *s)
{
    smp_mb();
    while (qatomic_read(&s->dma_in_flight)) {
        g_thread_yield();
    }
}

static int host_dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    NeuronState *s = opaque;
    int ret = dma(s, addr, buf, len, DMA_DIRECTION_TO_DEVICE);

    trace_neuron_dma_read(s->label, addr, len, ret);
    return ret;
}

static int host_dma_write(void *opaque, uint64_t addr, const void *buf,
                          size_t len)
{
    NeuronState *s = opaque;
    int ret = dma(s, addr, (void *)buf, len, DMA_DIRECTION_FROM_DEVICE);

    trace_neuron_dma_write(s->label, addr, len, ret);
    return ret;
}

static void deliver_irqs(void *opaque);

/*
 * MSI-X needs the BQL: leave a note, the main loop sends the message. A vCPU
 * that has lent the chip its thread has the BQL, and sends at once; the guard
 * of its register access keeps the message from coming back to this device.
 */
static void host_raise_irq(void *opaque, uint32_t vector)
{
    NeuronState *s = opaque;
    bool first;

    trace_neuron_irq_raise(s->label, vector);
    if (vector >= NRN_MSIX_VECTORS) {
        return;
    }
    first = !qatomic_fetch_or(&s->irq_pending, BIT_ULL(vector));
    if (bql_locked() && DEVICE(s)->mem_reentrancy_guard.engaged_in_io) {
        deliver_irqs(s);
    } else if (first) {
        /* The bottom half takes them all. */
        qemu_bh_schedule(s->irq_bh);
    }
}

static void deliver_irqs(void *opaque)
{
    NeuronState *s = opaque;
    PCIDevice *pci = PCI_DEVICE(s);
    uint64_t pending;

    /*
     * A function in D3hot sends nothing, and neither does one in a machine
     * that stands still: the interrupt controller may be saved, or not be
     * loaded yet. See neuron_host_resume_irqs().
     */
    if (s->asleep || s->paused) {
        return;
    }
    pending = qatomic_xchg(&s->irq_pending, 0);
    while (pending && !s->gone) {
        unsigned int vector = ctz64(pending);

        pending &= pending - 1;
        trace_neuron_irq_deliver(s->label, vector, !!msix_enabled(pci),
                                 msix_is_masked(pci, vector));
        /* Masked: becomes a pending bit. Not enabled: nobody to tell. */
        if (msix_enabled(pci)) {
            msix_notify(pci, vector);
        }
    }
}

void neuron_host_drop_irqs(NeuronState *s)
{
    qatomic_set(&s->irq_pending, 0);
}

void neuron_host_resume_irqs(NeuronState *s)
{
    if (qatomic_read(&s->irq_pending)) {
        qemu_bh_schedule(s->irq_bh);
    }
}

static void host_kick(void *opaque)
{
    NeuronState *s = opaque;

    if (s->run_bh) {
        qemu_bh_schedule(s->run_bh);
    }
}

/*
 * Stepped mode: work in the main loop, one slice of time per turn. The BQL is
 * nobody's in particular: a main loop that takes it again at once leaves a
 * vCPU that sleeps in bql_lock() no time to wake up, and a guest that wants to
 * stop endless work could not. So there is a pause in between.
 */
static void run_slice(void *opaque)
{
    NeuronState *s = opaque;
    int64_t end = get_clock() + RUN_SLICE_NS;
    uint64_t steps = 0;
    bool more;

    /* A stopped machine stands still; vm_state_changed() goes on. */
    if (s->stopped || !runstate_is_running()) {
        return;
    }
    do {
        more = neuron_chip_run(s->chip, 1);
        steps += more;
    } while (more && get_clock() < end);
    trace_neuron_run(s->label, steps);
    if (more) {
        timer_mod_ns(s->run_timer,
                     qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + RUN_PAUSE_NS);
    }
}

/* The pause after a slice is over. */
static void next_slice(void *opaque)
{
    NeuronState *s = opaque;

    qemu_bh_schedule(s->run_bh);
}

/*
 * The chip's threads end their steps first, and with a vIOMMU these may wait
 * for the BQL. As QEMU does where it waits for vCPUs, it is let go meanwhile.
 */
void neuron_host_pause(NeuronState *s)
{
    bool unlock = s->translated && !s->stepped;

    if (s->paused) {
        return;
    }
    s->paused = true;
    object_ref(OBJECT(s));
    if (unlock) {
        bql_unlock();
    }
    neuron_chip_pause(s->chip);
    if (unlock) {
        bql_lock();
    }
    object_unref(OBJECT(s));
}

/*
 * A machine that stands still has memory that stands still: whoever saves it
 * relies on that, and whoever debugs the guest may, too.
 */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    NeuronState *s = opaque;

    if (!running) {
        neuron_host_pause(s);
        return;
    }
    s->paused = false;
    neuron_chip_resume(s->chip);
    neuron_host_resume_irqs(s);
}

/*
 * A guest can bring about most of what the chip has to say, and must not be
 * able to flood stderr: it goes to QEMU's log of guest errors. The first error
 * of a device is also reported, with a pointer to that log.
 */
static void host_log(void *opaque, enum neuron_chip_log_level level,
                     const char *message)
{
    NeuronState *s = opaque;

    thread_enter();
    trace_neuron_log(s->label, level, message);
    if (level > NEURON_CHIP_LOG_INFO) {
        return;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "%s: %s\n", s->label, message);
    if (level == NEURON_CHIP_LOG_ERROR &&
        !qatomic_xchg(&s->complained, true)) {
        warn_report("%s: %s (further ones: -d guest_errors)", s->label,
                    message);
    }
}

const struct neuron_chip_host_ops neuron_host_ops = {
    .size = sizeof(neuron_host_ops),
    .dma_read = host_dma_read,
    .dma_write = host_dma_write,
    .raise_irq = host_raise_irq,
    .kick = host_kick,
    .log = host_log,
    .function_fault = neuron_plan_function_fault,
};

void neuron_host_init(NeuronState *s)
{
    DeviceState *dev = DEVICE(s);

    thread_known = true;
    s->irq_bh = qemu_bh_new_guarded(deliver_irqs, s,
                                    &dev->mem_reentrancy_guard);
    if (s->stepped) {
        s->run_bh = qemu_bh_new_guarded(run_slice, s,
                                        &dev->mem_reentrancy_guard);
        s->run_timer = timer_new_ns(QEMU_CLOCK_REALTIME, next_slice, s);
    }
}

void neuron_host_start(NeuronState *s)
{
    s->vm_change = qemu_add_vm_change_state_handler(vm_state_changed, s);
}

void neuron_host_exit(NeuronState *s)
{
    g_clear_pointer(&s->vm_change, qemu_del_vm_change_state_handler);
    g_clear_pointer(&s->run_timer, timer_free);
    g_clear_pointer(&s->run_bh, qemu_bh_delete);
    g_clear_pointer(&s->irq_bh, qemu_bh_delete);
}
