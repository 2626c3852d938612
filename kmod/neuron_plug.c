// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/blkdev.h>
#include <linux/container_of.h>
#include <linux/slab.h>

#include "neuron_plug.h"
#include "neuron_queue.h"

/**
 * DOC: Plugs
 *
 * When a process hands several commands to io_uring at once, their jobs need one doorbell, not one
 * each. io_uring has what tells the end of such a batch: it plugs the block layer around it, for
 * the sake of drives that want the same. Whoever asks can be called when the plug is pulled, which
 * is before the task sleeps at the latest. Who else writes the doorbell meanwhile, an ioctl say,
 * announces the jobs that wait for the plug as well.
 */

struct neuron_plug {
	struct blk_plug_cb cb;
	/* @held: A reference to the queue is held; not yet in a new one. */
	bool held;
};

/* The task may be about to sleep: nothing here does. */
static void neuron_plug_pull(struct blk_plug_cb *cb, bool from_schedule)
{
	struct neuron_plug *plug = container_of(cb, struct neuron_plug, cb);
	struct neuron_queue *queue = cb->data;

	neuron_queue_announce(queue);
	neuron_queue_put(queue);
	kfree(plug);
}

/**
 * neuron_plug_add() - put off a queue's doorbell to the end of the batch
 * @queue: Queue.
 *
 * Return: Whether there is a batch; if not, the caller writes the doorbell.
 */
bool neuron_plug_add(struct neuron_queue *queue)
{
	struct neuron_plug *plug;
	struct blk_plug_cb *cb;

	cb = blk_check_plugged(neuron_plug_pull, queue, sizeof(*plug));
	if (!cb)
		return false;

	plug = container_of(cb, struct neuron_plug, cb);
	if (!plug->held)
		neuron_queue_get(queue);
	plug->held = true;
	return true;
}
