// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/neuron_accel.h>

#include "neuron_compat.h"
#include "neuron_device.h"
#include "neuron_dma.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_submit.h"
#include "neuron_trace.h"
#include "neuron_uring.h"
#include "neuron_waiter.h"

/**
 * DOC: io_uring
 *
 * A command is issued with the ring's uring_lock held and IO_URING_F_NONBLOCK, or by a worker that
 * may sleep when the first attempt gave -EAGAIN. The SQE is memory that user space may write
 * meanwhile: each field is read once. ``current`` may be the worker, or the ring's polling thread:
 * the file says who submits.
 *
 * Who completes a command, and under which lock:
 *
 * SUBMIT, SUBMIT_INLINE
 *	is armed when the job is sure to have a place in the ring. From then on job->ioucmd points
 *	at the command, and there are three parties that may complete it: the job when it is done,
 *	the issuer when the push fails after all, and io_uring when the ring or the task goes away.
 *	Who takes job->ioucmd out with xchg() does it. The job does it in any context, also in hard
 *	irq, so it leaves the completion to task work.
 * DMA
 *	is the same, but neuron_dma.c tells that the job is done, once the memory is given back.
 * WAIT
 *	is a waiter of its queue. Parties are the queue, the timer, io_uring and WAIT_CANCEL; who
 *	takes the waiter under the queue's irq_lock completes. Queue, timer and WAIT_CANCEL leave
 *	that to task work.
 * SUBMIT, SUBMIT_INLINE in a ring with IORING_SETUP_IOPOLL
 *	are completed by nobody but the ring that polls for them, with uring_lock held, see
 *	neuron_uring_cmd_iopoll(). job->ioucmd stays NULL; io_uring does not cancel them.
 *
 * io_uring may call with IO_URING_F_CANCEL until io_uring_cmd_done() has returned. Until then the
 * command holds a reference to the job, or to the waiter.
 *
 * A cancelled command leaves its job alone. The job touches nothing but memory that is bound to the
 * context or pinned for it, and ends with its queue at the latest. A command in flight holds its
 * file, so a file that is closed has none.
 */

/*
 * struct neuron_uring_wait: a WAIT command in flight
 */
struct neuron_uring_wait {
	struct neuron_waiter waiter;
	struct io_uring_cmd *ioucmd;
	/* @ref: The command's, and the issuer's. */
	struct kref ref;
};

/*
 * struct neuron_uring_pdu: what a command in flight is about
 */
struct neuron_uring_pdu {
	union {
		/* @job: Referenced; all but WAIT. */
		struct neuron_job *job;
		/* @wait: Referenced; WAIT. */
		struct neuron_uring_wait *wait;
	};
	/* @queue: Referenced; rings with IORING_SETUP_IOPOLL only. */
	struct neuron_queue *queue;
	/* @issued: When it was queued, if somebody traces. */
	ktime_t issued;
	/* @hw: Number of the hardware queue, for the trace. */
	u32 hw;
};

static struct neuron_uring_pdu *neuron_uring_pdu(struct io_uring_cmd *ioucmd)
{
	return io_uring_cmd_to_pdu(ioucmd, struct neuron_uring_pdu);
}

static u32 neuron_uring_ctx(const struct io_uring_cmd *ioucmd)
{
	const struct drm_file *file = ioucmd->file->private_data;
	const struct neuron_file *nfile = file->driver_priv;

	return nfile->ctx;
}

/* What the process calls the command. */
static u64 neuron_uring_user_data(struct io_uring_cmd *ioucmd)
{
	return cmd_to_io_kiocb(ioucmd)->cqe.user_data;
}

/* The command is about this job, or waits for it; before anybody can complete it. */
static void neuron_uring_trace_queued(struct io_uring_cmd *ioucmd, u32 hw, u64 seqno)
{
	struct neuron_uring_pdu *pdu = neuron_uring_pdu(ioucmd);

	pdu->hw = hw;
	pdu->issued = trace_neuron_uring_complete_enabled() ? ktime_get() : 0;
	trace_neuron_uring_queued(neuron_uring_ctx(ioucmd), hw, seqno, ioucmd,
				  neuron_uring_user_data(ioucmd));
}

