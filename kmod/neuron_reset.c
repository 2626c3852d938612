// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-fence.h>
#include <linux/kobject.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_bug.h"
#include "neuron_doorbell.h"
#include "neuron_event.h"
#include "neuron_hw.h"
#include "neuron_irq.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_trace.h"

/**
 * DOC: States of the device
 *
 * ready
 *   The device does what it is told.
 *
 * away
 *   It must not be talked to for a while: somebody resets the function, the link has failed and is
 *   being recovered, or the device sleeps; neuron_device.away has a bit for each. It was made idle
 *   before, or its bus mastering is off, so that memory may be freed; what would have to be
 *   written to it is written when it comes back.
 *
 * wedged
 *   A reset has failed. Its bus mastering is off. User space is told by a uevent of the node,
 *   WEDGED=rebind: binding the driver anew starts from scratch. A reset of the function that
 *   succeeds helps as well.
 *
 * gone
 *   It reads as all ones. Nothing is asked of it any more, so that nobody waits for answers; remove
 *   is expected to follow. A reset of function or slot that brings it back is taken, too.
 *
 * A reset loses HBM and all queues; the files stay and their contexts are switched on again, with
 * the page tables they had. What leads to one are the watchdog (see DOC: Watchdog), everything that
 * does not stop when it is told to, and the PCI core. In each state but the first, new queues are
 * refused or LOST from the start: every fence signals in finite time.
 */

/* Whether the device is out of service for good. */
int neuron_device_error(const struct neuron_device *ndev)
{
	if (READ_ONCE(ndev->gone))
		return -ENODEV;
	return READ_ONCE(ndev->wedged) ? -EIO : 0;
}

/* First half of a reset: nothing new reaches the device. */
void neuron_queues_mark_lost(struct neuron_device *ndev, int error)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	while ((queue = neuron_queue_next(ndev, queue))) {
		if (NEURON_MISTAKE(RESET_FORGETS_QUEUE) && !neuron_queue_oldest(queue))
			continue; /* "it has nothing to lose" */
		neuron_queue_mark(queue, DRM_NEURON_QUEUE_LOST, error, error);
	}
}

/* Second half: the device has stopped, what it left undone fails. */
void neuron_queues_flush(struct neuron_device *ndev)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	/* One that is being created came after the mark; it starts after the reset. */
	while ((queue = neuron_queue_next(ndev, queue)))
		if (READ_ONCE(queue->marked))
			neuron_queue_flush(queue);
}

/* Whatever it still does, it must not do it to our memory. */
static void neuron_device_cut_off(struct neuron_device *ndev)
{
	pci_clear_master(to_pci_dev(ndev->drm.dev));
}

/* It does not answer any more. reset_sem is held for writing. */
void neuron_device_lose(struct neuron_device *ndev)
{
	lockdep_assert_held_write(&ndev->reset_sem);

	if (ndev->gone)
		return;
	WRITE_ONCE(ndev->gone, true);
	drm_err(&ndev->drm, "the device does not answer any more\n");
	neuron_device_cut_off(ndev);
	neuron_queues_mark_lost(ndev, -ENODEV);
	neuron_queues_flush(ndev);
}

static void neuron_device_wedge(struct neuron_device *ndev, int error)
{
	WRITE_ONCE(ndev->wedged, true);
	drm_err(&ndev->drm, "the reset failed (%d): out of service until the driver is bound anew\n",
		error);
	neuron_device_cut_off(ndev);
	/* Telling allocates memory, which must not be done here. */
	queue_work(system_unbound_wq, &ndev->wedged_work);
}

static void neuron_wedged_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(work, struct neuron_device, wedged_work);
	char *env[2] = { "WEDGED=rebind", NULL };
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	kobject_uevent_env(&ndev->drm.accel->kdev->kobj, KOBJ_CHANGE, env);
	drm_dev_exit(idx);
}

/**
 * neuron_device_restart() - second part of every reset
 * @ndev: Device; reset_sem is held for writing, and all queues are marked.
 * @error: How the reset went.
 */
void neuron_device_restart(struct neuron_device *ndev, int error)
{
	u32 ctx;

	lockdep_assert_held_write(&ndev->reset_sem);

	if (error == -ENODEV) {
		neuron_device_lose(ndev);
		return;
	}

	if (error) {
		neuron_device_wedge(ndev, error);
	} else {
		neuron_ras_restart(ndev);
		neuron_events_start(ndev);
		neuron_debug_start(ndev);
		for (ctx = 0; ctx < ndev->info.contexts; ctx++)
			if (ndev->ctx_root[ctx])
				neuron_hw_ctx_enable(ndev, ctx, ndev->ctx_root[ctx]);
	}
	atomic_inc(&ndev->reset_count);
	neuron_queues_flush(ndev);
	neuron_event_send_reset(ndev);
}

