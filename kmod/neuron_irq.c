// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/bitfield.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "neuron_bug.h"
#include "neuron_event.h"
#include "neuron_hw.h"
#include "neuron_irq.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_ring.h"
#include "neuron_trace.h"

/*
 * A queue faults at most once before it is destroyed, and destroying it empties the ring: twice as
 * many records as queues cannot overflow.
 */
#define NEURON_EVENTS_LOG2 8
#define NEURON_EVENTS	   BIT(NEURON_EVENTS_LOG2)

static_assert(NEURON_EVENTS >= 2 * NRN_MAX_QUEUES);
static_assert(sizeof(struct nrn_event_record) == 64);

size_t neuron_events_bytes(void)
{
	return NEURON_EVENTS * sizeof(struct nrn_event_record);
}

int neuron_events_alloc(struct neuron_device *ndev)
{
	struct neuron_events *events = &ndev->events;

	events->ring = dma_alloc_coherent(neuron_dma_dev(ndev), neuron_events_bytes(),
					  &events->dma, GFP_KERNEL);
	return events->ring ? 0 : -ENOMEM;
}

void neuron_events_free(struct neuron_device *ndev)
{
	struct neuron_events *events = &ndev->events;

	dma_free_coherent(neuron_dma_dev(ndev), neuron_events_bytes(), events->ring, events->dma);
	events->ring = NULL;
}

/* Tell the device about the ring: at probe, and after each reset. */
void neuron_events_start(struct neuron_device *ndev)
{
	struct neuron_events *events = &ndev->events;

	mutex_lock(&events->lock);
	neuron_wr32(ndev, NRN_REG_GLOBAL_EVENT_RING_LOG2, NEURON_EVENTS_LOG2);
	events->head = neuron_rd32(ndev, NRN_REG_GLOBAL_EVENT_TAIL);
	neuron_wr32(ndev, NRN_REG_GLOBAL_EVENT_HEAD, events->head);
	neuron_wr64(ndev, NRN_REG_GLOBAL_EVENT_RING_BASE, events->dma);
	mutex_unlock(&events->lock);
}

/* Keeps the first fault, and names the job and the packet in it. */
static void neuron_fault_record(struct neuron_queue *queue, const struct nrn_event_record *rec)
{
	u64 packet = le64_to_cpu(rec->packet);
	struct neuron_job *job;

	spin_lock_irq(&queue->irq_lock);
	if (!queue->fault.code) {
		queue->fault = *rec;
		if (queue->user)
			queue->fault_seqno = packet + 1;
		list_for_each_entry(job, &queue->jobs, link) {
			if (packet < job->first || packet >= job->end)
				continue;
			queue->fault_seqno = job->fence.seqno;
			queue->fault_packet = packet - job->first;
			break;
		}
	}
	spin_unlock_irq(&queue->irq_lock);
}

/* The device has stopped the other queues of the context as well. */
static void neuron_fault_stop_others(struct neuron_device *ndev, struct neuron_queue *guilty)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;
	u32 status;

	while ((queue = neuron_queue_next(ndev, queue))) {
		if (queue->ctx != guilty->ctx || queue == guilty)
			continue;

		/* One that was created after the fault goes on: ask the device. */
		status = neuron_rd32(ndev, NRN_REG_QUEUE_STATUS(queue->hw));
		if (FIELD_GET(NRN_QUEUE_STATUS_STATE, status) != NRN_QUEUE_STATE_STOPPED)
			continue;

		neuron_queue_mark(queue, DRM_NEURON_QUEUE_CANCELED, -ECANCELED, -ECANCELED);
		neuron_queue_flush(queue);
	}
}

static void neuron_fault_stop(struct neuron_queue *queue)
{
	if (neuron_queue_mark(queue, DRM_NEURON_QUEUE_FAULTED, -EIO, -ECANCELED))
		neuron_event_send_fault(queue);
	neuron_queue_flush(queue);
	neuron_fault_stop_others(queue->ndev, queue);
}