/* The command is completed, and with that taken from us. */
static void neuron_uring_end(struct io_uring_cmd *ioucmd, u64 seqno, int result, u64 end_ns,
			     unsigned int issue_flags)
{
	struct neuron_uring_pdu *pdu = neuron_uring_pdu(ioucmd);

	if (trace_neuron_uring_complete_enabled())
		trace_neuron_uring_complete(neuron_uring_ctx(ioucmd), pdu->hw, seqno, ioucmd,
					    neuron_uring_user_data(ioucmd), result, end_ns,
					    pdu->issued ? ktime_sub(ktime_get(), pdu->issued) : 0);
	neuron_uring_done(ioucmd, result, end_ns, issue_flags);
}

static void neuron_uring_complete(struct neuron_job *job, struct io_uring_cmd *ioucmd, int result,
				  u64 end_ns, unsigned int issue_flags)
{
	neuron_uring_end(ioucmd, job->fence.seqno, result, end_ns, issue_flags);
	dma_fence_put(&job->fence);
}

/* Under the queue's lock, with the ring's room reserved. */
void neuron_uring_arm(struct neuron_job *job, struct neuron_submission *sub)
{
	struct io_uring_cmd *ioucmd = sub->ioucmd;
	struct neuron_uring_pdu *pdu = neuron_uring_pdu(ioucmd);

	dma_fence_get(&job->fence);
	pdu->job = job;
	neuron_uring_trace_queued(ioucmd, sub->queue->hw, job->fence.seqno);
	if (sub->issue_flags & IO_URING_F_IOPOLL) {
		pdu->queue = neuron_queue_get(sub->queue);
		return;
	}

	WRITE_ONCE(job->ioucmd, ioucmd);
	/* Last: from here on io_uring may cancel. */
	io_uring_cmd_mark_cancelable(ioucmd, sub->issue_flags);
}

static void neuron_uring_put_polled(struct io_uring_cmd *ioucmd)
{
	struct neuron_uring_pdu *pdu = neuron_uring_pdu(ioucmd);

	neuron_queue_put(pdu->queue);
	dma_fence_put(&pdu->job->fence);
}

/* Without the job, unless somebody else does it. */
static void neuron_uring_try_complete(struct neuron_job *job, int error, unsigned int issue_flags)
{
	struct io_uring_cmd *ioucmd = xchg(&job->ioucmd, NULL);

	if (ioucmd)
		neuron_uring_complete(job, ioucmd, error, 0, issue_flags);
}

/*
 * The job of an armed command was not pushed. Return: what the issuer returns to io_uring, which
 * forgets a command that it may cancel only through its completion.
 */
int neuron_uring_disarm(struct neuron_job *job, struct neuron_submission *sub, int error)
{
	if (sub->issue_flags & IO_URING_F_IOPOLL) {
		neuron_uring_put_polled(sub->ioucmd);
		return error;
	}
	neuron_uring_try_complete(job, error, sub->issue_flags);
	return -EIOCBQUEUED;
}

static void neuron_uring_finish(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	struct neuron_job *job = neuron_uring_pdu(ioucmd)->job;

	neuron_uring_complete(job, ioucmd, job->fence.error, job->end_ns, issue_flags);
}

NEURON_URING_IN_TASK(neuron_uring_done_in_task, neuron_uring_finish)

/* The job is done, its error set. Any context. */
void neuron_uring_job_done(struct neuron_job *job)
{
	struct io_uring_cmd *ioucmd = xchg(&job->ioucmd, NULL);

	if (ioucmd)
		io_uring_cmd_do_in_task_lazy(ioucmd, neuron_uring_done_in_task);
}

static void neuron_uring_wait_release(struct kref *ref)
{
	struct neuron_uring_wait *wait = container_of(ref, struct neuron_uring_wait, ref);

	neuron_queue_put(wait->waiter.queue);
	kfree(wait);
}

