// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/dma-fence.h>
#include <linux/dma-fence-chain.h>

#include <drm/drm_print.h>

#include "neuron_compat.h"
#include "neuron_debugfs.h"
#include "neuron_device.h"
#include "neuron_queue.h"
#include "neuron_stall.h"

/* A task is about to sleep: what for, who looks for the reason can see. */
void neuron_stall_begin(struct neuron_stall *stall, const struct neuron_queue *queue,
			struct dma_fence *fence, u32 packets)
{
	struct neuron_device *ndev = queue->ndev;

	stall->queue = queue;
	stall->fence = fence;
	stall->packets = packets;
	stall->since = ktime_get();
	stall->pid = task_tgid_nr(current);
	get_task_comm(stall->comm, current->group_leader);

	spin_lock(&ndev->stalls_lock);
	list_add_tail(&stall->link, &ndev->stalls);
	spin_unlock(&ndev->stalls_lock);
}

void neuron_stall_end(struct neuron_stall *stall)
{
	struct neuron_device *ndev = stall->queue->ndev;

	spin_lock(&ndev->stalls_lock);
	list_del(&stall->link);
	spin_unlock(&ndev->stalls_lock);
}

#if IS_ENABLED(CONFIG_DEBUG_FS)
/*
 * struct neuron_fence_owner: which queue the jobs of a fence context belong to
 */
struct neuron_fence_owner {
	u64 context;
	u32 hw;
};

/* Return: how many; the queues of the device at this moment. */
static u32 neuron_fence_owners(struct neuron_device *ndev, struct neuron_fence_owner *owners)
{
	struct neuron_queue *queue __free(neuron_queue) = NULL;
	u32 count = 0;

	while (count < NRN_MAX_QUEUES && (queue = neuron_queue_next(ndev, queue)))
		owners[count++] = (struct neuron_fence_owner){ queue->fence_context, queue->hw };
	return count;
}

static void neuron_stall_print_fence(struct drm_printer *p, struct dma_fence *fence,
				     const struct neuron_fence_owner *owners, u32 count)
{
	struct dma_fence *inner = dma_fence_chain_contained(fence);
	u32 i;

	rcu_read_lock();
	drm_printf(p, " waits=fence driver=%s timeline=%s context=%llu seqno=%llu",
		   neuron_fence_driver(inner), neuron_fence_timeline(inner), inner->context,
		   (u64)inner->seqno);
	rcu_read_unlock();
	for (i = 0; i < count; i++)
		if (owners[i].context == inner->context)
			drm_printf(p, " of=%u", owners[i].hw);
}

static void neuron_stall_print(struct drm_printer *p, const struct neuron_stall *stall,
			       const struct neuron_fence_owner *owners, u32 count)
{
	drm_printf(p, "queue=%u ctx=%u packets=%u waited_ms=%lld", stall->queue->hw,
		   stall->queue->ctx, stall->packets,
		   ktime_ms_delta(ktime_get(), stall->since));
	if (stall->fence)
		neuron_stall_print_fence(p, stall->fence, owners, count);
	else
		drm_puts(p, " waits=room");
	drm_printf(p, " pid=%d comm=%s\n", stall->pid, stall->comm);
}

/* One line per task that waits in a submission. */
void neuron_debugfs_print_stalls(struct drm_printer *p, struct neuron_device *ndev)
{
	struct neuron_fence_owner *owners;
	struct neuron_stall *stall;
	u32 count;

	owners = kcalloc(NRN_MAX_QUEUES, sizeof(*owners), GFP_KERNEL);
	if (!owners)
		return;
	count = neuron_fence_owners(ndev, owners);
	spin_lock(&ndev->stalls_lock);
	list_for_each_entry(stall, &ndev->stalls, link)
		neuron_stall_print(p, stall, owners, count);
	spin_unlock(&ndev->stalls_lock);
	kfree(owners);
}
#endif
