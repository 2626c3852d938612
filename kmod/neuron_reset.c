// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-fence.h>
#include <linux/jiffies.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_doorbell.h"
#include "neuron_hw.h"
#include "neuron_irq.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_trace.h"

/**
 * DOC: Watchdog and reset
 *
 * Every fence signals in finite time. A watchdog looks at the queues with jobs from time to time. A
 * queue whose progress counter stands still for its timeout is stopped, unless another one moves:
 * it may be waiting for cores that the other one has. A job that takes NEURON_TDR_RUNS timeouts is
 * stopped all the same: a program that loops for ever makes progress, too. It also completes what
 * no interrupt has told of.
 *
 * When the hardware queue does not stop, the device is reset. That loses HBM and all queues; the
 * files stay and their contexts are switched on again, with the page tables they had. When even the
 * reset fails, the device is wedged: bus mastering is off, and nothing helps but unbinding the
 * driver.
 */

#define NEURON_TDR_RUNS	      32
#define NEURON_TDR_PERIOD_MIN msecs_to_jiffies(10)
#define NEURON_TDR_PERIOD_MAX msecs_to_jiffies(1000)

/* First half of a reset: nothing new reaches the device. */
void neuron_queues_mark_lost(struct neuron_device *ndev, int error)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	while ((queue = neuron_queue_next(ndev, queue)))
		neuron_queue_mark(queue, DRM_NEURON_QUEUE_LOST, error, error);
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

/* After a reset: events and contexts, with reset_sem held for writing. */
static void neuron_device_restart(struct neuron_device *ndev, int error)
{
	u32 ctx;

	lockdep_assert_held_write(&ndev->reset_sem);

	if (error) {
		/* Whatever it still does, it must not do it to our memory. */
		pci_clear_master(to_pci_dev(ndev->drm.dev));
		ndev->wedged = true;
		drm_err(&ndev->drm, "the reset failed (%d): the device is out of service\n", error);
	} else {
		neuron_events_start(ndev);
		for (ctx = 0; ctx < ndev->info.contexts; ctx++)
			if (ndev->ctx_root[ctx])
				neuron_hw_ctx_enable(ndev, ctx, ndev->ctx_root[ctx]);
	}
	atomic_inc(&ndev->reset_count);
	neuron_queues_flush(ndev);
}

/**
 * neuron_device_reset() - the last resort
 * @ndev: Device, entered with drm_dev_enter(), reset_sem not held.
 * @why: For the log.
 *
 * When it returns, the device uses no memory that it was given before, in one way or the other.
 */
void neuron_device_reset(struct neuron_device *ndev, const char *why)
{
	bool cookie = dma_fence_begin_signalling();

	down_write(&ndev->reset_sem);
	if (!ndev->wedged && !ndev->away) {
		drm_err(&ndev->drm, "resetting the device: %s\n", why);
		trace_neuron_reset(why);
		neuron_queues_mark_lost(ndev, -ECANCELED);
		neuron_device_restart(ndev, neuron_hw_reset(ndev));
	}
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);
}

static unsigned long neuron_tdr_period(const struct neuron_queue *queue)
{
	return clamp(queue->timeout / 4, NEURON_TDR_PERIOD_MIN, NEURON_TDR_PERIOD_MAX);
}

/* A job was pushed. */
void neuron_tdr_kick(struct neuron_queue *queue)
{
	queue_delayed_work(queue->ndev->wq, &queue->ndev->tdr, neuron_tdr_period(queue));
}

/* Read the queue's counter. Return: whether it has to be looked at again. */
static bool neuron_tdr_sample(struct neuron_queue *queue)
{
	u64 progress = neuron_rd64(queue->ndev, NRN_REG_QUEUE_PROGRESS(queue->hw));
	u64 head = neuron_queue_oldest(queue);

	if (!head || head != queue->head_job) {
		queue->head_job = head;
		queue->head_job_at = jiffies;
		queue->progress_at = jiffies;
	}
	if (head && progress != queue->progress) {
		queue->progress_at = jiffies;
		queue->moved_at = jiffies;
	}
	queue->progress = progress;
	/* Nobody tells when a process gives work to its queue. */
	return head || (queue->user && !READ_ONCE(queue->marked));
}