/* @dump: reset_sem is held for writing, and an administrator wants a coredump. */
static void neuron_fault_handle(struct neuron_device *ndev, const struct nrn_event_record *rec,
				bool dump)
{
	u32 ctx = le16_to_cpu(rec->ctx), hw = le16_to_cpu(rec->queue);
	struct neuron_queue *queue;

	trace_neuron_fault(ctx, hw, le16_to_cpu(rec->code), rec->unit, le64_to_cpu(rec->packet),
			   le64_to_cpu(rec->va), le64_to_cpu(rec->info));

	queue = hw < ndev->info.queues ? neuron_queue_get_hw(ndev, hw) : NULL;
	if (!queue)
		return;

	if (queue->ctx == ctx) {
		neuron_queue_retire(queue);
		neuron_fault_record(queue, rec);
		if (dump)
			neuron_coredump_take(ndev, "a job has faulted", ctx, hw);
		neuron_fault_stop(queue);
	}
	neuron_queue_put(queue);
}

static void neuron_event_handle(struct neuron_device *ndev, const struct nrn_event_record *rec,
				bool dump)
{
	switch (le16_to_cpu(rec->kind)) {
	case NRN_EVENT_FAULT:
		neuron_fault_handle(ndev, rec, dump);
		break;
	case NRN_EVENT_ECC:
		neuron_ras_handle_ecc(ndev, rec);
		break;
	default: /* of a later minor version */
		drm_dbg(&ndev->drm, "event of unknown kind %u\n", le16_to_cpu(rec->kind));
	}
}

/* Return: false if what the device says of the ring cannot be. */
static bool neuron_events_consume(struct neuron_device *ndev, bool dump)
{
	struct neuron_events *events = &ndev->events;
	struct nrn_event_record rec;
	bool sound;
	u32 tail;

	lockdep_assert_held(&ndev->reset_sem);

	if (neuron_hw_is_cut_off(ndev))
		return true;

	mutex_lock(&events->lock);
	tail = neuron_rd32(ndev, NRN_REG_GLOBAL_EVENT_TAIL);
	sound = neuron_ring_is_possible32(NEURON_EVENTS_LOG2, events->head, tail);
	if (sound) {
		while (events->head != tail) {
			rec = *neuron_events_record(ndev, events->head++);
			neuron_event_handle(ndev, &rec, dump);
		}
		if (!NEURON_MISTAKE(EVENTS_NOT_RETURNED)) /* the device is not told */
			neuron_wr32(ndev, NRN_REG_GLOBAL_EVENT_HEAD, events->head);
	}
	mutex_unlock(&events->lock);
	return sound;
}

/*
 * Consume the event ring. The device is entered; reset_sem is held, because a reset starts the ring
 * anew.
 */
void neuron_events_process(struct neuron_device *ndev)
{
	neuron_events_consume(ndev, false);
}

/* Where the record with this index, free running, is or was. */
const struct nrn_event_record *neuron_events_record(struct neuron_device *ndev, u32 index)
{
	return &ndev->events.ring[neuron_ring_entry(NEURON_EVENTS_LOG2, index)];
}

static bool neuron_events_consume_all(struct neuron_device *ndev)
{
	bool sound;

	/* What a coredump shows must stand still. */
	if (READ_ONCE(ndev->coredump.on_fault)) {
		down_write(&ndev->reset_sem);
		sound = neuron_events_consume(ndev, true);
		up_write(&ndev->reset_sem);
	} else {
		down_read(&ndev->reset_sem);
		sound = neuron_events_consume(ndev, false);
		up_read(&ndev->reset_sem);
	}
	return sound;
}

