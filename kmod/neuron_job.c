// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/slab.h>

#include "neuron_compat.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_trace.h"
#include "neuron_uring.h"

static const char *neuron_fence_driver_name(struct dma_fence *fence)
{
	return "neuron";
}

static const char *neuron_fence_timeline_name(struct dma_fence *fence)
{
	return "queue";
}

static const struct dma_fence_ops neuron_fence_ops = {
	NEURON_FENCE_SEQNO64
	.get_driver_name = neuron_fence_driver_name,
	.get_timeline_name = neuron_fence_timeline_name,
};

/* To be freed with kfree() before its fence is initialised, with dma_fence_put() after. */
struct neuron_job *neuron_job_alloc(void)
{
	struct neuron_job *job;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return NULL;

	spin_lock_init(&job->lock);
	INIT_LIST_HEAD(&job->link);
	return job;
}

void neuron_job_init_fence(struct neuron_job *job, u64 context, u64 seqno)
{
	dma_fence_init64(&job->fence, &neuron_fence_ops, &job->lock, context, seqno);
}

/**
 * neuron_jobs_finish() - complete jobs that left their queue's list
 * @queue: Queue of the jobs, for the trace only.
 * @jobs: Jobs, in order, errors set. Their references are dropped.
 *
 * Called in any context, without the queue's lock: the callbacks of a fence are foreign code.
 */
void neuron_jobs_finish(struct neuron_queue *queue, struct list_head *jobs)
{
	struct neuron_job *job, *next;

	list_for_each_entry_safe(job, next, jobs, link) {
		list_del_init(&job->link);
		trace_neuron_job_done(queue->ctx, queue->hw, job->fence.seqno, job->fence.error);
		dma_fence_signal(&job->fence);
		neuron_uring_job_done(job);
		dma_fence_put(&job->fence);
	}
}

static_assert(offsetof(struct neuron_job, fence) == 0);
