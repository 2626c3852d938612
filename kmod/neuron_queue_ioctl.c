// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/capability.h>

#include <drm/drm_drv.h>
#include <drm/drm_syncobj.h>

#include "neuron_check.h"
#include "neuron_device.h"
#include "neuron_doorbell.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_trace.h"

void neuron_queue_fill_limits(struct neuron_file *nfile, struct drm_neuron_query_queues *info)
{
	struct neuron_device *ndev = nfile->ndev;

	info->ring_log2_min = NRN_RING_LOG2_MIN;
	info->ring_log2_max = NRN_RING_LOG2_MAX;
	info->ring_log2_default = NEURON_RING_LOG2_DEFAULT;
	info->coalesce_count_max = NEURON_COALESCE_COUNT_MAX;
	info->coalesce_usecs_max = NEURON_COALESCE_USECS_MAX;
	info->timeout_ms_default = READ_ONCE(nfile->ndev->timeout_ms_default);
	info->timeout_ms_max = NEURON_TIMEOUT_MS_MAX;
	info->queues_max = min(ndev->info.queues, NEURON_FILE_QUEUES);
	info->queues_user_max = neuron_user_limit(ndev, nfile->user, NEURON_QUEUES);
}

const char *neuron_queue_mode_name(const struct neuron_queue *queue)
{
	if (queue->user)
		return "user";
	return queue->polled ? "polled" : "kernel";
}

const char *neuron_queue_state_name(enum drm_neuron_queue_state state)
{
	switch (state) {
	case DRM_NEURON_QUEUE_OK:
		return "ok";
	case DRM_NEURON_QUEUE_FAULTED:
		return "faulted";
	case DRM_NEURON_QUEUE_TIMED_OUT:
		return "timed out";
	case DRM_NEURON_QUEUE_CANCELED:
		return "canceled";
	case DRM_NEURON_QUEUE_LOST:
		return "lost";
	default:
		return "?";
	}
}

/* What user space gets for the queue besides its id. */
static int neuron_queue_get_handle(struct neuron_file *nfile, struct neuron_queue *queue,
				   struct drm_neuron_queue_create *args)
{
	u32 syncobj = 0, doorbell = 0;
	int ret;

	if (queue->user)
		ret = neuron_doorbell_handle(nfile, &doorbell);
	else
		ret = drm_syncobj_get_handle(nfile->drm_file, queue->syncobj, &syncobj);
	if (ret)
		return ret;

	args->syncobj = syncobj;
	args->doorbell_handle = doorbell;
	args->doorbell_offset = queue->user ? queue->hw * NRN_DOORBELL_STRIDE : 0;
	return 0;
}

static int neuron_queue_create_entered(struct neuron_file *nfile,
				       struct drm_neuron_queue_create *args)
{
	struct neuron_queue *queue;
	int ret;
	u32 id;

	/* Only reserved: nobody may find the queue before it is complete. */
	ret = xa_alloc(&nfile->queues, &id, NULL, XA_LIMIT(1, NEURON_FILE_QUEUES), GFP_KERNEL);
	if (ret)
		return ret == -EBUSY ? -ENOSPC : ret;

	queue = neuron_queue_create(nfile, args);
	if (IS_ERR(queue)) {
		ret = PTR_ERR(queue);
		goto err_erase;
	}

	ret = neuron_queue_get_handle(nfile, queue, args);
	if (ret)
		goto err_kill;

	queue->id = id;
	args->queue_id = id;
	trace_neuron_queue_create(queue->ctx, queue->hw, id, args->flags, queue->priority,
				  queue->ring_log2);
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

	ret = neuron_check_queue_create(args);
	if (ret)
		return ret;
	if (args->priority == DRM_NEURON_PRIORITY_HIGH && !capable(CAP_SYS_NICE))
		return -EACCES;

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
	args->busy_ns = queue->busy_ns;
	args->core_ns = queue->core_ns;
	args->priority = queue->priority;
	args->flags = (queue->user ? DRM_NEURON_QUEUE_USER : 0) |
		      (queue->polled ? DRM_NEURON_QUEUE_POLLED : 0);
}

int neuron_queue_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_queue_query *args = data;
	struct neuron_queue *queue;

	queue = neuron_queue_find(file->driver_priv, args->queue_id);
	if (!queue)
		return -ENOENT;

	spin_lock_irq(&queue->irq_lock);
	neuron_queue_sample_locked(queue);
	neuron_queue_fill_query(queue, args);
	spin_unlock_irq(&queue->irq_lock);
	neuron_queue_put(queue);
	return 0;
}