/* The waiter was taken, by the caller or for it. */
static void neuron_uring_wait_complete(struct neuron_uring_wait *wait, unsigned int issue_flags)
{
	struct neuron_waiter *waiter = &wait->waiter;

	neuron_waiter_fini(waiter);
	neuron_uring_end(wait->ioucmd, waiter->seqno, waiter->result, waiter->end_ns, issue_flags);
	kref_put(&wait->ref, neuron_uring_wait_release);
}

static void neuron_uring_wait_finish(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	neuron_uring_wait_complete(neuron_uring_pdu(ioucmd)->wait, issue_flags);
}

NEURON_URING_IN_TASK(neuron_uring_wait_in_task, neuron_uring_wait_finish)

static void neuron_uring_wait_tell(struct neuron_waiter *waiter)
{
	struct neuron_uring_wait *wait = container_of(waiter, struct neuron_uring_wait, waiter);

	io_uring_cmd_do_in_task_lazy(wait->ioucmd, neuron_uring_wait_in_task);
}

static void neuron_uring_cancel(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	struct neuron_uring_pdu *pdu = neuron_uring_pdu(ioucmd);
	bool waits = ioucmd->cmd_op == DRM_NEURON_URING_WAIT;

	trace_neuron_uring_cancel(neuron_uring_ctx(ioucmd), pdu->hw,
				  waits ? pdu->wait->waiter.seqno : pdu->job->fence.seqno, ioucmd,
				  neuron_uring_user_data(ioucmd));
	if (!waits)
		neuron_uring_try_complete(pdu->job, -ECANCELED, issue_flags);
	else if (neuron_waiter_take(&pdu->wait->waiter, -ECANCELED))
		neuron_uring_wait_complete(pdu->wait, issue_flags);
}

/* What a command has no use for is zero, so that it may get a use. */
static bool neuron_uring_is_plain(struct io_uring_cmd *ioucmd)
{
	const struct io_uring_sqe *sqe = ioucmd->sqe;

	return !READ_ONCE(sqe->len) && !READ_ONCE(sqe->buf_index) && !READ_ONCE(sqe->file_index) &&
	       !(ioucmd->flags & IORING_URING_CMD_MASK);
}

static int neuron_uring_submit(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	const struct drm_neuron_uring_submit *cmd;
	u64 ptr;

	cmd = neuron_uring_sqe(ioucmd, struct drm_neuron_uring_submit);
	ptr = READ_ONCE(cmd->ptr);
	if (READ_ONCE(cmd->pad) || READ_ONCE(ioucmd->sqe->addr) || !neuron_uring_is_plain(ioucmd))
		return -EINVAL;

	return neuron_submit_uring(u64_to_user_ptr(ptr), ioucmd, issue_flags);
}

static int neuron_uring_submit_inline(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	const struct drm_neuron_uring_inline *cmd;
	struct neuron_raw_packet packet;

	if (!(issue_flags & IO_URING_F_SQE128))
		return -EOPNOTSUPP;

	cmd = neuron_uring_sqe128(ioucmd, struct drm_neuron_uring_inline);
	if (READ_ONCE(cmd->flags) || READ_ONCE(cmd->pad) || READ_ONCE(ioucmd->sqe->addr) ||
	    !neuron_uring_is_plain(ioucmd))
		return -EINVAL;

	memcpy(&packet, cmd->packet, sizeof(packet));
	barrier_data(&packet); /* the one look at it */
	return neuron_submit_uring_inline(READ_ONCE(cmd->queue_id), &packet, ioucmd, issue_flags);
}

/* The queue is the command's from here on. */
static int neuron_uring_wait_start(struct neuron_uring_wait *wait, unsigned int issue_flags)
{
	kref_init(&wait->ref);
	kref_get(&wait->ref);
	neuron_uring_pdu(wait->ioucmd)->wait = wait;
	neuron_uring_trace_queued(wait->ioucmd, wait->waiter.queue->hw, wait->waiter.seqno);

	/* First, as io_uring must not meet a command that it does not know to be complete. */
	io_uring_cmd_mark_cancelable(wait->ioucmd, issue_flags);
	if (neuron_waiter_add(&wait->waiter))
		neuron_uring_wait_complete(wait, issue_flags);
	kref_put(&wait->ref, neuron_uring_wait_release);
	return -EIOCBQUEUED;
}

