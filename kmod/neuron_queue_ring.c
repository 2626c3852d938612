// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-mapping.h>

#include "neuron_bounce.h"
#include "neuron_bug.h"
#include "neuron_device.h"
#include "neuron_hw.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_stall.h"
#include "neuron_tdr.h"
#include "neuron_trace.h"

/**
 * DOC: Rings
 *
 * The ring of a kernel-mode queue, its seqno page and its stamps are coherent memory that no
 * context can reach. A submitter writes behind the tail; the device counts the packets that it has
 * retired, and what lies before that count is free again.
 *
 * The device stamps a job in the entry of the job's last packet, where the packet after next round
 * overwrites it. So the times are copied when the job is collected, to an array by job: it reaches
 * as far back as the ring is long, in jobs, and outlives the ring.
 */

size_t neuron_queue_ring_bytes(const struct neuron_queue *queue)
{
	return (size_t)NRN_PACKET_BYTES << queue->ring_log2;
}

size_t neuron_queue_stamp_bytes(const struct neuron_queue *queue)
{
	return sizeof(struct nrn_stamp) << queue->ring_log2;
}

static void neuron_queue_free_dma(struct neuron_queue *queue, void *ring, void *seqno, void *stamps)
{
	struct device *dev = neuron_dma_dev(queue->ndev);

	dma_free_coherent(dev, neuron_queue_ring_bytes(queue), ring, queue->ring_dma);
	dma_free_coherent(dev, NRN_PAGE_SIZE, seqno, queue->seqno_dma);
	dma_free_coherent(dev, neuron_queue_stamp_bytes(queue), stamps, queue->stamps_dma);
}

/* The device has let go of the ring, or never knew it. May be called twice. */
void neuron_queue_free_ring(struct neuron_queue *queue)
{
	void *ring, *seqno, *stamps;

	/* A submitter may still write packets, and the watchdog look at the seqno. */
	mutex_lock(&queue->stop_lock);
	spin_lock_irq(&queue->irq_lock);
	ring = queue->ring;
	seqno = queue->seqno;
	stamps = queue->stamps;
	queue->ring = NULL;
	queue->seqno = NULL;
	queue->stamps = NULL;
	spin_unlock_irq(&queue->irq_lock);
	mutex_unlock(&queue->stop_lock);

	neuron_queue_free_dma(queue, ring, seqno, stamps);
}

int neuron_queue_alloc_ring(struct neuron_queue *queue)
{
	struct device *dev = neuron_dma_dev(queue->ndev);

	/* Without an IOMMU, the longest ring is all that the page allocator has in one piece. */
	queue->ring = dma_alloc_coherent(dev, neuron_queue_ring_bytes(queue), &queue->ring_dma,
					 GFP_KERNEL | __GFP_NOWARN);
	queue->stamps = dma_alloc_coherent(dev, neuron_queue_stamp_bytes(queue),
					   &queue->stamps_dma, GFP_KERNEL | __GFP_NOWARN);
	queue->seqno = dma_alloc_coherent(dev, NRN_PAGE_SIZE, &queue->seqno_dma, GFP_KERNEL);
	queue->times = kvzalloc(struct_size(queue->times, at, BIT(queue->ring_log2)), GFP_KERNEL);
	if (queue->ring && queue->stamps && queue->seqno && queue->times)
		return 0;

	neuron_queue_free_ring(queue);
	return -ENOMEM;
}

static u64 neuron_queue_room(struct neuron_queue *queue)
{
	return neuron_ring_room(queue->ring_log2, READ_ONCE(queue->head), queue->tail);
}

/* Whether a submitter need not wait any more. */
static bool neuron_queue_admits(struct neuron_queue *queue, u64 count)
{
	return neuron_queue_room(queue) >= count || READ_ONCE(queue->marked) ||
	       NEURON_MISTAKE(RING_OVERRUN); /* room is not looked for */
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
	struct neuron_stall stall;
	int ret;

	lockdep_assert_held(&queue->lock);

	if (queue->polled)
		neuron_queue_retire(queue);
	if (!neuron_queue_admits(queue, count)) {
		if (nonblock)
			return -EAGAIN;
		neuron_stall_begin(&stall, queue, NULL, count);
		ret = neuron_queue_wait_event(queue, neuron_queue_admits, count, KTIME_MAX);
		neuron_stall_end(&stall);
		if (ret)
			return ret;
	}
	return neuron_queue_error(queue);
}

