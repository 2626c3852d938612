// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/slab.h>

#include <drm/drm_syncobj.h>

#include "neuron_bounce.h"
#include "neuron_bug.h"
#include "neuron_debug.h"
#include "neuron_hw.h"
#include "neuron_irq.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_tdr.h"
#include "neuron_trace.h"
#include "neuron_usage.h"
#include "neuron_waiter.h"

/**
 * DOC: Queues
 *
 * A submitter holds the queue's lock, waits until the ring has room, writes its packets behind the
 * tail and then, under irq_lock, enters the job into the list and rings the doorbell. The device
 * counts retired packets; when it retires the last packet of a job it writes the count to the seqno
 * page and raises the queue's vector. The interrupt handler takes all jobs that end at or before
 * the count out of the list and completes them.
 *
 * A queue stops for good in two steps. neuron_queue_mark() lets no further job in and no further
 * doorbell out. Once the hardware has stopped as well, neuron_queue_flush() completes what is left
 * with errors. The first mark wins.
 *
 * The registers of the hardware queue are read under irq_lock, in any context, as long as they are
 * known to be the queue's. The last values are kept, so that what is told never goes back.
 *
 * Ring and seqno page go when the queue is destroyed or the device is removed; the structure stays
 * until the last user has dropped its reference.
 */

/* May be called where nothing may sleep. */
static void neuron_queue_release(struct kref *ref)
{
	struct neuron_queue *queue = container_of(ref, struct neuron_queue, ref);

	if (queue->syncobj)
		drm_syncobj_put(queue->syncobj);
	mutex_destroy(&queue->stop_lock);
	mutex_destroy(&queue->lock);
	if (queue->times)
		kvfree_rcu(queue->times, rcu);
	kfree(queue);
}

/* NULL is fine. */
void neuron_queue_put(struct neuron_queue *queue)
{
	if (queue)
		kref_put(&queue->ref, neuron_queue_release);
}

/* The queue of the file with this id, referenced, or NULL. */
struct neuron_queue *neuron_queue_find(struct neuron_file *nfile, u32 id)
{
	struct neuron_queue *queue;

	xa_lock(&nfile->queues);
	queue = xa_load(&nfile->queues, id);
	if (queue)
		kref_get(&queue->ref);
	xa_unlock(&nfile->queues);
	return queue;
}

/* The queue with this hardware number, referenced, or NULL. */
struct neuron_queue *neuron_queue_get_hw(struct neuron_device *ndev, u32 hw)
{
	struct neuron_queue *queue;

	spin_lock(&ndev->queues_lock);
	queue = ndev->queues[hw];
	if (queue)
		kref_get(&queue->ref);
	spin_unlock(&ndev->queues_lock);
	return queue;
}

/**
 * neuron_queue_next() - walk through the queues of the device
 * @ndev: Device.
 * @prev: Queue of the step before, whose reference is dropped; NULL to begin.
 *
 * The walk owns one reference at a time. With __free() it is dropped however the loop is left::
 *
 *	struct neuron_queue *queue __free(neuron_queue) = NULL;
 *
 *	while ((queue = neuron_queue_next(ndev, queue)))
 *
 * Return: The queue with the next hardware number, referenced, or NULL after the last one.
 */
struct neuron_queue *neuron_queue_next(struct neuron_device *ndev, struct neuron_queue *prev)
{
	struct neuron_queue *queue = NULL;
	u32 hw;

	spin_lock(&ndev->queues_lock);
	for (hw = prev ? prev->hw + 1 : 0; hw < ndev->info.queues && !queue; hw++)
		queue = ndev->queues[hw];
	if (queue)
		kref_get(&queue->ref);
	spin_unlock(&ndev->queues_lock);

	neuron_queue_put(prev);
	return queue;
}

/* Complete what the device is done with. Any context. */
void neuron_queue_retire(struct neuron_queue *queue)
{
	unsigned long flags;
	LIST_HEAD(waiters);
	LIST_HEAD(done);

	spin_lock_irqsave(&queue->irq_lock, flags);
	if (!queue->user)
		neuron_queue_collect_locked(queue, &done);
	neuron_waiters_collect_locked(queue, &waiters);
	spin_unlock_irqrestore(&queue->irq_lock, flags);

	/* Whoever waits for packets of a queue in user mode looks at HEAD. */
	if (list_empty(&done) && !queue->user)
		return;
	neuron_jobs_finish(queue, &done);
	neuron_waiters_tell(&waiters);
	wake_up_all(&queue->wait);
}