static int neuron_uring_wait_queue(struct neuron_queue *queue, u64 seqno, ktime_t deadline,
				   struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	gfp_t gfp = issue_flags & IO_URING_F_NONBLOCK ? GFP_NOWAIT : GFP_KERNEL;
	struct neuron_uring_wait *wait;

	wait = kzalloc(sizeof(*wait), gfp | __GFP_ACCOUNT);
	if (!wait)
		return issue_flags & IO_URING_F_NONBLOCK ? -EAGAIN : -ENOMEM;

	wait->ioucmd = ioucmd;
	neuron_waiter_init(&wait->waiter, neuron_queue_get(queue), seqno, deadline,
			   neuron_uring_wait_tell);
	return neuron_uring_wait_start(wait, issue_flags);
}

static int neuron_uring_wait(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	const struct drm_neuron_uring_wait *cmd =
		neuron_uring_sqe(ioucmd, struct drm_neuron_uring_wait);
	struct drm_file *file = ioucmd->file->private_data;
	u64 seqno = READ_ONCE(cmd->seqno), timeout = READ_ONCE(ioucmd->sqe->addr);
	u32 flags = READ_ONCE(cmd->flags);
	struct neuron_queue *queue;
	int ret;

	if (flags & ~DRM_NEURON_URING_WAIT_CANCEL || timeout > KTIME_MAX ||
	    !neuron_uring_is_plain(ioucmd))
		return -EINVAL;
	if (flags && timeout)
		return -EINVAL;

	queue = neuron_queue_find(file->driver_priv, READ_ONCE(cmd->queue_id));
	if (!queue)
		return -ENOENT;

	if (queue->polled || issue_flags & IO_URING_F_IOPOLL)
		ret = -EOPNOTSUPP;
	else if (!neuron_queue_knows(queue, seqno))
		ret = -EINVAL;
	else if (flags & DRM_NEURON_URING_WAIT_CANCEL)
		ret = neuron_waiters_cancel(queue, seqno);
	else
		ret = neuron_uring_wait_queue(queue, seqno, timeout ?: KTIME_MAX, ioucmd,
					      issue_flags);
	neuron_queue_put(queue);
	return ret;
}

static int neuron_uring_dma(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	const struct drm_neuron_uring_dma *cmd =
		neuron_uring_sqe(ioucmd, struct drm_neuron_uring_dma);
	const struct io_uring_sqe *sqe = ioucmd->sqe;
	struct drm_neuron_dma args = {
		.queue_id = READ_ONCE(cmd->queue_id),
		.flags = READ_ONCE(cmd->flags),
		.ptr = READ_ONCE(sqe->addr),
		.bytes = READ_ONCE(sqe->len),
		.va = READ_ONCE(cmd->va),
	};

	if (issue_flags & IO_URING_F_IOPOLL)
		return -EOPNOTSUPP;
	if (READ_ONCE(sqe->file_index))
		return -EINVAL;
	if (ioucmd->flags & IORING_URING_CMD_MASK & ~IORING_URING_CMD_FIXED)
		return -EINVAL;
	/* Without the flag, io_uring has not looked at it. */
	if (!(ioucmd->flags & IORING_URING_CMD_FIXED) && READ_ONCE(sqe->buf_index))
		return -EINVAL;
	return neuron_dma_uring(&args, ioucmd, issue_flags);
}

static int neuron_uring_dispatch(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	struct drm_file *file = ioucmd->file->private_data;

	/* What drm_ioctl() does for the ioctls. */
	if (drm_dev_is_unplugged(file->minor->dev))
		return -ENODEV;

	switch (ioucmd->cmd_op) {
	case DRM_NEURON_URING_SUBMIT:
		return neuron_uring_submit(ioucmd, issue_flags);
	case DRM_NEURON_URING_SUBMIT_INLINE:
		return neuron_uring_submit_inline(ioucmd, issue_flags);
	case DRM_NEURON_URING_WAIT:
		return neuron_uring_wait(ioucmd, issue_flags);
	case DRM_NEURON_URING_DMA:
		return neuron_uring_dma(ioucmd, issue_flags);
	default:
		return -ENOTTY;
	}
}

