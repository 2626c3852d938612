// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-fence.h>
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/drm_syncobj.h>
#include <drm/neuron_accel.h>

#include "neuron_check.h"
#include "neuron_compat.h"
#include "neuron_device.h"
#include "neuron_dma.h"
#include "neuron_job.h"
#include "neuron_plug.h"
#include "neuron_queue.h"
#include "neuron_stall.h"
#include "neuron_submit.h"
#include "neuron_trace.h"
#include "neuron_uring.h"

/**
 * DOC: Submission
 *
 * The ioctls and the io_uring commands share it: parse what user space gave (may fail in many ways,
 * allocates all that will be needed), wait for the fences to wait for, and commit (after the push
 * nothing can fail any more).
 *
 * With nonblock set, which is how io_uring issues a command first, whatever would wait for another
 * job or for memory gives -EAGAIN instead, before anything has happened that user space could see.
 * What is left are page faults on what a SUBMIT command points at.
 */

static gfp_t neuron_submit_gfp(const struct neuron_submission *sub)
{
	return sub->nonblock ? GFP_NOWAIT : GFP_KERNEL;
}

/* dma_fence_chain_alloc() with other flags. */
static struct dma_fence_chain *neuron_submit_alloc_chain(const struct neuron_submission *sub)
{
	return kmalloc(sizeof(struct dma_fence_chain), neuron_submit_gfp(sub));
}

/* Copies @array to @to, whose elements have @size bytes. */
static int neuron_copy_array(void *to, size_t size, const struct drm_neuron_array *array)
{
	void __user *from = u64_to_user_ptr(array->ptr);
	u32 i;
	int ret;

	ret = neuron_check_array(array, size);
	if (ret)
		return ret;
	if (array->stride == size)
		return copy_from_user(to, from, size * array->count) ? -EFAULT : 0;

	for (i = 0; i < array->count; i++) {
		ret = copy_struct_from_user(to, size, from, array->stride);
		if (ret)
			return ret;
		to += size;
		from += array->stride;
	}
	return 0;
}

static struct neuron_raw_packet *neuron_submit_alloc_packets(const struct neuron_submission *sub)
{
	if (sub->nonblock) /* vmalloc() knows no GFP_NOWAIT */
		return kmalloc_array(sub->count, sizeof(*sub->packets), GFP_NOWAIT | __GFP_NOWARN);
	return kvmalloc_array(sub->count, sizeof(*sub->packets), GFP_KERNEL);
}

static int neuron_submit_parse_packets(struct neuron_submission *sub,
				       const struct drm_neuron_array *array)
{
	int ret;

	if (!array->count || array->count > BIT(sub->queue->ring_log2 - 1))
		return -EINVAL;

	sub->count = array->count;
	if (sub->count > NEURON_SUBMIT_INLINE) {
		sub->packets = neuron_submit_alloc_packets(sub);
		if (!sub->packets)
			return -ENOMEM;
	}

	ret = neuron_copy_array(sub->packets, sizeof(*sub->packets), array);
	return ret ?: neuron_check_packets(sub->packets, sub->count);
}

static int neuron_submit_add_in(struct neuron_submission *sub, const struct drm_neuron_sync *sync)
{
	struct dma_fence *fence;
	int ret;

	ret = drm_syncobj_find_fence(sub->nfile->drm_file, sync->handle, sync->point, 0, &fence);
	if (ret)
		return ret;
	sub->in[sub->num_in++] = fence;
	return 0;
}

static int neuron_submit_add_out(struct neuron_submission *sub, const struct drm_neuron_sync *sync)
{
	struct neuron_sync_out *out = &sub->out[sub->num_out];

	out->syncobj = drm_syncobj_find(sub->nfile->drm_file, sync->handle);
	if (!out->syncobj)
		return -ENOENT;
	sub->num_out++;

	out->point = sync->point;
	if (!out->point)
		return 0;
	out->chain = neuron_submit_alloc_chain(sub);
	return out->chain ? 0 : -ENOMEM;
}

