// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/drm_syncobj.h>
#include <drm/drm_utils.h>

#include "neuron_hw.h"
#include "neuron_irq.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_tdr.h"
#include "neuron_trace.h"

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
 * Ring and seqno page go when the queue is destroyed or the device is removed; the structure stays
 * until the last user has dropped its reference.
 */

#define NEURON_RING_LOG2_DEFAULT 10

static size_t neuron_queue_ring_bytes(const struct neuron_queue *queue)
{
	return (size_t)NRN_PACKET_BYTES << queue->ring_log2;
}

static void neuron_queue_release(struct kref *ref)
{
	struct neuron_queue *queue = container_of(ref, struct neuron_queue, ref);

	if (queue->syncobj)
		drm_syncobj_put(queue->syncobj);
	mutex_destroy(&queue->stop_lock);
	mutex_destroy(&queue->lock);
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

static u64 neuron_queue_room(struct neuron_queue *queue)
{
	return BIT_ULL(queue->ring_log2) - (queue->tail - READ_ONCE(queue->head));
}

/* Whether a submitter need not wait any more. */
static bool neuron_queue_admits(struct neuron_queue *queue, u32 count)
{
	return neuron_queue_room(queue) >= count || READ_ONCE(queue->marked);
}

static int neuron_queue_error(struct neuron_queue *queue)
{
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&queue->irq_lock, flags);
	if (queue->state != DRM_NEURON_QUEUE_OK)
		ret = -EIO;
	else if (queue->marked)
		ret = -ECANCELED;
	spin_unlock_irqrestore(&queue->irq_lock, flags);
	return ret;
}

/**
 * neuron_queue_reserve() - wait until the ring has room
 * @queue: Queue; its lock is held, so the room stays until the caller pushes.
 * @count: Packets.
 * @nonblock: Give up with -EAGAIN instead of waiting.
 *
 * Return: 0, -EAGAIN, -ERESTARTSYS, or the reason why the queue takes no jobs.
 */
int neuron_queue_reserve(struct neuron_queue *queue, u32 count, bool nonblock)
{
	int ret;

	lockdep_assert_held(&queue->lock);

	if (nonblock && !neuron_queue_admits(queue, count))
		return -EAGAIN;

	ret = wait_event_interruptible(queue->wait, neuron_queue_admits(queue, count));
	return ret ?: neuron_queue_error(queue);
}

/*
 * Behind the tail, where the device does not look before the doorbell. The device is entered, but
 * the queue may be destroyed meanwhile: then there is no ring, and neuron_queue_push() says so.
 */
void neuron_queue_write(struct neuron_queue *queue, const struct neuron_raw_packet *packets,
			u32 count)
{
	u64 mask = BIT_ULL(queue->ring_log2) - 1;
	u32 first = queue->tail & mask;
	u32 run = min_t(u64, count, mask + 1 - first);
	struct neuron_raw_packet *last;

	lockdep_assert_held(&queue->lock);

	mutex_lock(&queue->stop_lock);
	if (queue->ring) {
		memcpy(&queue->ring[first], packets, run * sizeof(*packets));
		memcpy(&queue->ring[0], packets + run, (count - run) * sizeof(*packets));

		last = &queue->ring[(queue->tail + count - 1) & mask];
		last->header.flags = NRN_PACKET_FLAG_SEQNO | NRN_PACKET_FLAG_IRQ;
	}
	mutex_unlock(&queue->stop_lock);
}

/**
 * neuron_queue_push() - hand a job to the device
 * @queue: Queue; its lock is held, and the packets are in the ring.
 * @job: Job with its fence initialised; on success the queue takes over a reference.
 * @count: Packets.
 *
 * Return: 0, or the reason why the queue takes no jobs.
 */
int neuron_queue_push(struct neuron_queue *queue, struct neuron_job *job, u32 count)
{
	struct neuron_device *ndev = queue->ndev;
	unsigned long flags;
	bool marked;

	lockdep_assert_held(&queue->lock);

	job->first = queue->tail;
	job->end = queue->tail + count;

	spin_lock_irqsave(&queue->irq_lock, flags);
	marked = queue->marked;
	if (!marked) {
		trace_neuron_job_submit(queue->ctx, queue->hw, job->fence.seqno, job->first, count);
		list_add_tail(&job->link, &queue->jobs);
		queue->submitted = job->fence.seqno;
		queue->tail = job->end;
		neuron_hw_doorbell(ndev, queue->ctx, queue->hw, queue->tail);
	}
	spin_unlock_irqrestore(&queue->irq_lock, flags);

	if (marked)
		return neuron_queue_error(queue);
	neuron_tdr_kick(queue);
	return 0;
}

