/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_SUBMIT_H__
#define __NEURON_SUBMIT_H__

#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#include "neuron_queue.h"

struct dma_fence;
struct dma_fence_chain;
struct drm_neuron_array;
struct drm_neuron_submit;
struct drm_syncobj;
struct io_uring_cmd;
struct neuron_dma;

/* Packets that are kept without an allocation. */
#define NEURON_SUBMIT_INLINE 4

/*
 * struct neuron_sync_out: a point that signals with the job
 */
struct neuron_sync_out {
	struct drm_syncobj *syncobj;
	/* @chain: Node for the point; NULL for a binary syncobj. */
	struct dma_fence_chain *chain;
	u64 point;
};

/*
 * struct neuron_submission: a submission on its way
 */
struct neuron_submission {
	struct neuron_file *nfile;
	struct neuron_queue *queue;
	struct neuron_job *job;
	struct neuron_raw_packet *packets;
	u32 count;
	/* @nonblock: Give up with -EAGAIN instead of waiting. */
	bool nonblock;
	/* @chain: Node for the point on the queue's own timeline. */
	struct dma_fence_chain *chain;
	struct dma_fence **in;
	u32 num_in;
	struct neuron_sync_out *out;
	u32 num_out;
	/* @dma: Memory of a process that the job uses, until it is pushed, or NULL. */
	struct neuron_dma *dma;
	/* @seqno_ptr: Where to write the job's number before it can be done, or NULL. */
	u64 __user *seqno_ptr;
	/* @ioucmd: Command to complete with the job, or NULL. */
	struct io_uring_cmd *ioucmd;
	unsigned int issue_flags;
	/* @inline_packets: The last member: there is no need to clear it. */
	struct neuron_raw_packet inline_packets[NEURON_SUBMIT_INLINE];
};

static inline void neuron_submit_init(struct neuron_submission *sub, struct neuron_file *nfile)
{
	memset(sub, 0, offsetof(struct neuron_submission, inline_packets));
	sub->nfile = nfile;
}

int neuron_submit_begin(struct neuron_submission *sub, u32 queue_id);
int neuron_submit_parse_syncs(struct neuron_submission *sub, const struct drm_neuron_array *array);
int neuron_submit_wait(struct neuron_submission *sub);
int neuron_submit_commit(struct neuron_submission *sub, u64 *seqno);
void neuron_submit_cleanup(struct neuron_submission *sub);

int neuron_submit_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

void neuron_submit_init_uring(struct neuron_submission *sub, struct io_uring_cmd *ioucmd,
			      unsigned int issue_flags);
int neuron_submit_uring_result(const struct neuron_submission *sub, int ret);
int neuron_submit_uring(struct drm_neuron_submit __user *ptr, struct io_uring_cmd *ioucmd,
			unsigned int issue_flags);
int neuron_submit_uring_inline(u32 queue_id, const struct neuron_raw_packet *packet,
			       struct io_uring_cmd *ioucmd, unsigned int issue_flags);

#endif /* __NEURON_SUBMIT_H__ */
