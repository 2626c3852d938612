// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <drm/drm_utils.h>

#include "neuron_device.h"
#include "neuron_queue.h"

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
