// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/slab.h>

#include <drm/drm_print.h>

#include "neuron_debugfs.h"
#include "neuron_device.h"
#include "neuron_hw.h"
#include "neuron_queue.h"
#include "neuron_snapshot.h"

#define NEURON_RINGS_VERSION 1
#define NEURON_RINGS_PACKETS 64
/* Packets before the one that the queue is at. */
#define NEURON_RINGS_BEFORE  8

/* Without a look at the device, if it must not be touched. */
static void neuron_debugfs_take_queue(struct neuron_queue_snapshot *snap,
				      struct neuron_queue *queue)
{
	u64 head = U64_MAX;

	spin_lock_irq(&queue->irq_lock);
	neuron_queue_sample_locked(queue);
	if (queue->counting)
		head = neuron_rd64(queue->ndev, NRN_REG_QUEUE_HEAD(queue->hw));
	neuron_queue_snapshot_locked(snap, queue, head, NEURON_RINGS_BEFORE);
	spin_unlock_irq(&queue->irq_lock);
}

static void neuron_debugfs_print_ring(struct drm_printer *p, struct neuron_device *ndev,
				      struct neuron_queue *queue,
				      struct neuron_queue_snapshot *snap)
{
	int ret = 0;

	neuron_debugfs_take_queue(snap, queue);
	if (snap->user)
		ret = neuron_queue_snapshot_user(snap, ndev, queue, NEURON_RINGS_BEFORE);

	drm_printf(p, "\n[queue %u]\n", queue->hw);
	neuron_queue_snapshot_print(p, snap);
	drm_printf(p, "HEAD: %#llx\n", snap->at);
	if (ret == -EOPNOTSUPP)
		drm_puts(p, "ring: not in pages of this driver\n");
	neuron_queue_snapshot_print_work(p, snap);
}

/* The packets around the one that each queue is at; as in a coredump, but of queues that run. */
void neuron_debugfs_print_rings(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_queue_snapshot *snap __free(kfree) = kzalloc(sizeof(*snap), GFP_KERNEL);
	struct neuron_raw_packet *packets __free(kfree) =
		kcalloc(NEURON_RINGS_PACKETS, sizeof(*packets), GFP_KERNEL);
	struct neuron_queue *queue __free(neuron_queue) = NULL;

	drm_printf(p, "neuron_accel rings %u\n", NEURON_RINGS_VERSION);
	if (!snap || !packets) {
		drm_puts(p, "out of memory\n");
		return;
	}

	snap->packets = packets;
	snap->packet_room = NEURON_RINGS_PACKETS;
	while ((queue = neuron_queue_next(ndev, queue)))
		neuron_debugfs_print_ring(p, ndev, queue, snap);
}