/* Moves the jobs that the device is done with to @done. */
static void neuron_queue_collect_locked(struct neuron_queue *queue, struct list_head *done)
{
	struct neuron_job *job, *next;
	u64 head;

	lockdep_assert_held(&queue->irq_lock);

	if (!queue->ring)
		return; /* the device was removed */

	head = le64_to_cpu(READ_ONCE(*queue->seqno));
	/* What the job wrote is to be read after the seqno that says it is there. */
	dma_rmb();

	list_for_each_entry_safe(job, next, &queue->jobs, link) {
		if (job->end > head)
			break;
		list_move_tail(&job->link, done);
		queue->completed = job->fence.seqno;
		WRITE_ONCE(queue->head, job->end);
	}
}

/* Complete what the device is done with. Any context. */
void neuron_queue_retire(struct neuron_queue *queue)
{
	unsigned long flags;
	LIST_HEAD(done);

	spin_lock_irqsave(&queue->irq_lock, flags);
	neuron_queue_collect_locked(queue, &done);
	spin_unlock_irqrestore(&queue->irq_lock, flags);

	if (list_empty(&done))
		return;
	neuron_jobs_finish(queue, &done);
	wake_up_all(&queue->wait);
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
	first = !queue->marked;
	if (first) {
		WRITE_ONCE(queue->marked, true);
		queue->state = state;
		queue->first_error = first_error;
		queue->rest_error = rest_error;
		neuron_ras_count_stop(queue);
	}
	spin_unlock_irqrestore(&queue->irq_lock, flags);
	return first;
}

/* Complete all jobs of a marked queue, those that the device did not finish with errors. */
void neuron_queue_flush(struct neuron_queue *queue)
{
	struct neuron_job *job;
	unsigned long flags;
	LIST_HEAD(done);

	spin_lock_irqsave(&queue->irq_lock, flags);
	WARN_ON_ONCE(!queue->marked);
	neuron_queue_collect_locked(queue, &done);
	list_for_each_entry(job, &queue->jobs, link) {
		if (!queue->failed)
			queue->failed = job->fence.seqno;
		dma_fence_set_error(&job->fence, job->fence.seqno == queue->failed ?
							 queue->first_error :
							 queue->rest_error);
	}
	list_splice_tail_init(&queue->jobs, &done);
	queue->completed = queue->submitted;
	spin_unlock_irqrestore(&queue->irq_lock, flags);

	neuron_jobs_finish(queue, &done);
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
	mutex_unlock(&queue->stop_lock);
	return ret;
}

static void neuron_queue_free_ring(struct neuron_queue *queue, void *ring, void *seqno)
{
	struct device *dev = neuron_dma_dev(queue->ndev);

	dma_free_coherent(dev, neuron_queue_ring_bytes(queue), ring, queue->ring_dma);
	dma_free_coherent(dev, NRN_PAGE_SIZE, seqno, queue->seqno_dma);
}