static void neuron_device_reset_locked(struct neuron_device *ndev, u32 ctx, const char *why)
{
	if (neuron_hw_is_cut_off(ndev))
		return;
	if (!neuron_hw_present(ndev)) {
		neuron_device_lose(ndev);
		return;
	}

	drm_err(&ndev->drm, "resetting the device: %s\n", why);
	trace_neuron_reset(why);
	if (ctx != NEURON_NO_CTX)
		atomic_inc(&ndev->ctx_stats[ctx].resets_caused);
	neuron_coredump_take(ndev, why, ctx, NEURON_NO_CTX);
	neuron_ras_sample(ndev);
	neuron_queues_mark_lost(ndev, -ECANCELED);
	neuron_device_restart(ndev, neuron_hw_reset(ndev));
}

/**
 * neuron_device_reset_by() - the last resort
 * @ndev: Device, entered with drm_dev_enter(), reset_sem not held.
 * @ctx: The context whose fault it is, or NEURON_NO_CTX.
 * @why: For the log; a string that lasts.
 *
 * Also finds out whether the device is still there.
 *
 * When it returns, the device uses no memory that it was given before, in one way or the other.
 */
void neuron_device_reset_by(struct neuron_device *ndev, u32 ctx, const char *why)
{
	bool cookie = dma_fence_begin_signalling();

	down_write(&ndev->reset_sem);
	neuron_device_reset_locked(ndev, ctx, why);
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);
}

void neuron_device_reset(struct neuron_device *ndev, const char *why)
{
	neuron_device_reset_by(ndev, NEURON_NO_CTX, why);
}

/**
 * neuron_device_leave() - the device will be reset by others
 * @ndev: Device, reset_sem not held.
 * @why: NEURON_AWAY_RESET or NEURON_AWAY_ERROR.
 * @reachable: Whether it can be talked to.
 *
 * Until neuron_device_come_back(), which is called with the same @why, reset_sem is not held but
 * the device is away: the PCI core takes locks that memory is allocated under, which whoever
 * completes a fence must not wait for.
 */
void neuron_device_leave(struct neuron_device *ndev, unsigned int why, bool reachable)
{
	bool cookie;

	/* Waits for page tables, and those for memory. */
	neuron_doorbells_shut(ndev);

	cookie = dma_fence_begin_signalling();
	down_write(&ndev->reset_sem);
	trace_neuron_reset(why == NEURON_AWAY_RESET ? "function level reset" : "link error");
	neuron_queues_mark_lost(ndev, -ECANCELED);
	if (!neuron_hw_is_cut_off(ndev)) {
		if (reachable)
			neuron_ras_sample(ndev);
		if (!reachable || neuron_hw_reset(ndev))
			neuron_device_cut_off(ndev);
	}
	ndev->away |= why;
	neuron_queues_flush(ndev);
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);
}

/**
 * neuron_device_come_back() - others have reset the device
 * @ndev: Device, reset_sem not held.
 * @why: As with neuron_device_leave().
 * @error: How the reset went.
 */
void neuron_device_come_back(struct neuron_device *ndev, unsigned int why, int error)
{
	bool cookie = dma_fence_begin_signalling();

	down_write(&ndev->reset_sem);
	ndev->away &= ~why;
	if (!ndev->away) {
		/* What it was before, it has come out of a reset now. */
		WRITE_ONCE(ndev->wedged, false);
		WRITE_ONCE(ndev->gone, false);
		pci_set_master(to_pci_dev(ndev->drm.dev));
		neuron_device_restart(ndev, error);
	}
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);

	if (!error)
		neuron_doorbells_open(ndev);
}

void neuron_reset_init(struct neuron_device *ndev)
{
	ndev->timeout_ms_default = NEURON_TIMEOUT_MS_DEFAULT;
	ndev->job_timeouts = NEURON_JOB_TIMEOUTS_DEFAULT;
	ndev->stop_ms = NEURON_STOP_MS_DEFAULT;
	ndev->reset_ms = NEURON_RESET_MS_DEFAULT;
	INIT_WORK(&ndev->wedged_work, neuron_wedged_work);
}

/* Remove: nobody resets the device any more. */
void neuron_reset_fini(struct neuron_device *ndev)
{
	cancel_work_sync(&ndev->wedged_work);
}