/*
 * Behind the tail, where the device does not look before the doorbell. The device is entered, but
 * the queue may be destroyed meanwhile: then there is no ring, and neuron_queue_push() says so.
 */
void neuron_queue_write(struct neuron_queue *queue, const struct neuron_raw_packet *packets,
			u32 count)
{
	u8 last_flags = NRN_PACKET_FLAG_SEQNO | (queue->polled ? 0 : NRN_PACKET_FLAG_IRQ);

	lockdep_assert_held(&queue->lock);

	mutex_lock(&queue->stop_lock);
	if (NEURON_MISTAKE(EARLY_DOORBELL) && queue->ring) /* "the write will be quick enough" */
		neuron_hw_doorbell(queue->ndev, queue->hw, queue->tail + count);
	if (queue->ring)
		neuron_ring_write(queue->ring, queue->ring_log2, queue->tail, packets, count,
				  last_flags);
	mutex_unlock(&queue->stop_lock);
}

static void neuron_queue_announce_locked(struct neuron_queue *queue, u64 tail)
{
	lockdep_assert_held(&queue->irq_lock);

	if (queue->announced == tail)
		return;
	queue->announced = tail;
	/* First: the device may be done with all of it when the write returns. */
	trace_neuron_job_doorbell(queue->ctx, queue->hw, queue->submitted, tail);
	neuron_hw_doorbell(queue->ndev, queue->hw, tail);
}

/*
 * Tell the device of all jobs that it has not been told of. Does not sleep. The caller need not
 * know that there still is a device.
 */
void neuron_queue_announce(struct neuron_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->irq_lock, flags);
	/* What is not in the list any more, the device knows of, or must not. */
	if (!queue->marked && queue->counting && !list_empty(&queue->jobs))
		neuron_queue_announce_locked(queue, list_last_entry(&queue->jobs,
								    struct neuron_job,
								    link)->end);
	spin_unlock_irqrestore(&queue->irq_lock, flags);
}

/**
 * neuron_queue_push() - hand a job to the device
 * @queue: Queue; its lock is held, and the packets are in the ring.
 * @job: Job with its fence initialised; on success the queue takes over a reference.
 * @count: Packets.
 * @plugged: neuron_queue_announce() will be called.
 *
 * Return: 0, or the reason why the queue takes no jobs.
 */
int neuron_queue_push(struct neuron_queue *queue, struct neuron_job *job, u32 count, bool plugged)
{
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
		if (job->dma)
			list_add_tail(&job->held, &queue->held);
		queue->submitted = job->fence.seqno;
		queue->tail = job->end;
		if (!plugged && !NEURON_MISTAKE(DOORBELL_FORGOTTEN)) /* left to somebody else */
			neuron_queue_announce_locked(queue, queue->tail);
	}
	spin_unlock_irqrestore(&queue->irq_lock, flags);

	if (marked)
		return neuron_queue_error(queue);
	neuron_tdr_kick(queue);
	return 0;
}

/* When a job ran that the device is done with. */
static struct neuron_times neuron_queue_read_stamp(const struct neuron_queue *queue,
						   const struct neuron_job *job)
{
	const struct nrn_stamp *stamp =
		&queue->stamps[neuron_ring_entry(queue->ring_log2, job->end - 1)];

	lockdep_assert_held(&queue->irq_lock);

	return (struct neuron_times){
		.start_ns = le64_to_cpu(READ_ONCE(stamp->start_ns)),
		.end_ns = le64_to_cpu(READ_ONCE(stamp->end_ns)),
	};
}

static void neuron_queue_stamp_locked(struct neuron_queue *queue, struct neuron_job *job)
{
	struct neuron_times times = neuron_queue_read_stamp(queue, job);

	job->start_ns = times.start_ns;
	job->end_ns = times.end_ns;
	queue->times->at[neuron_ring_entry(queue->ring_log2, job->fence.seqno)] = times;
}

/*
 * When a job ran: zeroes if it did not run to its end, or is further back than the ring is long, or
 * if the queue is in user mode, whose stamps the process reads itself.
 */
