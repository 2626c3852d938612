// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>

#include "neuron_device.h"
#include "neuron_hw.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_trace.h"

/**
 * DOC: Rings
 *
 * The ring of a kernel-mode queue, and its seqno page, are coherent memory that no context can
 * reach. A submitter writes behind the tail; the device counts the packets that it has retired,
 * and what lies before that count is free again.
 */

static size_t neuron_queue_ring_bytes(const struct neuron_queue *queue)
{
	return (size_t)NRN_PACKET_BYTES << queue->ring_log2;
}

int neuron_queue_alloc_ring(struct neuron_queue *queue)
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

static void neuron_queue_free_dma(struct neuron_queue *queue, void *ring, void *seqno)
{
	struct device *dev = neuron_dma_dev(queue->ndev);

	dma_free_coherent(dev, neuron_queue_ring_bytes(queue), ring, queue->ring_dma);
	dma_free_coherent(dev, NRN_PAGE_SIZE, seqno, queue->seqno_dma);
}

/* The device has let go of the ring. May be called twice. */
void neuron_queue_free_ring(struct neuron_queue *queue)
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
		neuron_queue_free_dma(queue, ring, seqno);
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
		neuron_hw_doorbell(ndev, queue->hw, queue->tail);
	}
	spin_unlock_irqrestore(&queue->irq_lock, flags);

	if (marked)
		return neuron_queue_error(queue);
	neuron_tdr_kick(queue);
	return 0;
}

/* Moves the jobs that the device is done with to @done. */
void neuron_queue_collect_locked(struct neuron_queue *queue, struct list_head *done)
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

static_assert(sizeof(struct neuron_raw_packet) == NRN_PACKET_BYTES);
