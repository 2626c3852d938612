/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_WAITER_H__
#define __NEURON_WAITER_H__

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

struct neuron_queue;

/*
 * struct neuron_waiter: somebody who is told when a queue has got as far as a seqno
 */
struct neuron_waiter {
	/* @queue: Referenced by the owner. */
	struct neuron_queue *queue;
	u64 seqno;
	/* @tell: Called once for a waiter that was added, in any context, without the irq_lock. */
	void (*tell)(struct neuron_waiter *waiter);
	/* @deadline: CLOCK_MONOTONIC, KTIME_MAX for none. */
	ktime_t deadline;
	struct hrtimer timer;

	/* @node: In neuron_queue.waiters, until the waiter is taken. */
	struct rb_node node;
	/* @link: In the list of those that are told together. */
	struct list_head link;
	/* @taken: It is decided who tells; under irq_lock. */
	bool taken;
	/* @result: Result of the job, -ETIME or -ECANCELED; written by whoever takes it. */
	int result;
	/* @end_ns: As in &struct neuron_job. */
	u64 end_ns;
};

void neuron_waiter_init(struct neuron_waiter *waiter, struct neuron_queue *queue, u64 seqno,
			ktime_t deadline, void (*tell)(struct neuron_waiter *waiter));
void neuron_waiter_fini(struct neuron_waiter *waiter);

bool neuron_waiter_add(struct neuron_waiter *waiter);
bool neuron_waiter_take(struct neuron_waiter *waiter, int result);
u32 neuron_waiters_cancel(struct neuron_queue *queue, u64 seqno);

void neuron_waiters_collect_locked(struct neuron_queue *queue, struct list_head *waiters);
void neuron_waiters_tell(struct list_head *waiters);

#endif /* __NEURON_WAITER_H__ */