static irqreturn_t neuron_event_thread(int irq, void *arg)
{
	struct neuron_vector *vector = arg;
	struct neuron_device *ndev = vector->ndev;
	bool cookie;
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return IRQ_HANDLED;

	cookie = dma_fence_begin_signalling();
	if (!neuron_events_consume_all(ndev))
		neuron_device_reset(ndev, "the event ring is inconsistent");
	dma_fence_end_signalling(cookie);
	drm_dev_exit(idx);
	return IRQ_HANDLED;
}

/* In hard irq: there is little to do, and who waits for a job wants to know at once. */
static irqreturn_t neuron_queue_irq(int irq, void *arg)
{
	struct neuron_vector *vector = arg;
	struct neuron_queue *queue;
	unsigned long flags;

	if (neuron_should_fail(vector->ndev, NEURON_FAIL_INTERRUPT))
		return IRQ_HANDLED;

	spin_lock_irqsave(&vector->lock, flags);
	list_for_each_entry(queue, &vector->queues, vector_link)
		neuron_queue_retire(queue);
	spin_unlock_irqrestore(&vector->lock, flags);
	return IRQ_HANDLED;
}

/* Queues take the vectors in turns. */
void neuron_vector_add(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->ndev;
	u32 turn = atomic_inc_return(&ndev->next_vector);
	struct neuron_vector *vector = &ndev->vectors[1 + turn % (ndev->num_vectors - 1)];

	queue->vector = vector;
	/* A queue without interrupts only has a number to give to the device. */
	if (queue->polled || NEURON_MISTAKE(INTERRUPT_IGNORED)) /* nobody listens */
		return;

	spin_lock_irq(&vector->lock);
	list_add_tail(&queue->vector_link, &vector->queues);
	spin_unlock_irq(&vector->lock);
}

/* When it returns, no interrupt handler uses the queue. */
void neuron_vector_remove(struct neuron_queue *queue)
{
	struct neuron_vector *vector = queue->vector;

	spin_lock_irq(&vector->lock);
	list_del_init(&queue->vector_link);
	spin_unlock_irq(&vector->lock);
}

static int neuron_irq_request(struct neuron_vector *vector, int irq)
{
	bool events = vector == vector->ndev->vectors;
	int ret;

	spin_lock_init(&vector->lock);
	INIT_LIST_HEAD(&vector->queues);

	if (events)
		ret = request_threaded_irq(irq, NULL, neuron_event_thread, IRQF_ONESHOT,
					   "neuron-events", vector);
	else
		ret = request_irq(irq, neuron_queue_irq, 0, "neuron-queues", vector);
	if (!ret)
		vector->irq = irq;
	return ret;
}

int neuron_irq_init(struct neuron_device *ndev)
{
	struct pci_dev *pdev = to_pci_dev(ndev->drm.dev);
	int count;
	int ret;
	int i;

	/* One for events and at least one for queues. */
	count = pci_alloc_irq_vectors(pdev, 2, NRN_MSIX_VECTORS, PCI_IRQ_MSIX);
	if (count < 0)
		return dev_err_probe(&pdev->dev, count, "cannot get two MSI-X vectors\n");
	ndev->num_vectors = count;

	for (i = 0; i < count; i++) {
		ndev->vectors[i].ndev = ndev;
		ret = neuron_irq_request(&ndev->vectors[i], pci_irq_vector(pdev, i));
		if (ret) {
			neuron_irq_fini(ndev);
			return dev_err_probe(&pdev->dev, ret, "cannot request interrupt %d\n", i);
		}
	}
	return 0;
}

/* When it returns, no handler runs any more. */
void neuron_irq_fini(struct neuron_device *ndev)
{
	struct neuron_vector *vector;
	u32 i;

	for (i = 0; i < ndev->num_vectors; i++) {
		vector = &ndev->vectors[i];
		if (vector->irq)
			free_irq(vector->irq, vector);
		vector->irq = 0;
	}
	pci_free_irq_vectors(to_pci_dev(ndev->drm.dev));
}