static int neuron_submit_add_sync(struct neuron_submission *sub, const struct drm_neuron_sync *sync)
{
	switch (sync->flags) {
	case DRM_NEURON_SYNC_WAIT:
		return neuron_submit_add_in(sub, sync);
	case DRM_NEURON_SYNC_SIGNAL:
		return neuron_submit_add_out(sub, sync);
	default:
		return -EINVAL;
	}
}

/* The points to wait for, and those to signal. */
int neuron_submit_parse_syncs(struct neuron_submission *sub, const struct drm_neuron_array *array)
{
	gfp_t gfp = neuron_submit_gfp(sub);
	struct drm_neuron_sync *syncs;
	int ret;
	u32 i;

	if (!array->count)
		return 0;
	if (array->count > NEURON_SUBMIT_SYNCS)
		return -EINVAL;

	syncs = kcalloc(array->count, sizeof(*syncs), gfp);
	sub->in = kcalloc(array->count, sizeof(*sub->in), gfp);
	sub->out = kcalloc(array->count, sizeof(*sub->out), gfp);
	ret = syncs && sub->in && sub->out ? neuron_copy_array(syncs, sizeof(*syncs), array) :
					     -ENOMEM;
	for (i = 0; !ret && i < array->count; i++)
		ret = neuron_submit_add_sync(sub, &syncs[i]);
	kfree(syncs);
	return ret;
}

/* io_uring polls for queues without interrupts, and for them only. */
static bool neuron_submit_suits(const struct neuron_submission *sub)
{
	return !sub->ioucmd || sub->queue->polled == !!(sub->issue_flags & IO_URING_F_IOPOLL);
}

/**
 * neuron_submit_begin() - find the queue, and make what each job needs
 * @sub: Submission, zero but for who submits and how.
 * @queue_id: Queue.
 *
 * To be ended with neuron_submit_cleanup(), even when it fails.
 */
int neuron_submit_begin(struct neuron_submission *sub, u32 queue_id)
{
	sub->packets = sub->inline_packets;
	sub->queue = neuron_queue_find(sub->nfile, queue_id);
	if (!sub->queue)
		return -ENOENT;
	/* The process writes the ring itself. */
	if (sub->queue->user)
		return -EINVAL;
	if (!neuron_submit_suits(sub))
		return -EOPNOTSUPP;

	sub->chain = neuron_submit_alloc_chain(sub);
	sub->job = neuron_job_alloc(neuron_submit_gfp(sub));
	return sub->chain && sub->job ? 0 : -ENOMEM;
}

void neuron_submit_cleanup(struct neuron_submission *sub)
{
	u32 i;

	for (i = 0; i < sub->num_in; i++)
		dma_fence_put(sub->in[i]);
	for (i = 0; i < sub->num_out; i++) {
		dma_fence_chain_free(sub->out[i].chain);
		drm_syncobj_put(sub->out[i].syncobj);
	}
	kfree(sub->in);
	kfree(sub->out);
	dma_fence_chain_free(sub->chain);
	kfree(sub->job);
	if (sub->packets != sub->inline_packets)
		kvfree(sub->packets);
	if (sub->dma)
		neuron_dma_free(sub->dma);
	if (sub->queue)
		neuron_queue_put(sub->queue);
}

