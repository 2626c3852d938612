// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include "neuron_compat.h"
#include "neuron_queue.h"
#include "neuron_waiter.h"

/**
 * DOC: Waiters
 *
 * A waiter is in its queue's tree, ordered by seqno, so that an interrupt looks at those only that
 * it has something to tell. It leaves the tree exactly once: because the queue got there or stopped
 * for good, because its time is over, or because its owner gives up. Who takes it out, under the
 * queue's irq_lock, sets the result and tells it, without that lock.
 *
 * Queues in USER mode use the same tree; only what neuron_queue_reached_locked() and
 * neuron_queue_result_locked() say about them is different.
 */

static bool neuron_waiter_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct neuron_waiter, node)->seqno <
	       rb_entry(b, struct neuron_waiter, node)->seqno;
}

static int neuron_waiter_compare(const void *key, const struct rb_node *node)
{
	u64 seqno = *(const u64 *)key, other = rb_entry(node, struct neuron_waiter, node)->seqno;

	if (seqno == other)
		return 0;
	return seqno < other ? -1 : 1;
}

static void neuron_waiter_take_locked(struct neuron_waiter *waiter, int result)
{
	lockdep_assert_held(&waiter->queue->irq_lock);

	waiter->taken = true;
	waiter->result = result;
	if (!RB_EMPTY_NODE(&waiter->node))
		rb_erase_cached(&waiter->node, &waiter->queue->waiters);
	RB_CLEAR_NODE(&waiter->node);
}

/* The queue got there. */
static void neuron_waiter_reach_locked(struct neuron_waiter *waiter)
{
	struct neuron_queue *queue = waiter->queue;

	waiter->end_ns = neuron_queue_times_locked(queue, waiter->seqno).end_ns;
	neuron_waiter_take_locked(waiter, neuron_queue_result_locked(queue, waiter->seqno));
}

/**
 * neuron_waiter_take() - stop waiting
 * @waiter: Waiter, added or not.
 * @result: Why.
 *
 * Return: true if the caller is the one to tell it.
 */
bool neuron_waiter_take(struct neuron_waiter *waiter, int result)
{
	unsigned long flags;
	bool mine;

	spin_lock_irqsave(&waiter->queue->irq_lock, flags);
	mine = !waiter->taken;
	if (mine)
		neuron_waiter_take_locked(waiter, result);
	spin_unlock_irqrestore(&waiter->queue->irq_lock, flags);
	return mine;
}

static enum hrtimer_restart neuron_waiter_expire(struct hrtimer *timer)
{
	struct neuron_waiter *waiter = container_of(timer, struct neuron_waiter, timer);

	if (neuron_waiter_take(waiter, -ETIME))
		waiter->tell(waiter);
	return HRTIMER_NORESTART;
}

void neuron_waiter_init(struct neuron_waiter *waiter, struct neuron_queue *queue, u64 seqno,
			ktime_t deadline, void (*tell)(struct neuron_waiter *waiter))
{
	waiter->queue = queue;
	waiter->seqno = seqno;
	waiter->deadline = deadline;
	waiter->tell = tell;
	waiter->taken = false;
	waiter->end_ns = 0;
	RB_CLEAR_NODE(&waiter->node);
	hrtimer_setup(&waiter->timer, neuron_waiter_expire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
}

/* The waiter has been taken; when this returns, the timer does not use it any more. May sleep. */
void neuron_waiter_fini(struct neuron_waiter *waiter)
{
	hrtimer_cancel(&waiter->timer);
}

/**
 * neuron_waiter_add() - begin to wait
 * @waiter: Waiter.
 *
 * Return: true if the caller has to tell it, because there is nothing to wait for; the waiter is
 * taken then. When false is returned it may be gone already.
 */
bool neuron_waiter_add(struct neuron_waiter *waiter)
{
	struct neuron_queue *queue = waiter->queue;
	unsigned long flags;
	bool reached = false;

	spin_lock_irqsave(&queue->irq_lock, flags);
	if (!waiter->taken) {
		reached = neuron_queue_reached_locked(queue) >= waiter->seqno;
		if (reached) {
			neuron_waiter_reach_locked(waiter);
		} else {
			rb_add_cached(&waiter->node, &queue->waiters, neuron_waiter_less);
			/* Under the lock: who takes the waiter must find the timer started. */
			if (waiter->deadline != KTIME_MAX)
				hrtimer_start(&waiter->timer, waiter->deadline, HRTIMER_MODE_ABS);
		}
	}
	spin_unlock_irqrestore(&queue->irq_lock, flags);
	return reached;
}

/* Take those out that the queue has nothing to keep waiting for. */
void neuron_waiters_collect_locked(struct neuron_queue *queue, struct list_head *waiters)
{
	struct neuron_waiter *waiter;
	struct rb_node *node;
	u64 reached;

	lockdep_assert_held(&queue->irq_lock);

	if (RB_EMPTY_ROOT(&queue->waiters.rb_root))
		return;

	reached = neuron_queue_reached_locked(queue);
	while ((node = rb_first_cached(&queue->waiters))) {
		waiter = rb_entry(node, struct neuron_waiter, node);
		if (waiter->seqno > reached)
			break;
		neuron_waiter_reach_locked(waiter);
		list_add_tail(&waiter->link, waiters);
	}
}

/* Any context, without the irq_lock: a waiter that was told may be freed at once. */
void neuron_waiters_tell(struct list_head *waiters)
{
	struct neuron_waiter *waiter, *next;

	list_for_each_entry_safe(waiter, next, waiters, link)
		waiter->tell(waiter);
}

/* Tell those that wait for @seqno that they are cancelled. Return: how many there were. */
u32 neuron_waiters_cancel(struct neuron_queue *queue, u64 seqno)
{
	struct neuron_waiter *waiter;
	struct rb_node *node;
	LIST_HEAD(waiters);
	u32 count = 0;

	spin_lock_irq(&queue->irq_lock);
	while ((node = rb_find(&seqno, &queue->waiters.rb_root, neuron_waiter_compare))) {
		waiter = rb_entry(node, struct neuron_waiter, node);
		neuron_waiter_take_locked(waiter, -ECANCELED);
		list_add_tail(&waiter->link, &waiters);
		count++;
	}
	spin_unlock_irq(&queue->irq_lock);

	neuron_waiters_tell(&waiters);
	return count;
}