static bool neuron_tdr_others_move(struct neuron_queue *queue)
{
	struct neuron_queue *other __free(neuron_queue) = NULL;

	while ((other = neuron_queue_next(queue->ndev, other)))
		if (other != queue && other->head_job &&
		    time_before(jiffies, other->moved_at + queue->timeout))
			return true;
	return false;
}

static bool neuron_tdr_hangs(struct neuron_queue *queue)
{
	if (!queue->head_job)
		return false;
	if (time_after(jiffies, queue->head_job_at + NEURON_TDR_RUNS * queue->timeout))
		return true;
	return time_after(jiffies, queue->progress_at + queue->timeout) &&
	       !neuron_tdr_others_move(queue);
}

/* Return: false if the hardware queue does not stop. */
static bool neuron_tdr_stop(struct neuron_queue *queue)
{
	drm_dbg(&queue->ndev->drm, "job %llu of queue %u (ctx %u) has timed out\n", queue->head_job,
		queue->hw, queue->ctx);

	neuron_queue_mark(queue, DRM_NEURON_QUEUE_TIMED_OUT, -ETIME, -ECANCELED);
	if (neuron_queue_stop_hw(queue))
		return false;
	neuron_queue_flush(queue);
	return true;
}

/* Stop what hangs, and lower the time to the next look. Return: false if a reset is needed. */
static bool neuron_tdr_scan(struct neuron_device *ndev, unsigned long *period)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	while ((queue = neuron_queue_next(ndev, queue))) {
		/* An interrupt that was lost must not look like a hang. */
		neuron_queue_retire(queue);
		if (neuron_tdr_sample(queue))
			*period = min(*period, neuron_tdr_period(queue));
	}

	while ((queue = neuron_queue_next(ndev, queue)))
		if (neuron_tdr_hangs(queue) && !neuron_tdr_stop(queue))
			return false;
	return true;
}

void neuron_tdr_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(to_delayed_work(work), struct neuron_device, tdr);
	unsigned long period = MAX_JIFFY_OFFSET;
	bool stopped = true;
	bool cookie;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;

	cookie = dma_fence_begin_signalling();
	down_read(&ndev->reset_sem);
	if (!ndev->away)
		stopped = neuron_tdr_scan(ndev, &period);
	up_read(&ndev->reset_sem);
	if (!stopped)
		neuron_device_reset(ndev, "a queue that hangs does not stop");
	dma_fence_end_signalling(cookie);

	if (period != MAX_JIFFY_OFFSET)
		queue_delayed_work(ndev->wq, &ndev->tdr, period);
	drm_dev_exit(idx);
}

/*
 * A reset of the function from outside, such as sysfs' reset file. prepare and done come as a pair.
 * In between the PCI core takes locks that memory is allocated under, which whoever completes a
 * fence must not wait for: so reset_sem is not held, and neuron_device.away keeps all off the
 * hardware. It is idle by then, so that memory may be freed.
 */
static void neuron_reset_prepare(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);
	bool cookie;

	neuron_doorbells_shut(ndev);

	cookie = dma_fence_begin_signalling();
	down_write(&ndev->reset_sem);
	trace_neuron_reset("function level reset");
	neuron_queues_mark_lost(ndev, -ECANCELED);
	if (neuron_hw_reset(ndev)) {
		pci_clear_master(pdev);
		ndev->wedged = true;
	}
	ndev->away = true;
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);
}

static void neuron_reset_done(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);
	bool cookie;
	int ret;

	ret = neuron_hw_wait_ready(ndev);
	if (!ret && !neuron_hw_present(ndev))
		ret = -ENODEV;

	cookie = dma_fence_begin_signalling();
	down_write(&ndev->reset_sem);
	ndev->wedged = false;
	ndev->away = false;
	pci_set_master(pdev);
	neuron_device_restart(ndev, ret);
	up_write(&ndev->reset_sem);
	dma_fence_end_signalling(cookie);

	if (!ret)
		neuron_doorbells_open(ndev);
}

const struct pci_error_handlers neuron_pci_err_handler = {
	.reset_prepare = neuron_reset_prepare,
	.reset_done = neuron_reset_done,
};