static const char *neuron_uring_op_name(u32 cmd_op)
{
	switch (cmd_op) {
	case DRM_NEURON_URING_SUBMIT:
		return "SUBMIT";
	case DRM_NEURON_URING_SUBMIT_INLINE:
		return "SUBMIT_INLINE";
	case DRM_NEURON_URING_WAIT:
		return "WAIT";
	case DRM_NEURON_URING_DMA:
		return "DMA";
	default:
		return "?";
	}
}

static const char *neuron_uring_outcome(int ret, unsigned int issue_flags)
{
	if (ret == -EIOCBQUEUED)
		return "queued";
	return ret == -EAGAIN && issue_flags & IO_URING_F_NONBLOCK ? "punted" : "inline";
}

int neuron_uring_cmd(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	u32 ctx = neuron_uring_ctx(ioucmd);
	u64 user_data = neuron_uring_user_data(ioucmd);
	int ret;

	if (unlikely(issue_flags & IO_URING_F_CANCEL)) {
		neuron_uring_cancel(ioucmd, issue_flags);
		return 0;
	}

	trace_neuron_uring_issue(ctx, ioucmd, user_data, neuron_uring_op_name(ioucmd->cmd_op),
				 ioucmd->flags & IORING_URING_CMD_MASK,
				 !(issue_flags & IO_URING_F_NONBLOCK),
				 issue_flags & IO_URING_F_IOPOLL);
	ret = neuron_uring_dispatch(ioucmd, issue_flags);
	/* It may be complete, and gone; only its name is known. */
	trace_neuron_uring_issued(ctx, ioucmd, user_data, ret,
				  neuron_uring_outcome(ret, issue_flags));
	return ret;
}

/*
 * Nobody waits for the command any more: its ring goes away, then a kernel thread looks, or its
 * process. io_uring would go on looking for as long as the job takes.
 */
static bool neuron_uring_is_abandoned(struct io_uring_cmd *ioucmd)
{
	if (current->flags & PF_KTHREAD)
		return true;
	return io_uring_cmd_get_task(ioucmd)->signal == current->signal &&
	       READ_ONCE(current->signal->flags) & SIGNAL_GROUP_EXIT;
}

/**
 * neuron_uring_cmd_iopoll() - look whether a command is done
 * @ioucmd: Command, of a ring whose uring_lock is held. So it may be completed here, and no other
 *   that the look finds done: that may belong to another ring, which looks itself.
 * @iob: Unused.
 * @poll_flags: Unused, a look takes no time.
 *
 * Return: whether it is.
 */
int neuron_uring_cmd_iopoll(struct io_uring_cmd *ioucmd, struct io_comp_batch *iob,
			    unsigned int poll_flags)
{
	struct neuron_uring_pdu *pdu = neuron_uring_pdu(ioucmd);
	struct neuron_job *job = pdu->job;
	int status;

	neuron_queue_retire(pdu->queue);
	status = dma_fence_get_status(&job->fence);
	trace_neuron_uring_iopoll(neuron_uring_ctx(ioucmd), pdu->hw, job->fence.seqno, ioucmd,
				  neuron_uring_user_data(ioucmd), status);
	if (status)
		neuron_uring_end(ioucmd, job->fence.seqno, min(status, 0), job->end_ns, 0);
	else if (neuron_uring_is_abandoned(ioucmd))
		neuron_uring_end(ioucmd, job->fence.seqno, -ECANCELED, 0, 0);
	else
		return 0;

	neuron_uring_put_polled(ioucmd);
	return 1;
}

static_assert(sizeof(struct drm_neuron_uring_submit) <= 16);
static_assert(sizeof(struct drm_neuron_uring_wait) <= 16);
static_assert(sizeof(struct drm_neuron_uring_dma) <= 16);
static_assert(sizeof(struct drm_neuron_uring_inline) == 80);
static_assert(sizeof_field(struct drm_neuron_uring_inline, packet) == NRN_PACKET_BYTES);