void neuron_queue_release_dma(struct neuron_queue *queue)
{
	struct neuron_raw_packet *ring;
	__le64 *seqno;

	/* A submitter may still write packets, and the watchdog look at the seqno. */
	mutex_lock(&queue->stop_lock);
	spin_lock_irq(&queue->irq_lock);
	ring = queue->ring;
	seqno = queue->seqno;
	queue->ring = NULL;
	queue->seqno = NULL;
	spin_unlock_irq(&queue->irq_lock);
	mutex_unlock(&queue->stop_lock);

	if (ring)
		neuron_queue_free_ring(queue, ring, seqno);
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

/*
 * Take a queue out of service. The device is entered; the id is gone, and so is the caller's
 * reference afterwards.
 */
void neuron_queue_kill(struct neuron_queue *queue)
{
	neuron_queue_stop(queue);
	neuron_vector_remove(queue);
	neuron_queue_put_hw(queue);
	neuron_queue_release_dma(queue);
	neuron_queue_put(queue);
}

static int neuron_queue_alloc_ring(struct neuron_queue *queue)
{
	struct device *dev = neuron_dma_dev(queue->ndev);
	size_t bytes = neuron_queue_ring_bytes(queue);
	void *ring, *seqno;

	/* Without an IOMMU, the longest ring is all that the page allocator has in one piece. */
	ring = dma_alloc_coherent(dev, bytes, &queue->ring_dma, GFP_KERNEL | __GFP_NOWARN);
	if (!ring)
		return -ENOMEM;

	seqno = dma_alloc_coherent(dev, NRN_PAGE_SIZE, &queue->seqno_dma, GFP_KERNEL);
	if (!seqno) {
		dma_free_coherent(dev, bytes, ring, queue->ring_dma);
		return -ENOMEM;
	}

	queue->ring = ring;
	queue->seqno = seqno;
	return 0;
}

static void neuron_queue_start(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;
	struct neuron_queue_regs regs = {
		.ring = queue->ring_dma,
		.seqno = queue->seqno_dma,
		.ring_log2 = queue->ring_log2,
		.ctx = queue->ctx,
		.vector = queue->vector - ndev->vectors,
	};

	down_read(&ndev->reset_sem);
	/* Cut off since the ioctl looked: nothing would ever end its jobs. */
	if (neuron_hw_is_cut_off(ndev))
		neuron_queue_mark(queue, DRM_NEURON_QUEUE_LOST, -ECANCELED, -ECANCELED);
	else
		neuron_hw_queue_start(ndev, queue->hw, &regs);
	up_read(&ndev->reset_sem);
}

static struct neuron_queue *neuron_queue_alloc(struct neuron_file *nfile, u32 ring_log2,
					       u32 timeout_ms)
{
	struct neuron_queue *queue;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return NULL;

	kref_init(&queue->ref);
	queue->ndev = nfile->ndev;
	queue->ctx = nfile->ctx;
	queue->ring_log2 = ring_log2;
	queue->timeout = msecs_to_jiffies(timeout_ms);
	queue->fence_context = dma_fence_context_alloc(1);
	queue->progress_at = jiffies;
	INIT_LIST_HEAD(&queue->jobs);
	INIT_LIST_HEAD(&queue->vector_link);
	mutex_init(&queue->lock);
	mutex_init(&queue->stop_lock);
	spin_lock_init(&queue->irq_lock);
	init_waitqueue_head(&queue->wait);
	return queue;
}

/* A queue in service that no id names yet, or an error pointer. */
static struct neuron_queue *neuron_queue_create(struct neuron_file *nfile, u32 ring_log2,
						u32 timeout_ms)
{
	struct neuron_queue *queue;
	int ret;

	queue = neuron_queue_alloc(nfile, ring_log2, timeout_ms);
	if (!queue)
		return ERR_PTR(-ENOMEM);

	ret = drm_syncobj_create(&queue->syncobj, 0, NULL);
	if (ret)
		goto err_put;

	ret = neuron_queue_alloc_ring(queue);
	if (ret)
		goto err_put;

	ret = neuron_queue_take_hw(queue);
	if (ret)
		goto err_release_dma;

	neuron_vector_add(queue);
	neuron_queue_start(queue);
	return queue;

err_release_dma:
	neuron_queue_release_dma(queue);
err_put:
	neuron_queue_put(queue);
	return ERR_PTR(ret);
}

static int neuron_queue_create_entered(struct neuron_file *nfile,
				       struct drm_neuron_queue_create *args)
{
	u32 ring_log2 = args->ring_log2 ?: NEURON_RING_LOG2_DEFAULT;
	u32 timeout_ms = args->timeout_ms ?: READ_ONCE(nfile->ndev->timeout_ms_default);
	struct neuron_queue *queue;
	int ret;
	u32 id;

	/* Only reserved: nobody may find the queue before it is complete. */
	ret = xa_alloc(&nfile->queues, &id, NULL, XA_LIMIT(1, NEURON_FILE_QUEUES), GFP_KERNEL);
	if (ret)
		return ret == -EBUSY ? -ENOSPC : ret;

	queue = neuron_queue_create(nfile, ring_log2, timeout_ms);
	if (IS_ERR(queue)) {
		ret = PTR_ERR(queue);
		goto err_erase;
	}

	ret = drm_syncobj_get_handle(nfile->drm_file, queue->syncobj, &args->syncobj);
	if (ret)
		goto err_kill;

	queue->id = id;
	args->queue_id = id;
	xa_store(&nfile->queues, id, queue, GFP_KERNEL); /* the slot is there: cannot fail */
	return 0;

err_kill:
	neuron_queue_kill(queue);
err_erase:
	xa_erase(&nfile->queues, id);
	return ret;
}

int neuron_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_file *nfile = file->driver_priv;
	struct drm_neuron_queue_create *args = data;
	int ret;
	int idx;

	if (args->flags || args->timeout_ms > NEURON_TIMEOUT_MS_MAX)
		return -EINVAL;
	if (args->priority || args->coalesce_count || args->coalesce_usecs)
		return -EINVAL;
	if (args->ring_va || args->seqno_va || args->stamps_va)
		return -EINVAL;
	if (args->ring_log2 &&
	    (args->ring_log2 < NRN_RING_LOG2_MIN || args->ring_log2 > NRN_RING_LOG2_MAX))
		return -EINVAL;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	ret = neuron_device_error(nfile->ndev) ?: neuron_queue_create_entered(nfile, args);
	drm_dev_exit(idx);
	return ret;
}

