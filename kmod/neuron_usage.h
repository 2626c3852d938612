/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_USAGE_H__
#define __NEURON_USAGE_H__

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct neuron_queue;

/*
 * struct neuron_times_used: time that queues have used of the device
 */
struct neuron_times_used {
	/* @busy_ns: For how long a queue had work, as long as it did not wait for cores. */
	u64 busy_ns;
	/* @core_ns: Time of cores. */
	u64 core_ns;
};

/*
 * struct neuron_usage: what a file has used of the device
 */
struct neuron_usage {
	/* @lock: Protects what follows. */
	spinlock_t lock;
	/* @queues: The queues of the file that are not destroyed. */
	struct list_head queues;
	/* @past: Used by those that are. */
	struct neuron_times_used past;
};

void neuron_usage_init(struct neuron_usage *usage);
void neuron_usage_add(struct neuron_usage *usage, struct neuron_queue *queue);
void neuron_usage_remove(struct neuron_queue *queue);
struct neuron_times_used neuron_usage_read(struct neuron_usage *usage, bool *active);

#endif /* __NEURON_USAGE_H__ */
