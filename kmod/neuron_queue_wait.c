// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/hrtimer.h>
#include <linux/sched/signal.h>

#include "neuron_device.h"
#include "neuron_queue.h"

/**
 * DOC: Waiting
 *
 * The interrupt handler completes jobs and wakes whoever waits on neuron_queue.wait. On a queue
 * without interrupts it is the waiter who looks: he spins for about as long as a short job takes,
 * then sleeps between his looks, longer each time, up to a limit. Looking completes the jobs for
 * everybody. If nobody waits, the watchdog does it, so that fences signal in finite time.
 *
 * On a queue in user mode the handler only wakes the waiters, who look at HEAD. So does the
 * watchdog: a waiter for a packet without an interrupt learns of it when somebody else is told.
 */
#define NEURON_SPIN_NS	    (20 * NSEC_PER_USEC)
#define NEURON_SLEEP_MIN_NS (20 * NSEC_PER_USEC)
#define NEURON_SLEEP_MAX_NS (1 * NSEC_PER_MSEC)

/* A while of sleep, or less if somebody else completes jobs. Return: 0, -ETIME or -ERESTARTSYS. */
static int neuron_queue_sleep(struct neuron_queue *queue,
			      bool (*done)(struct neuron_queue *queue, u64 arg), u64 arg,
			      ktime_t while_ns)
{
	return wait_event_interruptible_hrtimeout(queue->wait, done(queue, arg), while_ns);
}

static int neuron_queue_poll(struct neuron_queue *queue,
			     bool (*done)(struct neuron_queue *queue, u64 arg), u64 arg,
			     ktime_t deadline)
{
	ktime_t spin_end = min(ktime_add_ns(ktime_get(), NEURON_SPIN_NS), deadline);
	ktime_t sleep = NEURON_SLEEP_MIN_NS;
	ktime_t now;
	int ret;

	for (;;) {
		neuron_queue_retire(queue);
		if (done(queue, arg))
			return 0;

		now = ktime_get();
		if (now >= deadline)
			return -ETIME;
		if (now < spin_end && !need_resched()) {
			cpu_relax();
			continue;
		}

		ret = neuron_queue_sleep(queue, done, arg, min(sleep, ktime_sub(deadline, now)));
		if (ret != -ETIME)
			return ret;
		sleep = min(2 * sleep, NEURON_SLEEP_MAX_NS);
	}
}

/**
 * neuron_queue_wait_event() - wait for something that the queue does
 * @queue: Queue, referenced; the device need not be entered.
 * @done: Whether it has happened; called in any state of the task, so it must not sleep.
 * @arg: For @done.
 * @deadline: Absolute, or KTIME_MAX.
 *
 * Return: 0, -ETIME or -ERESTARTSYS.
 */
int neuron_queue_wait_event(struct neuron_queue *queue,
			    bool (*done)(struct neuron_queue *queue, u64 arg), u64 arg,
			    ktime_t deadline)
{
	ktime_t now = ktime_get();

	if (done(queue, arg))
		return 0;
	if (queue->polled)
		return neuron_queue_poll(queue, done, arg, deadline);
	if (deadline <= now)
		return -ETIME;
	return neuron_queue_sleep(queue, done, arg,
				  deadline == KTIME_MAX ? KTIME_MAX : ktime_sub(deadline, now));
}

/* Result of a job that is done. */
int neuron_queue_result_locked(struct neuron_queue *queue, u64 seqno)
{
	lockdep_assert_held(&queue->irq_lock);

	if (!queue->failed || seqno < queue->failed)
		return 0;
	return seqno == queue->failed ? queue->first_error : queue->rest_error;
}

static bool neuron_queue_job_done(struct neuron_queue *queue, u64 seqno)
{
	bool done;

	spin_lock_irq(&queue->irq_lock);
	done = neuron_queue_reached_locked(queue) >= seqno;
	spin_unlock_irq(&queue->irq_lock);
	return done;
}

static void neuron_queue_fill_wait(struct neuron_queue *queue, struct drm_neuron_wait *args)
{
	struct neuron_times times = {};

	spin_lock_irq(&queue->irq_lock);
	args->status = neuron_queue_result_locked(queue, args->seqno);
	if (!queue->user)
		times = neuron_queue_times_locked(queue, args->seqno);
	spin_unlock_irq(&queue->irq_lock);

	args->start_ns = times.start_ns;
	args->end_ns = times.end_ns;
}

static int neuron_queue_wait(struct neuron_queue *queue, struct drm_neuron_wait *args)
{
	int ret;

	if (!args->seqno)
		return -EINVAL;
	/* What the process will submit to a queue in user mode, it knows best. */
	if (!queue->user && args->seqno > READ_ONCE(queue->submitted))
		return -EINVAL;

	/* No drm_dev_enter(): remove must not wait for us, it ends the wait. */
	ret = neuron_queue_wait_event(queue, neuron_queue_job_done, args->seqno, args->timeout_ns);
	if (!ret)
		neuron_queue_fill_wait(queue, args);
	return ret;
}

int neuron_wait_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_wait *args = data;
	struct neuron_queue *queue;
	int ret;

	if (args->pad || args->pad2)
		return -EINVAL;

	queue = neuron_queue_find(file->driver_priv, args->queue_id);
	if (!queue)
		return -ENOENT;
	ret = neuron_queue_wait(queue, args);
	neuron_queue_put(queue);
	return ret;
}