/* The memory that a job used has been given back: tell those who wait for it. */
void neuron_queue_unhold(struct neuron_queue *queue, struct neuron_job *job)
{
	LIST_HEAD(waiters);

	spin_lock_irq(&queue->irq_lock);
	list_del_init(&job->held);
	neuron_waiters_collect_locked(queue, &waiters);
	spin_unlock_irq(&queue->irq_lock);

	neuron_waiters_tell(&waiters);
	wake_up_all(&queue->wait);
}

static void neuron_queue_read_counter(struct neuron_queue *queue, u32 reg, u64 *counter)
{
	u64 now = neuron_rd64(queue->ndev, reg);

	/* All ones is what a device reads as that is not there any more. */
	if (now != U64_MAX)
		*counter = max(*counter, now);
}

/* Look at the registers that count. Any context. */
void neuron_queue_sample_locked(struct neuron_queue *queue)
{
	lockdep_assert_held(&queue->irq_lock);

	if (!queue->counting)
		return;

	neuron_queue_read_counter(queue, NRN_REG_QUEUE_BUSY_NS(queue->hw), &queue->busy_ns);
	neuron_queue_read_counter(queue, NRN_REG_QUEUE_CORE_NS(queue->hw), &queue->core_ns);
	if (queue->user) {
		neuron_queue_read_counter(queue, NRN_REG_QUEUE_HEAD(queue->hw), &queue->completed);
		neuron_queue_read_counter(queue, NRN_REG_QUEUE_TAIL(queue->hw), &queue->submitted);
	}
}

/* Seqno up to which nobody needs to wait any more. Any context. */
u64 neuron_queue_reached_locked(struct neuron_queue *queue)
{
	struct neuron_job *held = list_first_entry_or_null(&queue->held, struct neuron_job, held);

	lockdep_assert_held(&queue->irq_lock);

	if (!queue->user)
		return held ? min(queue->completed, held->fence.seqno - 1) : queue->completed;
	/* It has stopped, and what will not be done cannot be waited for. */
	if (queue->failed)
		return U64_MAX;
	if (queue->counting)
		neuron_queue_read_counter(queue, NRN_REG_QUEUE_HEAD(queue->hw), &queue->completed);
	return queue->completed;
}

/* Seqno of the oldest job that is not done, 0 if there is none. */
u64 neuron_queue_oldest(struct neuron_queue *queue)
{
	struct neuron_job *job;
	u64 oldest = 0;

	spin_lock_irq(&queue->irq_lock);
	if (queue->user) {
		neuron_queue_sample_locked(queue);
		if (!queue->marked && queue->completed != queue->submitted)
			oldest = queue->completed + 1;
	} else {
		job = list_first_entry_or_null(&queue->jobs, struct neuron_job, link);
		oldest = job ? job->fence.seqno : 0;
	}
	spin_unlock_irq(&queue->irq_lock);
	return oldest;
}

/* The registers are about to be reset, or to be another queue's. */
static void neuron_queue_freeze_locked(struct neuron_queue *queue)
{
	neuron_queue_sample_locked(queue);
	queue->counting = false;
}

/**
 * neuron_queue_mark() - let no job in and no doorbell out any more
 * @queue: Queue.
 * @state: Why; OK when the queue is being destroyed.
 * @first_error: What neuron_queue_flush() gives the oldest job.
 * @rest_error: What it gives the others.
 *
 * Return: false if the queue was marked already; then nothing has changed.
 */
bool neuron_queue_mark(struct neuron_queue *queue, enum drm_neuron_queue_state state,
		       int first_error, int rest_error)
{
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&queue->irq_lock, flags);
	if (state == DRM_NEURON_QUEUE_LOST)
		neuron_queue_freeze_locked(queue);
	first = !queue->marked;
	if (first) {
		WRITE_ONCE(queue->marked, true);
		queue->state = state;
		queue->first_error = first_error;
		queue->rest_error = rest_error;
		neuron_ras_count_stop(queue);
		trace_neuron_queue_stop(queue->ctx, queue->hw, state, first_error,
					queue->submitted, queue->completed);
	}
	spin_unlock_irqrestore(&queue->irq_lock, flags);
	return first;
}

/* Complete all jobs of a marked queue, those that the device did not finish with errors. */
void neuron_queue_flush(struct neuron_queue *queue)
{
	unsigned long flags;
	LIST_HEAD(waiters);
	LIST_HEAD(done);

	neuron_copy_back_finish(queue);

	spin_lock_irqsave(&queue->irq_lock, flags);
	WARN_ON_ONCE(!queue->marked);
	if (queue->user) {
		neuron_queue_sample_locked(queue);
		queue->failed = queue->completed + 1;
	} else {
		neuron_queue_collect_locked(queue, &done);
		neuron_queue_abandon_locked(queue, &done);
	}
	neuron_waiters_collect_locked(queue, &waiters);
	spin_unlock_irqrestore(&queue->irq_lock, flags);

	neuron_jobs_finish(queue, &done);
	neuron_waiters_tell(&waiters);
	wake_up_all(&queue->wait);
}