int neuron_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_file *nfile = file->driver_priv;
	struct drm_neuron_queue_destroy *args = data;
	struct neuron_queue *queue;
	int idx;

	if (args->pad)
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	/*
	 * Whoever erases the id owns the queue's death. An id that is only reserved loads as NULL,
	 * and stays.
	 */
	xa_lock(&nfile->queues);
	queue = xa_load(&nfile->queues, args->queue_id);
	if (queue)
		__xa_erase(&nfile->queues, args->queue_id);
	xa_unlock(&nfile->queues);

	if (queue)
		neuron_queue_kill(queue);
	drm_dev_exit(idx);
	return queue ? 0 : -ENOENT;
}

static void neuron_queue_fill_query(struct neuron_queue *queue, struct drm_neuron_queue_query *args)
{
	const struct nrn_event_record *fault = &queue->fault;

	args->state = queue->state;
	args->submitted = queue->submitted;
	args->completed = queue->completed;
	args->fault_code = le16_to_cpu(fault->code);
	args->fault_unit = fault->unit;
	args->fault_core = fault->core;
	args->fault_ring = fault->ring;
	args->fault_pc = le32_to_cpu(fault->pc);
	args->fault_write = fault->write;
	args->fault_seqno = queue->fault_seqno;
	args->fault_packet = queue->fault_packet;
	args->fault_va = le64_to_cpu(fault->va);
	args->fault_info = le64_to_cpu(fault->info);
}

int neuron_queue_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_queue_query *args = data;
	struct neuron_queue *queue;

	queue = neuron_queue_find(file->driver_priv, args->queue_id);
	if (!queue)
		return -ENOENT;

	spin_lock_irq(&queue->irq_lock);
	neuron_queue_fill_query(queue, args);
	spin_unlock_irq(&queue->irq_lock);
	neuron_queue_put(queue);
	return 0;
}

/* Whether the job is done, and if so with which result. */
static bool neuron_queue_job_done(struct neuron_queue *queue, u64 seqno, s32 *status)
{
	bool done;

	spin_lock_irq(&queue->irq_lock);
	done = queue->completed >= seqno;
	if (!queue->failed || seqno < queue->failed)
		*status = 0;
	else
		*status = seqno == queue->failed ? queue->first_error : queue->rest_error;
	spin_unlock_irq(&queue->irq_lock);
	return done;
}

static int neuron_queue_wait(struct neuron_queue *queue, struct drm_neuron_wait *args)
{
	s32 status = 0;
	long ret;

	if (!args->seqno || args->seqno > READ_ONCE(queue->submitted))
		return -EINVAL;

	/* No drm_dev_enter(): remove must not wait for us, it ends the wait. */
	ret = wait_event_interruptible_timeout(queue->wait,
					       neuron_queue_job_done(queue, args->seqno, &status),
					       drm_timeout_abs_to_jiffies(args->timeout_ns));
	if (ret < 0)
		return ret;
	if (!ret)
		return -ETIME;

	args->status = status;
	return 0;
}

int neuron_wait_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_wait *args = data;
	struct neuron_queue *queue;
	int ret;

	if (args->pad || args->pad2)
		return -EINVAL;

	queue = neuron_queue_find(file->driver_priv, args->queue_id);
	if (!queue)
		return -ENOENT;
	ret = neuron_queue_wait(queue, args);
	neuron_queue_put(queue);
	return ret;
}

static_assert(sizeof(struct neuron_raw_packet) == NRN_PACKET_BYTES);
