/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_STALL_H__
#define __NEURON_STALL_H__

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>

struct dma_fence;
struct neuron_queue;

/*
 * struct neuron_stall: a task that waits in a submission, on its stack
 */
struct neuron_stall {
	/* @link: In neuron_device.stalls. */
	struct list_head link;
	const struct neuron_queue *queue;
	/* @fence: What it waits for; the submission's. NULL: room in the ring. */
	struct dma_fence *fence;
	/* @packets: That it wants to write. */
	u32 packets;
	ktime_t since;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

void neuron_stall_begin(struct neuron_stall *stall, const struct neuron_queue *queue,
			struct dma_fence *fence, u32 packets);
void neuron_stall_end(struct neuron_stall *stall);

#endif /* __NEURON_STALL_H__ */