static int neuron_queue_take_hw(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;
	int ret = -ENOSPC;
	u32 hw;

	spin_lock(&ndev->queues_lock);
	for (hw = 0; hw < ndev->info.queues; hw++) {
		if (!ndev->queues[hw]) {
			queue->hw = hw;
			queue->owns_hw = true;
			ndev->queues[hw] = queue;
			ret = 0;
			break;
		}
	}
	spin_unlock(&ndev->queues_lock);
	return ret;
}

static void neuron_queue_put_hw(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;

	mutex_lock(&queue->stop_lock);
	queue->owns_hw = false;
	spin_lock(&ndev->queues_lock);
	ndev->queues[queue->hw] = NULL;
	spin_unlock(&ndev->queues_lock);
	mutex_unlock(&queue->stop_lock);
}

/* When 0 is returned, nothing of the queue is in flight. */
int neuron_queue_stop_hw(struct neuron_queue *queue)
{
	int ret = 0;

	mutex_lock(&queue->stop_lock);
	if (queue->owns_hw)
		ret = neuron_hw_queue_stop(queue->ndev, queue->hw);
	if (!ret) {
		spin_lock_irq(&queue->irq_lock);
		neuron_queue_freeze_locked(queue);
		spin_unlock_irq(&queue->irq_lock);
	}
	mutex_unlock(&queue->stop_lock);
	return ret;
}

/* The device has let go of it. May be called twice, as long as the file's memory is there. */
void neuron_queue_release_memory(struct neuron_queue *queue)
{
	if (queue->user)
		neuron_queue_unpin(queue);
	else
		neuron_queue_free_ring(queue);
}

/* Stops the hardware queue for sure, then completes its jobs. */
static void neuron_queue_stop(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;
	bool cookie;
	int ret;

	neuron_queue_mark(queue, DRM_NEURON_QUEUE_OK, -ECANCELED, -ECANCELED);

	cookie = dma_fence_begin_signalling();
	down_read(&ndev->reset_sem);
	ret = neuron_queue_stop_hw(queue);
	/* Faults of this queue must not be taken for those of the next one with its number. */
	neuron_events_process(ndev);
	up_read(&ndev->reset_sem);
	if (ret)
		neuron_device_reset_by(ndev, queue->ctx, "a queue does not stop");

	neuron_queue_flush(queue);
	dma_fence_end_signalling(cookie);
}

/* The file's reference goes, and what its user is charged. */
void neuron_queue_drop(struct neuron_queue *queue)
{
	neuron_usage_remove(queue);
	neuron_user_uncharge_queue(queue->payer);
	neuron_queue_put(queue);
}

/* reset_sem is held. */
static void neuron_queue_tell_dma(struct neuron_queue *queue, u16 kind)
{
	struct neuron_device *ndev = queue->ndev;

	if (queue->user)
		return;
	neuron_debug_tell_dma(ndev, kind, queue->ring_dma, neuron_queue_ring_bytes(queue),
			      "ring of a queue");
	neuron_debug_tell_dma(ndev, kind, queue->seqno_dma, NRN_PAGE_SIZE, "seqno of a queue");
	neuron_debug_tell_dma(ndev, kind, queue->stamps_dma, neuron_queue_stamp_bytes(queue),
			      "stamps of a queue");
}

/*
 * Take a queue out of service. The device is entered; the id is gone, and so is the caller's
 * reference afterwards.
 */
void neuron_queue_kill(struct neuron_queue *queue)
{
	neuron_queue_stop(queue);
	neuron_vector_remove(queue);
	neuron_queue_put_hw(queue);
	down_read(&queue->ndev->reset_sem);
	neuron_queue_tell_dma(queue, NRN_DEBUG_KIND_DMA_UNMAP);
	up_read(&queue->ndev->reset_sem);
	neuron_queue_release_memory(queue);
	neuron_queue_drop(queue);
}

