/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_JOB_H__
#define __NEURON_JOB_H__

#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct io_uring_cmd;
struct neuron_dma;
struct neuron_queue;

/*
 * struct neuron_job: a job is its fence
 *
 * A sync file may keep the fence for longer than queue, file, device and even module live. So the
 * lock is inside, the ops need nothing but the fence, and freeing is left to the core.
 */
struct neuron_job {
	/* @fence: First, see dma_fence_free(). */
	struct dma_fence fence;
	/* @lock: Lock of @fence. */
	spinlock_t lock;
	/* @link: In neuron_queue.jobs, which holds a reference, until the job is done. */
	struct list_head link;
	/* @first: Index of the first packet since the queue started. */
	u64 first;
	/* @end: Index after the last one: the value that the device writes when the job is done. */
	u64 end;
	/*
	 * @start_ns: Device clock when the job was begun. It and @end_ns are set before @fence
	 * signals, and stay 0 if the job did not run to its end.
	 */
	u64 start_ns;
	/* @end_ns: Device clock when it was done. */
	u64 end_ns;
	/*
	 * @ioucmd: Command to complete with the job. Whoever takes it out with xchg() completes
	 * it.
	 */
	struct io_uring_cmd *ioucmd;
	/*
	 * @dma: Memory of a process that the job uses, or NULL. Set before the job is pushed, not
	 * to be followed once it is done.
	 */
	struct neuron_dma *dma;
	/*
	 * @copy_back: The job is not over before a copy on the CPU, see DOC: Bounce buffers. Once
	 * the job is pushed, under neuron_queue.irq_lock.
	 */
	bool copy_back;
	/* @held: With @dma, in neuron_queue.held, until the memory has been given back. */
	struct list_head held;
};

struct neuron_job *neuron_job_alloc(gfp_t gfp);
void neuron_job_init_fence(struct neuron_job *job, u64 context, u64 seqno);
void neuron_jobs_finish(struct neuron_queue *queue, struct list_head *jobs);

#endif /* __NEURON_JOB_H__ */
