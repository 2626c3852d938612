// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/bitfield.h>
#include <linux/dma-fence.h>
#include <linux/jiffies.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_bounce.h"
#include "neuron_event.h"
#include "neuron_hw.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_tdr.h"

/**
 * DOC: Watchdog
 *
 * Every fence signals in finite time. A watchdog looks at the queues with jobs from time to time. A
 * queue whose progress counter stands still for its timeout is stopped, unless it has to stand
 * back: the device says that it waits for cores, or a queue of higher priority moves. Those that
 * are in its way are under watch themselves. A job that takes neuron_device.job_timeouts of its
 * timeouts altogether is stopped all the same: a program that loops for ever makes progress, too,
 * and cores may go from one to the next without end. The watchdog also completes what no interrupt
 * has told of.
 *
 * When the hardware queue does not stop, the device is reset, and when even that fails it is
 * wedged; see DOC: States of the device.
 */

#define NEURON_TDR_PERIOD_MIN msecs_to_jiffies(10)
#define NEURON_TDR_PERIOD_MAX msecs_to_jiffies(1000)

static unsigned long neuron_tdr_period(const struct neuron_queue *queue)
{
	return clamp(queue->timeout / 4, NEURON_TDR_PERIOD_MIN, NEURON_TDR_PERIOD_MAX);
}

/* A job was pushed. */
void neuron_tdr_kick(struct neuron_queue *queue)
{
	queue_delayed_work(queue->ndev->wq, &queue->ndev->tdr, neuron_tdr_period(queue));
}

/*
 * How long an interrupt may take. Hosts of virtual machines let a processor stand for a while, and
 * its interrupts with it.
 */
static unsigned long neuron_tdr_patience(const struct neuron_queue *queue)
{
	return msecs_to_jiffies(100) + usecs_to_jiffies(queue->coalesce_usecs);
}

/*
 * Looks twice before it says that an interrupt was lost: what is done now may have one on its way.
 * Return: whether there are jobs to be completed, or nothing is known of them.
 */
static bool neuron_tdr_wait_is_over(struct neuron_queue *queue)
{
	u64 first, last, now, count;

	neuron_queue_uncollected(queue, &first, &last);
	if (!first || first > queue->awaited) {
		queue->awaited = last;
		queue->awaited_at = jiffies;
		return !last;
	}
	if (time_before(jiffies, queue->awaited_at + neuron_tdr_patience(queue)))
		return false;

	now = neuron_rd64(queue->ndev, NRN_REG_GLOBAL_CLOCK_NS);
	/* All ones is what a device reads as that is not there any more. */
	count = neuron_queue_note_unheard(queue, queue->awaited, now == U64_MAX ? 0 : now);
	queue->awaited = 0;
	/* It may have come in this moment. */
	if (count)
		drm_err_ratelimited(&queue->ndev->drm,
				    "no interrupt has told of %llu job(s) of queue %u\n", count,
				    queue->hw);
	return true;
}

/* An interrupt that was lost must not look like a hang. */
static void neuron_tdr_complete(struct neuron_queue *queue)
{
	if (!queue->polled && !queue->user && !neuron_tdr_wait_is_over(queue))
		return;
	neuron_copy_back_finish(queue);
	neuron_queue_retire(queue);
}

/* Read the queue's counter. Return: whether it has to be looked at again. */
static bool neuron_tdr_sample(struct neuron_queue *queue)
{
	u64 progress = neuron_rd64(queue->ndev, NRN_REG_QUEUE_PROGRESS(queue->hw));
	u32 status = neuron_rd32(queue->ndev, NRN_REG_QUEUE_STATUS(queue->hw));
	u64 head;

	neuron_tdr_complete(queue);
	head = neuron_queue_oldest(queue);

	if (!head || head != queue->head_job) {
		queue->head_job = head;
		queue->head_job_at = jiffies;
		queue->progress_at = jiffies;
	}
	if (head && progress != queue->progress) {
		queue->progress_at = jiffies;
		queue->moved_at = jiffies;
	}
	if (FIELD_GET(NRN_QUEUE_STATUS_WAITING, status) || queue->awaited)
		queue->progress_at = jiffies;
	queue->progress = progress;
	/* Nobody tells when a process gives work to its queue. */
	return head || (queue->user && !READ_ONCE(queue->marked));
}

static int neuron_tdr_rank(const struct neuron_queue *queue)
{
	switch (queue->priority) {
	case DRM_NEURON_PRIORITY_LOW:
		return 0;
	case DRM_NEURON_PRIORITY_HIGH:
		return 2;
	default:
		return 1;
	}
}

