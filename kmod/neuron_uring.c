// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/uaccess.h>

#include <drm/drm_file.h>
#include <drm/neuron_accel.h>

#include "neuron_compat.h"
#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_submit.h"
#include "neuron_uring.h"

/**
 * DOC: io_uring
 *
 * A command is armed when the job is sure to have a place in the ring. From then on job->ioucmd
 * points at it, and there are up to three parties that may complete it: the job when it is done,
 * the issuer when the push fails after all, and io_uring when the ring or the task goes away. Who
 * takes job->ioucmd out with xchg() does it.
 *
 * The command holds a reference to the job until io_uring_cmd_done() has returned: until then
 * io_uring may call with IO_URING_F_CANCEL.
 *
 * A cancelled command leaves its job alone. The job touches nothing but memory that is bound to the
 * context, and ends with its queue at the latest.
 */
struct neuron_uring_pdu {
	struct neuron_job *job;
};

static struct neuron_job *neuron_uring_job(struct io_uring_cmd *ioucmd)
{
	return io_uring_cmd_to_pdu(ioucmd, struct neuron_uring_pdu)->job;
}

/* The seqno goes into the second half of a big CQE. */
static void neuron_uring_complete(struct neuron_job *job, struct io_uring_cmd *ioucmd, int result,
				  unsigned int issue_flags)
{
	neuron_uring_done(ioucmd, result, job->fence.seqno, issue_flags);
	dma_fence_put(&job->fence);
}

/* Under the queue's lock, with the ring's room reserved. */
void neuron_uring_arm(struct neuron_job *job, struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	dma_fence_get(&job->fence);
	io_uring_cmd_to_pdu(ioucmd, struct neuron_uring_pdu)->job = job;
	WRITE_ONCE(job->ioucmd, ioucmd);
	/* Last: from here on io_uring may cancel. */
	io_uring_cmd_mark_cancelable(ioucmd, issue_flags);
}

/*
 * The job of an armed command was not pushed. io_uring forgets an armed command only through its
 * completion.
 */
void neuron_uring_disarm(struct neuron_job *job, int error, unsigned int issue_flags)
{
	struct io_uring_cmd *ioucmd = xchg(&job->ioucmd, NULL);

	if (ioucmd)
		neuron_uring_complete(job, ioucmd, error, issue_flags);
}

static void neuron_uring_finish(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	struct neuron_job *job = neuron_uring_job(ioucmd);

	neuron_uring_complete(job, ioucmd, job->fence.error, issue_flags);
}

NEURON_URING_IN_TASK(neuron_uring_done_in_task, neuron_uring_finish)

/* The job is done, its error set. Any context. */
void neuron_uring_job_done(struct neuron_job *job)
{
	struct io_uring_cmd *ioucmd = xchg(&job->ioucmd, NULL);

	if (ioucmd)
		io_uring_cmd_do_in_task_lazy(ioucmd, neuron_uring_done_in_task);
}

static void neuron_uring_cancel(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	neuron_uring_disarm(neuron_uring_job(ioucmd), -ECANCELED, issue_flags);
}

static int neuron_uring_submit(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	struct drm_file *file = ioucmd->file->private_data;
	const struct drm_neuron_uring_submit *cmd;
	struct drm_neuron_submit args;
	u64 ptr, pad;

	cmd = neuron_uring_sqe(ioucmd, struct drm_neuron_uring_submit);
	/* The SQE is memory of user space: each field is read once. */
	ptr = READ_ONCE(cmd->ptr);
	pad = READ_ONCE(cmd->pad);
	if (pad)
		return -EINVAL;
	if (copy_from_user(&args, u64_to_user_ptr(ptr), sizeof(args)))
		return -EFAULT;

	return neuron_submit_uring(file->driver_priv, &args, ioucmd, issue_flags);
}

int neuron_uring_cmd(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	if (unlikely(issue_flags & IO_URING_F_CANCEL)) {
		neuron_uring_cancel(ioucmd, issue_flags);
		return 0;
	}

	switch (ioucmd->cmd_op) {
	case DRM_NEURON_URING_SUBMIT:
		return neuron_uring_submit(ioucmd, issue_flags);
	default:
		return -ENOTTY;
	}
}
