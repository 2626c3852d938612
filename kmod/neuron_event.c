// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/ktime.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/neuron_accel.h>

#include "neuron_device.h"
#include "neuron_event.h"
#include "neuron_job.h"
#include "neuron_queue.h"

/**
 * DOC: Events for user space
 *
 * A file that asks for events becomes a listener. The DRM core keeps the events of a file until
 * they are read, and bounds the memory for them; what does not fit is dropped and counted.
 *
 * Events are sent by those that complete fences, hence GFP_NOWAIT and a spinlock.
 */

/*
 * struct neuron_pending_event: an event on its way; the DRM core frees it
 */
struct neuron_pending_event {
	struct drm_pending_event base;
	struct drm_neuron_event event;
};

/* struct drm_neuron_event begins with the one of DRM. */
static_assert(offsetof(struct drm_neuron_event, type) == offsetof(struct drm_event, type));
static_assert(offsetof(struct drm_neuron_event, length) == offsetof(struct drm_event, length));

static bool neuron_event_enter(struct drm_device *drm, struct neuron_file *nfile,
			       const struct drm_neuron_event *event)
{
	struct neuron_pending_event *pending;

	lockdep_assert_held(&drm->event_lock);

	pending = kzalloc(sizeof(*pending), GFP_NOWAIT | __GFP_NOWARN);
	if (!pending)
		return false;

	pending->event = *event;
	pending->event.length = sizeof(pending->event);
	pending->event.dropped = nfile->listener.dropped;
	if (drm_event_reserve_init_locked(drm, nfile->drm_file, &pending->base,
					  (struct drm_event *)&pending->event)) {
		kfree(pending);
		return false;
	}
	drm_send_event_locked(drm, &pending->base);
	return true;
}

static void neuron_event_send_locked(struct drm_device *drm, struct neuron_file *nfile, u32 kind,
				     struct drm_neuron_event *event)
{
	struct neuron_listener *listener = &nfile->listener;

	lockdep_assert_held(&drm->event_lock);

	if (!(listener->mask & kind))
		return;

	event->type = DRM_NEURON_EVENT_TYPE | kind;
	if (neuron_event_enter(drm, nfile, event))
		listener->dropped = 0;
	else
		listener->dropped++;
}

/* To the file that has the context, or to all. */
static void neuron_event_send(struct neuron_device *ndev, const u32 *ctx, u32 kind,
			      struct drm_neuron_event *event)
{
	struct drm_device *drm = &ndev->drm;
	struct neuron_file *nfile;
	unsigned long flags;

	event->time_ns = ktime_get_ns();

	spin_lock_irqsave(&drm->event_lock, flags);
	list_for_each_entry(nfile, &ndev->listeners, listener.link)
		if (!ctx || nfile->ctx == *ctx)
			neuron_event_send_locked(drm, nfile, kind, event);
	spin_unlock_irqrestore(&drm->event_lock, flags);
}

/*
 * The queue was marked because of a fault of its own, or by the watchdog. Its jobs are completed
 * after this, so that who sees the end of a job can read why.
 */
void neuron_event_send_fault(struct neuron_queue *queue)
{
	const struct nrn_event_record *fault = &queue->fault;
	struct drm_neuron_event event = { .queue_id = queue->id };
	struct neuron_job *job;

	spin_lock_irq(&queue->irq_lock);
	if (queue->state == DRM_NEURON_QUEUE_FAULTED) {
		event.code = le16_to_cpu(fault->code);
		event.seqno = queue->fault_seqno;
		event.va = le64_to_cpu(fault->va);
		event.info = le64_to_cpu(fault->info);
	} else {
		job = list_first_entry_or_null(&queue->jobs, struct neuron_job, link);
		event.seqno = job ? job->fence.seqno : queue->completed + 1;
	}
	spin_unlock_irq(&queue->irq_lock);

	neuron_event_send(queue->ndev, &queue->ctx, DRM_NEURON_EVENT_FAULT, &event);
}

/* Once new queues work again. */
void neuron_event_send_reset(struct neuron_device *ndev)
{
	struct drm_neuron_event event = { .info = atomic_read(&ndev->reset_count) };

	neuron_event_send(ndev, NULL, DRM_NEURON_EVENT_RESET, &event);
}

/**
 * neuron_event_send_ras() - tell a file of an error of HBM
 * @nfile: File, under neuron_device.files_lock.
 * @ecc: The error.
 * @own: Whether it lies in a buffer of the file: others are not told where it is.
 */
void neuron_event_send_ras(struct neuron_file *nfile, const struct neuron_ecc *ecc, bool own)
{
	struct drm_device *drm = &nfile->ndev->drm;
	struct drm_neuron_event event = {
		.code = ecc->code,
		.va = own ? ecc->offset : U64_MAX,
		.time_ns = ecc->time_ns,
	};
	unsigned long flags;

	spin_lock_irqsave(&drm->event_lock, flags);
	neuron_event_send_locked(drm, nfile, DRM_NEURON_EVENT_RAS, &event);
	spin_unlock_irqrestore(&drm->event_lock, flags);
}

/* Before the DRM core frees the events of the file: none may come after that. */
void neuron_event_file_release(struct neuron_file *nfile)
{
	struct drm_device *drm = &nfile->ndev->drm;

	spin_lock_irq(&drm->event_lock);
	WRITE_ONCE(nfile->listener.mask, 0);
	list_del_init(&nfile->listener.link);
	spin_unlock_irq(&drm->event_lock);
}

int neuron_event_mask_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_file *nfile = file->driver_priv;
	struct neuron_listener *listener = &nfile->listener;
	struct drm_neuron_event_mask *args = data;

	if (args->pad || args->mask & ~(DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET |
					DRM_NEURON_EVENT_RAS))
		return -EINVAL;

	spin_lock_irq(&drm->event_lock);
	WRITE_ONCE(listener->mask, args->mask);
	if (args->mask && list_empty(&listener->link))
		list_add_tail(&listener->link, &nfile->ndev->listeners);
	spin_unlock_irq(&drm->event_lock);
	return 0;
}