/* Priorities are strict: it gets nothing as long as those above it have something to do. */
static bool neuron_tdr_stands_back(const struct neuron_queue *queue)
{
	struct neuron_queue *other __free(neuron_queue) = NULL;

	while ((other = neuron_queue_next(queue->ndev, other)))
		if (neuron_tdr_rank(other) > neuron_tdr_rank(queue) && other->head_job &&
		    time_before(jiffies, other->moved_at + queue->timeout))
			return true;
	return false;
}

static bool neuron_tdr_hangs(const struct neuron_queue *queue)
{
	unsigned long all = READ_ONCE(queue->ndev->job_timeouts) * queue->timeout;

	if (!queue->head_job || queue->awaited)
		return false;
	if (time_after(jiffies, queue->head_job_at + all))
		return true;
	return time_after(jiffies, queue->progress_at + queue->timeout) &&
	       !neuron_tdr_stands_back(queue);
}

/* Lowers the time to the next look. Return: whether a queue hangs. */
static bool neuron_tdr_look(struct neuron_device *ndev, unsigned long *period)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;
	bool hangs = false;

	while ((queue = neuron_queue_next(ndev, queue))) {
		if (!neuron_tdr_sample(queue))
			continue;
		*period = min(*period, neuron_tdr_period(queue));
		if (queue->awaited)
			*period = min(*period, neuron_tdr_patience(queue));
		if (neuron_tdr_hangs(queue))
			hangs = true;
	}
	return hangs;
}

static void neuron_tdr_dump(struct neuron_device *ndev)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	if (neuron_hw_is_cut_off(ndev))
		return;
	while ((queue = neuron_queue_next(ndev, queue))) {
		if (!neuron_tdr_sample(queue) || !neuron_tdr_hangs(queue))
			continue;
		neuron_coredump_take(ndev, "a job has timed out", queue->ctx, queue->hw);
		return;
	}
}

/* Return: false if the hardware queue does not stop. */
static bool neuron_tdr_stop(struct neuron_queue *queue)
{
	bool stopped, first;

	drm_dbg(&queue->ndev->drm, "job %llu of queue %u (ctx %u) has timed out\n", queue->head_job,
		queue->hw, queue->ctx);

	first = neuron_queue_mark(queue, DRM_NEURON_QUEUE_TIMED_OUT, -ETIME, -ECANCELED);
	stopped = !neuron_queue_stop_hw(queue);
	if (first)
		neuron_event_send_fault(queue);
	if (stopped)
		neuron_queue_flush(queue);
	return stopped;
}

/* Return: the context of a queue that does not stop, or NEURON_NO_CTX. */
static u32 neuron_tdr_stop_all(struct neuron_device *ndev)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	if (neuron_hw_is_cut_off(ndev))
		return NEURON_NO_CTX;
	while ((queue = neuron_queue_next(ndev, queue)))
		if (neuron_tdr_sample(queue) && neuron_tdr_hangs(queue) && !neuron_tdr_stop(queue))
			return queue->ctx;
	return NEURON_NO_CTX;
}

static void neuron_tdr_act(struct neuron_device *ndev)
{
	u32 ctx;

	/* What a coredump shows must stand still, and nothing be touched before. */
	down_write(&ndev->reset_sem);
	neuron_tdr_dump(ndev);
	downgrade_write(&ndev->reset_sem);
	ctx = neuron_tdr_stop_all(ndev);
	up_read(&ndev->reset_sem);

	if (ctx != NEURON_NO_CTX)
		neuron_device_reset_by(ndev, ctx, "a queue that hangs does not stop");
}

void neuron_tdr_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(to_delayed_work(work), struct neuron_device, tdr);
	unsigned long period = MAX_JIFFY_OFFSET;
	bool hangs = false, present = true;
	bool cookie;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;

	cookie = dma_fence_begin_signalling();
	down_read(&ndev->reset_sem);
	if (!neuron_hw_is_cut_off(ndev)) {
		hangs = neuron_tdr_look(ndev, &period);
		present = neuron_hw_present(ndev);
	}
	up_read(&ndev->reset_sem);

	if (!present)
		neuron_device_reset(ndev, "it does not answer");
	else if (hangs)
		neuron_tdr_act(ndev);
	dma_fence_end_signalling(cookie);

	if (period != MAX_JIFFY_OFFSET)
		queue_delayed_work(ndev->wq, &ndev->tdr, period);
	drm_dev_exit(idx);
}