/* Wait for the points to wait for. */
int neuron_submit_wait(struct neuron_submission *sub)
{
	struct neuron_stall stall;
	long ret;
	u32 i;

	for (i = 0; i < sub->num_in; i++) {
		if (dma_fence_is_signaled(sub->in[i]))
			continue;
		if (sub->nonblock)
			return -EAGAIN;
		neuron_stall_begin(&stall, sub->queue, sub->in[i], sub->count);
		ret = dma_fence_wait(sub->in[i], true);
		neuron_stall_end(&stall);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * drm_syncobj_add_point() walks the chain to let go of what has signalled, link by link as long as
 * jobs are in flight: with many of them, that would be most of what a job costs. It is enough to
 * walk now and then. Between the walks a link is added as it is there, but in two steps: a point
 * that user space adds to the queue's own timeline meanwhile is lost.
 */
#define NEURON_SUBMIT_WALK 64

static void neuron_submit_add_own_point(struct neuron_submission *sub, struct dma_fence *fence)
{
	struct drm_syncobj *syncobj = sub->queue->syncobj;
	struct dma_fence_chain *chain = sub->chain;

	sub->chain = NULL;
	if (!(fence->seqno % NEURON_SUBMIT_WALK)) {
		drm_syncobj_add_point(syncobj, chain, fence, fence->seqno);
		return;
	}

	dma_fence_chain_init(chain, drm_syncobj_fence_get(syncobj), dma_fence_get(fence),
			     fence->seqno);
	drm_syncobj_replace_fence(syncobj, &chain->base);
	dma_fence_put(&chain->base);
}

/* The fence is out from here on: nothing may fail, and nothing may be allocated. */
static void neuron_submit_publish(struct neuron_submission *sub, struct dma_fence *fence)
{
	struct neuron_sync_out *out;
	u32 i;

	neuron_submit_add_own_point(sub, fence);

	for (i = 0; i < sub->num_out; i++) {
		out = &sub->out[i];
		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
		else
			drm_syncobj_replace_fence(out->syncobj, fence);
		out->chain = NULL;
	}
}

/* Packets into the ring, job to the device, fence to the world. The device is entered. */
static int neuron_submit_push(struct neuron_submission *sub, struct neuron_job *job)
{
	struct neuron_queue *queue = sub->queue;
	struct dma_fence *fence = &job->fence;
	bool plugged;
	bool cookie;
	int ret;

	lockdep_assert_held(&queue->lock);

	if (sub->dma) {
		ret = neuron_dma_map(sub->dma, job, sub->packets);
		if (ret)
			return ret;
	}
	neuron_queue_write(queue, sub->packets, sub->count);
	plugged = sub->nonblock && neuron_plug_add(queue);

	cookie = dma_fence_begin_signalling();
	dma_fence_get(fence); /* the queue's */
	ret = neuron_queue_push(queue, job, sub->count, plugged);
	if (!ret)
		neuron_submit_publish(sub, fence);
	else
		dma_fence_put(fence);
	dma_fence_end_signalling(cookie);

	if (!ret)
		sub->dma = NULL; /* the job's: it may be gone already */
	else if (sub->dma)
		neuron_dma_unmap(sub->dma);
	return ret;
}

/*
 * User space learns the number before the job can be done. It may fault, and wait for a page as
 * long as user space likes: that stops other submitters of the queue, but nobody who stops it.
 */
static int neuron_submit_tell_seqno(const struct neuron_submission *sub, u64 seqno)
{
	if (!sub->seqno_ptr)
		return 0;
	return put_user(seqno, sub->seqno_ptr) ? -EFAULT : 0;
}

static int neuron_submit_commit_locked(struct neuron_submission *sub, u64 *seqno)
{
	struct drm_device *drm = &sub->nfile->ndev->drm;
	struct neuron_job *job = sub->job;
	int ret;
	int idx;

	lockdep_assert_held(&sub->queue->lock);

	/* Outside drm_dev_enter(): remove must not wait for room, it makes the wait end. */
	ret = neuron_queue_reserve(sub->queue, sub->count, sub->nonblock);
	if (ret)
		return ret;

	*seqno = sub->queue->submitted + 1;
	ret = neuron_submit_tell_seqno(sub, *seqno);
	if (ret)
		return ret;
	neuron_job_init_fence(job, sub->queue->fence_context, *seqno);
	sub->job = NULL;
	trace_neuron_job_create(sub->queue->ctx, sub->queue->hw, *seqno, sub->count, sub->dma);

	/* Outside as well: a worker takes uring_lock, whose holder may wait for user memory. */
	if (sub->ioucmd)
		neuron_uring_arm(job, sub);

	ret = -ENODEV;
	if (drm_dev_enter(drm, &idx)) {
		ret = neuron_submit_push(sub, job);
		drm_dev_exit(idx);
	}

	if (ret) /* the number was writable a moment ago; who has taken it away is not told */
		neuron_submit_tell_seqno(sub, 0);
	if (sub->ioucmd)
		ret = ret ? neuron_uring_disarm(job, sub, ret) : -EIOCBQUEUED;
	dma_fence_put(&job->fence);
	return ret;
}

/**
 * neuron_submit_commit() - hand the job to the device
 * @sub: Submission; what it waits for has signalled.
 * @seqno: Number of the job.
 *
 * Return: 0, or -EIOCBQUEUED if a command completes with the job, or an error, as long as nothing
 * has happened.
 */
int neuron_submit_commit(struct neuron_submission *sub, u64 *seqno)
{
	struct mutex *lock = &sub->queue->lock;
	int ret;

	if (sub->nonblock) {
		if (!mutex_trylock(lock))
			return -EAGAIN;
	} else {
		ret = mutex_lock_interruptible(lock);
		if (ret)
			return ret;
	}
	ret = neuron_submit_commit_locked(sub, seqno);
	mutex_unlock(lock);
	return ret;
}

static int neuron_submit(struct neuron_submission *sub, const struct drm_neuron_submit *args,
			 u64 *seqno)
{
	int ret;

	if (args->flags)
		return -EINVAL;

	ret = neuron_submit_begin(sub, args->queue_id);
	if (!ret)
		ret = neuron_submit_parse_packets(sub, &args->packets);
	if (!ret)
		ret = neuron_submit_parse_syncs(sub, &args->syncs);
	if (!ret)
		ret = neuron_submit_wait(sub);
	if (!ret)
		ret = neuron_submit_commit(sub, seqno);
	neuron_submit_cleanup(sub);
	return ret;
}

int neuron_submit_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_submit *args = data;
	struct neuron_submission sub;
	u64 seqno;
	int ret;

	neuron_submit_init(&sub, file->driver_priv);
	ret = neuron_submit(&sub, args, &seqno);
	if (!ret)
		args->seqno = seqno;
	return ret;
}

#if IS_ENABLED(CONFIG_IO_URING)
/* How io_uring issues a command. */
void neuron_submit_init_uring(struct neuron_submission *sub, struct io_uring_cmd *ioucmd,
			      unsigned int issue_flags)
{
	struct drm_file *file = ioucmd->file->private_data;

	neuron_submit_init(sub, file->driver_priv);
	sub->nonblock = issue_flags & IO_URING_F_NONBLOCK;
	sub->ioucmd = ioucmd;
	sub->issue_flags = issue_flags;
}

/* What io_uring is told of an error. */
int neuron_submit_uring_result(const struct neuron_submission *sub, int ret)
{
	switch (ret) {
	case -ERESTARTSYS: /* there is no restart: a signal here means that the ring goes away */
		return -EINTR;
	case -ENOMEM: /* a worker may wait for memory */
		return sub->nonblock ? -EAGAIN : ret;
	default:
		return ret;
	}
}

/*
 * Return: -EIOCBQUEUED when the command completes with its job, -EAGAIN to be called again where
 * sleeping is fine.
 */
int neuron_submit_uring(struct drm_neuron_submit __user *ptr, struct io_uring_cmd *ioucmd,
			unsigned int issue_flags)
{
	struct neuron_submission sub;
	struct drm_neuron_submit args;
	u64 seqno;

	if (copy_from_user(&args, ptr, sizeof(args)))
		return -EFAULT;

	neuron_submit_init_uring(&sub, ioucmd, issue_flags);
	sub.seqno_ptr = &ptr->seqno;
	return neuron_submit_uring_result(&sub, neuron_submit(&sub, &args, &seqno));
}

/* The same for a packet that the caller has copied from the command. */
int neuron_submit_uring_inline(u32 queue_id, const struct neuron_raw_packet *packet,
			       struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	struct neuron_submission sub;
	u64 seqno;
	int ret;

	neuron_submit_init_uring(&sub, ioucmd, issue_flags);
	ret = neuron_submit_begin(&sub, queue_id);
	if (!ret) {
		sub.count = 1;
		sub.packets[0] = *packet;
		ret = neuron_check_packets(sub.packets, sub.count);
	}
	if (!ret)
		ret = neuron_submit_commit(&sub, &seqno);
	neuron_submit_cleanup(&sub);
	return neuron_submit_uring_result(&sub, ret);
}
#endif