static void neuron_queue_start_hw(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;
	struct neuron_queue_regs regs = {
		.user = queue->user,
		.ring = queue->user ? queue->ring_va : queue->ring_dma,
		.seqno = queue->user ? queue->seqno_va : queue->seqno_dma,
		.stamps = queue->user ? queue->stamps_va : queue->stamps_dma,
		.ring_log2 = queue->ring_log2,
		.ctx = NEURON_MISTAKE(WRONG_CONTEXT) ? 0 : queue->ctx, /* the first one's */
		.vector = NEURON_MISTAKE(WRONG_VECTOR) ? 1 : queue->vector - ndev->vectors,
		.priority = queue->priority,
		.coalesce_count = queue->coalesce_count,
		.coalesce_usecs = queue->coalesce_usecs,
	};

	neuron_hw_queue_start(ndev, queue->hw, &regs);

	spin_lock_irq(&queue->irq_lock);
	queue->counting = true;
	spin_unlock_irq(&queue->irq_lock);
}

static void neuron_queue_start(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;

	down_read(&ndev->reset_sem);
	/* Cut off since the ioctl looked: nothing would ever end its jobs. */
	if (neuron_hw_is_cut_off(ndev))
		neuron_queue_mark(queue, DRM_NEURON_QUEUE_LOST, -ECANCELED, -ECANCELED);
	/* Or a reset has found it between two steps of the ioctl. */
	if (!READ_ONCE(queue->marked)) {
		neuron_queue_tell_dma(queue, NRN_DEBUG_KIND_DMA_MAP);
		neuron_queue_start_hw(queue);
	}
	up_read(&ndev->reset_sem);
}

static struct neuron_queue *neuron_queue_alloc(struct neuron_file *nfile,
					       const struct drm_neuron_queue_create *args)
{
	struct neuron_queue *queue;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return NULL;

	kref_init(&queue->ref);
	queue->ndev = nfile->ndev;
	queue->payer = nfile->user;
	queue->ctx = nfile->ctx;
	queue->ring_log2 = args->ring_log2 ?: NEURON_RING_LOG2_DEFAULT;
	queue->timeout = msecs_to_jiffies(args->timeout_ms ?:
					  READ_ONCE(queue->ndev->timeout_ms_default));
	queue->polled = args->flags & DRM_NEURON_QUEUE_POLLED;
	queue->user = args->flags & DRM_NEURON_QUEUE_USER;
	queue->ring_va = args->ring_va;
	queue->seqno_va = args->seqno_va;
	queue->stamps_va = args->stamps_va;
	queue->priority = args->priority;
	queue->coalesce_count = args->coalesce_count;
	queue->coalesce_usecs = args->coalesce_usecs;
	queue->fence_context = dma_fence_context_alloc(1);
	queue->progress_at = jiffies;
	queue->moved_at = jiffies;
	INIT_LIST_HEAD(&queue->jobs);
	INIT_LIST_HEAD(&queue->held);
	queue->waiters = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&queue->vector_link);
	INIT_LIST_HEAD(&queue->usage_link);
	mutex_init(&queue->lock);
	mutex_init(&queue->stop_lock);
	spin_lock_init(&queue->irq_lock);
	INIT_WORK(&queue->copy_back, neuron_copy_back_work);
	init_waitqueue_head(&queue->wait);
	return queue;
}

static int neuron_queue_alloc_memory(struct neuron_queue *queue)
{
	int ret;

	ret = drm_syncobj_create(&queue->syncobj, 0, NULL);
	return ret ?: neuron_queue_alloc_ring(queue);
}

/**
 * neuron_queue_create() - make a queue and put it into service
 * @nfile: File; the device is entered.
 * @args: What user space wants, checked.
 *
 * Return: The queue, which no id names yet, or an error pointer.
 */
struct neuron_queue *neuron_queue_create(struct neuron_file *nfile,
					 const struct drm_neuron_queue_create *args)
{
	struct neuron_queue *queue;
	int ret;

	ret = neuron_user_charge_queue(nfile->user);
	if (ret)
		return ERR_PTR(ret);

	queue = neuron_queue_alloc(nfile, args);
	if (!queue) {
		neuron_user_uncharge_queue(nfile->user);
		return ERR_PTR(-ENOMEM);
	}

	ret = queue->user ? neuron_queue_pin(queue, &nfile->vm) : neuron_queue_alloc_memory(queue);
	if (ret)
		goto err_drop;

	ret = neuron_queue_take_hw(queue);
	if (ret)
		goto err_release_memory;

	neuron_vector_add(queue);
	neuron_usage_add(&nfile->usage, queue);
	neuron_queue_start(queue);
	/* Nobody tells when the process rings: the watchdog looks as long as the queue lives. */
	if (queue->user)
		neuron_tdr_kick(queue);
	return queue;

err_release_memory:
	neuron_queue_release_memory(queue);
err_drop:
	neuron_queue_drop(queue);
	return ERR_PTR(ret);
}