struct neuron_times neuron_queue_times_locked(struct neuron_queue *queue, u64 seqno)
{
	u32 log2 = queue->ring_log2;

	lockdep_assert_held(&queue->irq_lock);

	if (!queue->times || !neuron_ring_keeps(log2, queue->completed, seqno))
		return (struct neuron_times){};
	return queue->times->at[neuron_ring_entry(log2, seqno)];
}

/* How many packets the device has retired. */
u64 neuron_queue_retired_locked(struct neuron_queue *queue)
{
	u64 head;

	lockdep_assert_held(&queue->irq_lock);

	if (!queue->ring)
		return 0; /* the device was removed */

	head = le64_to_cpu(READ_ONCE(*queue->seqno));
	/* What the job wrote, and its stamp, are read after the seqno that says they are there. */
	dma_rmb();
	return head;
}

/* Moves the jobs that are done to @done. */
void neuron_queue_collect_locked(struct neuron_queue *queue, struct list_head *done)
{
	u64 head = neuron_queue_retired_locked(queue);
	struct neuron_job *job, *next;

	list_for_each_entry_safe(job, next, &queue->jobs, link) {
		if (job->end > head + NEURON_MISTAKE(FENCE_EARLY)) /* off by one */
			break;
		if (job->copy_back) {
			neuron_copy_back_kick(queue);
			break;
		}
		list_move_tail(&job->link, done);
		neuron_queue_stamp_locked(queue, job);
		trace_neuron_job_retire(queue->ctx, queue->hw, job->fence.seqno, job->start_ns,
					job->end_ns);
		queue->completed = job->fence.seqno;
		WRITE_ONCE(queue->head, job->end);
	}
}

/*
 * Seqnos of the first and the last job that is done and has not been collected; zeroes if there is
 * none. What is still to be copied waits for that, and not for an interrupt.
 */
void neuron_queue_uncollected(struct neuron_queue *queue, u64 *first, u64 *last)
{
	struct neuron_job *job;
	u64 head;

	*first = 0;
	*last = 0;
	spin_lock_irq(&queue->irq_lock);
	head = neuron_queue_retired_locked(queue);
	list_for_each_entry(job, &queue->jobs, link) {
		if (job->end > head || job->copy_back)
			break;
		if (!*first)
			*first = job->fence.seqno;
		*last = job->fence.seqno;
	}
	spin_unlock_irq(&queue->irq_lock);
}

/**
 * neuron_queue_note_unheard() - count jobs that no interrupt has told of
 * @queue: Queue with interrupts; the caller completes the jobs next.
 * @last: Seqno of the last of them.
 * @now_ns: What the clock of the device shows, 0 if it does not answer.
 *
 * Return: How many there are.
 */
u64 neuron_queue_note_unheard(struct neuron_queue *queue, u64 last, u64 now_ns)
{
	struct neuron_job *job;
	u64 count = 0;

	spin_lock_irq(&queue->irq_lock);
	list_for_each_entry(job, &queue->jobs, link) {
		u64 end_ns;

		if (job->fence.seqno > last)
			break;
		end_ns = neuron_queue_read_stamp(queue, job).end_ns;
		queue->unheard_job = job->fence.seqno;
		queue->unheard_ns = now_ns > end_ns ? now_ns - end_ns : 0;
		count++;
	}
	queue->unheard += count;
	spin_unlock_irq(&queue->irq_lock);
	return count;
}

/* Moves the jobs that the device will not finish to @done, with their errors. */
void neuron_queue_abandon_locked(struct neuron_queue *queue, struct list_head *done)
{
	u32 log2 = queue->ring_log2;
	struct neuron_job *job;

	lockdep_assert_held(&queue->irq_lock);

	list_for_each_entry(job, &queue->jobs, link) {
		u64 seqno = job->fence.seqno;

		if (!queue->failed)
			queue->failed = seqno;
		queue->times->at[neuron_ring_entry(log2, seqno)] = (struct neuron_times){};
		dma_fence_set_error(&job->fence, seqno == queue->failed ? queue->first_error :
									  queue->rest_error);
	}
	list_splice_tail_init(&queue->jobs, done);
	queue->completed = queue->submitted;
}
