// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <drm/drm_drv.h>
#include <drm/drm_syncobj.h>

#include "neuron_device.h"
#include "neuron_queue.h"

#define NEURON_RING_LOG2_DEFAULT  10
#define NEURON_TIMEOUT_MS_DEFAULT (10 * MSEC_PER_SEC)
/* A fence must signal in finite time, whatever user space asks for. */
#define NEURON_TIMEOUT_MS_MAX (60 * 60 * MSEC_PER_SEC)

static int neuron_queue_create_entered(struct neuron_file *nfile,
				       struct drm_neuron_queue_create *args)
{
	u32 ring_log2 = args->ring_log2 ?: NEURON_RING_LOG2_DEFAULT;
	u32 timeout_ms = args->timeout_ms ?: NEURON_TIMEOUT_MS_DEFAULT;
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
	ret = nfile->ndev->wedged ? -EIO : neuron_queue_create_entered(nfile, args);
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
