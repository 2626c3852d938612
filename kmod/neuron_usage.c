// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include "neuron_queue.h"
#include "neuron_usage.h"

/**
 * DOC: Time used
 *
 * The device counts, for each of its queues, how long that had work and how long it had cores. The
 * counters of a file's queues, added up, are what the file has used. A queue leaves its last
 * reading behind when it is destroyed, under the lock that the sum is made under, so the sum never
 * goes back. A reset does not count either: the last reading before it stays, see
 * neuron_queue_mark().
 *
 * Looking takes two registers for each queue, and wakes nobody: an open file keeps the device
 * awake, and a queue that the device has forgotten is not asked.
 */

void neuron_usage_init(struct neuron_usage *usage)
{
	spin_lock_init(&usage->lock);
	INIT_LIST_HEAD(&usage->queues);
}

/* Until neuron_usage_remove(), which comes before the file is freed. */
void neuron_usage_add(struct neuron_usage *usage, struct neuron_queue *queue)
{
	spin_lock(&usage->lock);
	queue->usage = usage;
	list_add_tail(&queue->usage_link, &usage->queues);
	spin_unlock(&usage->lock);
}

/* The queue has been stopped for good, or was never started. */
void neuron_usage_remove(struct neuron_queue *queue)
{
	struct neuron_usage *usage = queue->usage;

	if (!usage)
		return;

	spin_lock(&usage->lock);
	usage->past.busy_ns += queue->busy_ns;
	usage->past.core_ns += queue->core_ns;
	list_del(&queue->usage_link);
	spin_unlock(&usage->lock);
	queue->usage = NULL;
}

static bool neuron_queue_is_active_locked(const struct neuron_queue *queue)
{
	lockdep_assert_held(&queue->irq_lock);

	if (queue->user)
		return !queue->marked && queue->completed != queue->submitted;
	return !list_empty(&queue->jobs);
}

/**
 * neuron_usage_read() - what has been used up to now
 * @usage: Usage of a file.
 * @active: Gets whether the device has work of the file.
 */
struct neuron_times_used neuron_usage_read(struct neuron_usage *usage, bool *active)
{
	struct neuron_times_used sum;
	struct neuron_queue *queue;

	*active = false;
	spin_lock(&usage->lock);
	sum = usage->past;
	list_for_each_entry(queue, &usage->queues, usage_link) {
		spin_lock_irq(&queue->irq_lock);
		neuron_queue_sample_locked(queue);
		sum.busy_ns += queue->busy_ns;
		sum.core_ns += queue->core_ns;
		*active |= neuron_queue_is_active_locked(queue);
		spin_unlock_irq(&queue->irq_lock);
	}
	spin_unlock(&usage->lock);
	return sum;
}
